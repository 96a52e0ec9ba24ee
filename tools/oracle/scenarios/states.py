# SPDX-License-Identifier: GPL-2.0-or-later
"""Random walks through TCP's states."""

from __future__ import annotations

import random

from .writer import OneService

STATES = ("states-dr", "states-nat")
WALK = ("syn", "ack", "fin,ack", "rst", "syn,ack", "ack,psh", "fin", "rst,ack", "none")


class StateScenario(OneService):
    """A few connections to one server, each with random flags from the client and, in NAT, from the server."""

    def __init__(self, chance: random.Random, kind: str, place: tuple[int, int]) -> None:
        super().__init__(chance, "tcp", place)
        self._nat = kind == "states-nat"

    def write(self) -> list[str]:
        server = f"{self.new_server()}:{8080 if self._nat else self.service.rpartition(':')[2]}"
        self.lines += ["restore {", f"-A {self.option} -s rr",
                       f"-a {self.option} -r {server} {'-m' if self._nat else '-g'}", "}"]
        clients = [f"{self.client(2)}:{self.ports(1)}" for _ in range(4)]
        for round_number in range(6):
            for client in clients:
                first = round_number == 0 and self.chance.random() < 0.9
                flags = "syn" if first else self.chance.choice(WALK)
                if self._nat and not first and self.chance.random() < 0.5:
                    self.lines.append(f"server tcp {flags} {server} > {client}")
                else:
                    self.lines.append(f"tcp {flags} {client} > {self.service}")
            self.lines.append("conns")
        self.lines.append("list")
        return self.lines
