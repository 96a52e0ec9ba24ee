# SPDX-License-Identifier: GPL-2.0-or-later
"""Random lives of connections."""

from __future__ import annotations

import random

from .writer import OneService

# What an orderly life of a TCP connection is made of: who sends, and what.
OPENINGS = (("C syn", "S syn,ack", "C ack"), ("C syn", "S syn,ack", "C ack", "C ack,psh", "S ack"),
            ("C syn", "S syn,ack", "C ack", "S ack,psh", "C ack"), ("C syn",), ("C syn", "S rst,ack"),
            ("C syn", "S syn,ack", "C rst"), ("C syn", "C syn", "S syn,ack", "S syn,ack", "C ack"))
ENDS = ((), ("C fin,ack", "S ack", "S fin,ack", "C ack"), ("S fin,ack", "C ack", "C fin,ack", "S ack"),
        ("C fin,ack", "S fin,ack", "C ack"), ("C fin,ack", "S fin,ack", "C ack", "S ack"),
        ("C fin,ack", "S ack", "S ack,psh", "C ack"), ("S fin,ack", "C ack", "C ack,psh", "S ack"),
        ("C rst",), ("S rst",), ("C rst,ack", "S ack"), ("C fin,ack", "S rst"), ("S fin,ack", "C rst"))
STRAYS = ("C ack", "C fin,ack", "C rst", "C syn,ack", "C none", "C fin", "S ack", "S syn", "S rst", "S fin,ack", "S none")
SETTINGS = {"conn_reuse_mode": (1, (0, 2, 3)), "expire_nodest_conn": (0, (1,)), "expire_quiescent_template": (0, (1,)),
            "sloppy_tcp": (0, (1,))}


class FlowScenario(OneService):
    """Lives of a few connections, mixed, with what the network and careless hosts do to them; the tables after each packet."""

    def __init__(self, chance: random.Random, place: tuple[int, int]) -> None:
        super().__init__(chance, chance.choice(("tcp", "tcp", "tcp", "udp")), place)
        self._method = chance.choice(("-g", "-g", "-m", "-m", "-m", "-i"))
        port = self.service.rpartition(":")[2]
        self._server_port = chance.choice((port, "8080")) if self._method == "-m" else port
        self._servers = [f"{self.new_server()}:{self._server_port}" for _ in range(chance.choice((1, 1, 1, 2, 3)))]
        self._gone: list[str] = []
        self._quiesced = False  # then the kernel may count its own port unreachable: docs/compatibility.md
        self._short = chance.random() < 0.04
        self._persistent = chance.random() < 0.35
        self._settings = {name: chance.choice(others) for name, (_, others) in SETTINGS.items() if chance.random() < 0.12}

    def write(self) -> list[str]:
        self.lines += [f"sysctl net.ipv4.vs.{name}={value}" for name, value in self._settings.items()]
        if self._short:
            self.lines.append("ipvsadm --set 12 11 10")
        self.lines += ["restore {", f"-A {self.option} -s {self.chance.choice(('rr', 'wlc', 'wrr'))}{self._stickiness()}",
                       *(f"-a {self.option} -r {server} {self._method} -w {self.chance.choice((1, 1, 2))}"
                         for server in self._servers), "}"]
        lives = [self._life() for _ in range(self.chance.randint(1, 4))]
        while any(lives):
            self._packet(self.chance.choice([life for life in lives if life]).pop(0))
            if self.chance.random() < 0.03:
                self._edit()
            if self._short and self.chance.random() < 0.05:
                self.lines += ["wait 15", "state"]
        self.lines.append("list --persistent-conn")
        if self.chance.random() < 0.03 and not self._quiesced:
            self.lines.append("stats --exact")
        if self._short:
            self.lines.append("ipvsadm --set 900 120 300")
        self.lines += [f"sysctl net.ipv4.vs.{name}={SETTINGS[name][0]}" for name in self._settings]
        return self.lines

    def _stickiness(self) -> str:
        if not self._persistent:
            return ""
        mask = self.chance.choice(("", " -M 64" if self.six else " -M 255.255.255.0"))
        return f" -p {self.chance.choice((9, 10) if self._short else (50, 300))}{mask}"

    def _life(self) -> list[tuple[str, str]]:
        """The packets of one client's port: who and what."""
        client = f"{self.client(self.chance.choice((2, 2, 3)))}:{self.ports(1)}"
        if self.protocol == "udp":
            return [(client, self.chance.choice(("C", "C", "S"))) for _ in range(self.chance.randint(1, 6))]
        packets: list[str] = []
        for _ in range(self.chance.choice((1, 1, 2))):  # a port may be used again
            packets += [*self.chance.choice(OPENINGS), *self.chance.choice(ENDS)]
        return [(client, packet) for packet in self._disturbed(packets)]

    def _disturbed(self, packets: list[str]) -> list[str]:
        trouble = self.chance.choice((0, 0, 0.1, 0.25))
        result: list[str] = []
        for packet in packets:
            what = self.chance.random() / trouble if trouble else 1
            if what < 0.25:
                continue  # lost
            if what < 0.5:
                result.append(packet)  # sent again
            elif what < 0.7:
                result.append(self.chance.choice(STRAYS))
            if 0.7 <= what < 0.85 and result:
                result.insert(-1, packet)  # overtaken
            else:
                result.append(packet)
        return result

    def _packet(self, packet: tuple[str, str]) -> None:
        client, (who, _, flags) = packet[0], packet[1].partition(" ")
        kind = f"tcp {flags}" if self.protocol == "tcp" else "udp"
        if who == "S" and self._method != "-m":
            return  # it does not come by here
        if who == "S":
            self.lines.append(f"server {kind} {self.chance.choice([*self._servers, *self._gone][:3])} > {client}")
        else:
            self.lines.append(f"{kind} {client} > {self.service}")
        self.lines.append("state")

    def _edit(self) -> None:
        server = self.chance.choice(self._servers)
        what = self.chance.random()
        if self._gone and what < 0.5:
            self._servers.append(self._gone.pop())
            self.lines.append(f"ipvsadm -a {self.option} -r {self._servers[-1]} {self._method}")
        elif what < 0.7:
            weight = self.chance.choice((0, 0, 1, 3))
            self._quiesced |= weight == 0
            self.lines.append(f"ipvsadm -e {self.option} -r {server} {self._method} -w {weight}")
        elif len(self._servers) > 1 or what < 0.85:
            self._gone.append(server)
            self.lines.append(f"ipvsadm -d {self.option} -r {server}")
            self._servers.remove(server)
            if "expire_nodest_conn" in self._settings:
                self.lines.append("wait 1")  # the kernel takes its connections at once, we within half a second
            if not self._servers:
                self._servers.append(f"{self.new_server()}:{self._server_port}")
                self.lines.append(f"ipvsadm -a {self.option} -r {self._servers[0]} {self._method}")
        else:
            return
        self.lines.append("state")
