# SPDX-License-Identifier: GPL-2.0-or-later
"""What all kinds of random scenarios share."""

from __future__ import annotations

import random

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "dh", "sh", "mh", "lblc", "lblcr")
HASHED = ("sh", "mh")
SEEDS_PER_NET = 8  # with 31 servers each; 2000 seeds of a kind share no address


class Writer:
    """Addresses of a scenario's own, and ports never used twice.

    Each (kind, seed) has other addresses, so that scenarios may follow each other on one director. `six` is the family
    of the scenario, and each address may be asked for in the other one.
    """

    def __init__(self, chance: random.Random, place: tuple[int, int], six: bool = False) -> None:
        self.chance = chance
        self._place = place
        self.six = six
        self.lines: list[str] = []
        self._next_port = 2000
        self._fresh_server = 0

    def vip(self, six: bool | None = None) -> str:
        kind, seed = self._place
        if self.six if six is None else six:
            return f"[2001:db8:1:{kind + 1:x}:{seed % 65536:x}::1]"
        return f"10.{100 + kind}.{seed // 250 % 250}.{1 + seed % 250}"

    def client(self, number: object, six: bool | None = None) -> str:
        """A client's address; the number may be an expression."""
        kind, seed = self._place
        if self.six if six is None else six:
            return f"[2001:db8:1:{256 + kind:x}:{seed % 65536:x}::{number}]"
        return f"10.{130 + kind}.{seed % 256}.{number}"

    def new_server(self, six: bool | None = None) -> str:
        """An address not used before: the kernel gives a deleted server its old counters back."""
        self._fresh_server += 1
        kind, seed = self._place
        if self.six if six is None else six:
            return f"[2001:db8:2:{kind + 1:x}:{seed % 65536:x}::{self._fresh_server:x}]"
        return f"172.{16 + kind}.{seed // SEEDS_PER_NET % 256}.{seed % SEEDS_PER_NET * 32 + self._fresh_server}"

    def ports(self, count: int) -> int:
        first = self._next_port
        self._next_port += count
        return first


class OneService(Writer):
    """A scenario of one service."""

    def __init__(self, chance: random.Random, protocol: str, place: tuple[int, int]) -> None:
        super().__init__(chance, place, six=chance.random() < 0.25)
        self.protocol = protocol
        self.service = f"{self.vip()}:{chance.choice((53, 80, 443, 8080))}"
        self.option = f"-{'t' if protocol == 'tcp' else 'u'} {self.service}"

    def packet(self) -> str:
        return "tcp syn" if self.protocol == "tcp" else "udp"
