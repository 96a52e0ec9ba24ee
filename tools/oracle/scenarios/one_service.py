# SPDX-License-Identifier: GPL-2.0-or-later
"""Random edits of one service, of one scheduler at first."""

from __future__ import annotations

import random

from .writer import HASHED, SCHEDULERS, OneService


class SchedulerScenario(OneService):
    """Random edits of one service with picks between them."""

    def __init__(self, chance: random.Random, kind: str, place: tuple[int, int], readd: bool) -> None:
        super().__init__(chance, chance.choice(("tcp", "udp")), place)
        self._kind = kind
        self._scheduler = kind
        self._readd = readd
        self._servers: dict[str, str] = {}  # address:port to forwarding option, in the order of adding
        self._gone: list[tuple[str, str]] = []  # with their forwarding: docs/oracle.md has the quirk of a changed one
        self._open: list[int] = []
        self._weights = chance.choice(([1], [1, 2, 3], list(range(0, 6)), [2, 4, 6, 10], [5, 50, 100], [0, 1, 1000],
                                       [7, 11, 13, 0], [1, 2, 100000]))
        self._threshold_chance = chance.choice((0, 0, 0.1, 0.5))
        self._waits = 1 if self.protocol == "tcp" and chance.random() < 0.03 else 0

    def write(self) -> list[str]:
        self._restore([f"-A {self.option} -s {self._kind}{self._flags()}",
                       *(self._add() for _ in range(self.chance.randint(1, 6)))])
        for _ in range(self.chance.randint(3, 8)):
            self._picks()
            if self.protocol == "tcp" and self.chance.random() < 0.6:
                self._move_connections()
            self._change()
        self._picks()
        self.lines.append("list")
        return self.lines

    def _flags(self) -> str:
        if self._scheduler not in HASHED or self.chance.random() < 0.3:
            return ""
        names = self.chance.choice((["port"], ["fallback"], ["port", "fallback"]))
        return " -b " + ",".join(f"{self._scheduler}-{name}" for name in names)

    def _change(self) -> None:
        what = self.chance.random()
        if what < 0.76:
            self._restore([self._edit() for _ in range(self.chance.choice((1, 1, 1, 2, 3)))])
        elif what < 0.82:  # another scheduler, or the same with other flags
            self._scheduler = self.chance.choice((self._kind, *SCHEDULERS))
            self._restore([f"-E {self.option} -s {self._scheduler}{self._flags()}"])
        elif what < 0.85 and self._readd:  # the service's next life: its servers' counts come back
            self._restore([f"-D {self.option}", f"-A {self.option} -s {self._scheduler}{self._flags()}",
                           *(f"-a {self.option} -r {server} {method} -w {self._weight()}"
                             for server, method in self._servers.items())])
        elif self._waits:  # closed connections expire after 10 s
            self._waits -= 1
            self._move_connections("rst")
            self.lines.append("wait 13")
            self.lines.append("list")

    def _restore(self, batch: list[str]) -> None:
        self.lines += ["restore {", *batch, "}"]

    def _weight(self) -> int:
        return self.chance.choice(self._weights)

    def _thresholds(self) -> str:
        if self.chance.random() >= self._threshold_chance:
            return ""
        upper = self.chance.randint(2, 8)
        return f" -x {upper} -y {self.chance.randint(0, upper)}"

    def _add(self) -> str:
        if self._gone and self._readd and self.chance.random() < 0.5:
            server, method = self._gone.pop()
        else:
            server = f"{self.new_server()}:{self.service.rpartition(':')[2]}"
            method = self.chance.choice(("-g", "-g", "-i", "-m"))
        self._servers[server] = method
        return f"-a {self.option} -r {server} {method} -w {self._weight()}{self._thresholds()}"

    def _edit(self) -> str:
        action = self.chance.random()
        if action < 0.35 or not self._servers:
            return self._add()
        server = self.chance.choice(sorted(self._servers))
        if action < 0.6:
            self._gone.append((server, self._servers.pop(server)))
            return f"-d {self.option} -r {server}"
        return f"-e {self.option} -r {server} {self._servers[server]} -w {self._weight()}{self._thresholds()}"

    def _picks(self) -> None:
        count = self.chance.randint(3, 24)
        if self._scheduler in HASHED and self.chance.random() < 0.5:
            first = self.chance.randint(2, 200)
            source = f"{self.client(f'${{{first}+i}}')}:{self.ports(1)}"
        else:
            first = self.ports(count)
            self._open += range(first, first + count)
            source = f"{self.client(2)}:${{{first}+i}}"
        self.lines.append(f"picks {count} {self.packet()} {source} > {self.service}")

    def _move_connections(self, flags: str = "") -> None:
        """Some connections get on or end, which moves the counts that the dynamic schedulers read."""
        for _ in range(self.chance.randint(1, 6)):
            if self._open:
                chosen = flags or self.chance.choice(("ack", "fin,ack", "rst", "ack"))
                port = self.chance.choice(self._open)
                self.lines.append(f"tcp {chosen} {self.client(2)}:{port} > {self.service}")
