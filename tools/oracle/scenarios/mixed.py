# SPDX-License-Identifier: GPL-2.0-or-later
"""Random edits of several services beside each other."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .writer import HASHED, SCHEDULERS, Writer

OPTIONS = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
OPENS = {"tcp": "tcp syn", "udp": "udp", "sctp": "sctp init"}
# What a client sends later: on, and towards the end.
LATER = {"tcp": ("tcp ack", "tcp ack", "tcp fin,ack", "tcp rst"), "udp": ("udp",),
         "sctp": ("sctp data", "sctp data", "sctp shutdown", "sctp abort")}
# With their defaults, for the next scenario on the same director.
SETTINGS = {"conn_reuse_mode": 1, "expire_nodest_conn": 0, "expire_quiescent_template": 0, "sloppy_tcp": 0}


@dataclass
class Service:
    """One service of a mixed scenario, through all its lives."""

    protocol: str
    six: bool
    endpoint: str
    scheduler: str = ""
    persistent: bool = False
    once: bool = False
    servers: list[str] = field(default_factory=list)  # in the order of adding
    gone: list[str] = field(default_factory=list)
    # Options of each server's forwarding, for all its lives: docs/oracle.md has the quirk of a changed one.
    methods: dict[str, str] = field(default_factory=dict)
    opened: list[tuple[int, str, int]] = field(default_factory=list)  # client, what it addressed, its port

    @property
    def option(self) -> str:
        return f"{OPTIONS[self.protocol]} {self.endpoint}"

    @property
    def any_port(self) -> bool:
        return self.endpoint.endswith(":0")


class MixedScenario(Writer):
    """Services of all protocols and both families that share real servers, and edits that are rare with one service.

    Servers that come back in the middle of a cycle, with thresholds below what they have; weight 0 and back; another
    scheduler, or the same again, in the middle; a service's next life with other flags; all forwarding methods mixed.
    """

    def __init__(self, chance: random.Random, place: tuple[int, int]) -> None:
        super().__init__(chance, place)
        self._pool = {six: [self.new_server(six) for _ in range(chance.randint(3, 6))] for six in (False, True)}
        self._weights = chance.choice(([1], [1, 2, 3], [0, 1, 2, 5], [2, 4, 6], [3, 7, 50], [1, 1000]))
        self._crowded = chance.random() < 0.6  # thresholds that are reached
        # the first service's scheduler goes round with the seeds, so that each has its share
        first = SCHEDULERS[place[1] % len(SCHEDULERS)]
        self._services: list[Service] = []
        for scheduler in (first, *(chance.choice((first, *SCHEDULERS)) for _ in range(chance.randint(1, 3)))):
            self._services.append(self._new_service(scheduler))

    def write(self) -> list[str]:
        setting = ""
        if self.chance.random() < 0.2:
            setting = self.chance.choice(sorted(SETTINGS))
            self.lines.append(f"sysctl net.ipv4.vs.{setting}={1 - SETTINGS[setting]}")
        for service in self._services:
            self._begin(service)
        for _ in range(self.chance.randint(8, 16)):
            service = self.chance.choice(self._services)
            self._picks(service)
            if self.chance.random() < 0.5:
                self._later(service)
            self._change(self.chance.choice(self._services))
        for service in self._services:
            self._picks(service)
        self.lines += ["list", "list --thresholds", "list --persistent-conn", "conns"]
        if setting:
            self.lines.append(f"sysctl net.ipv4.vs.{setting}={SETTINGS[setting]}")
        return self.lines

    def _new_service(self, scheduler: str) -> Service:
        taken = {(other.protocol, other.endpoint) for other in self._services}
        while True:
            protocol = self.chance.choice(("tcp", "tcp", "udp", "udp", "sctp"))
            six = self.chance.random() < 0.4
            port = self.chance.choice((53, 80, 443, 8080, 0) if self.chance.random() < 0.3 else (53, 80, 443))
            endpoint = f"{self.vip(six)}:{port}"
            if (protocol, endpoint) not in taken:
                return Service(protocol, six, endpoint, scheduler)

    def _flags(self, service: Service) -> str:
        """Everything behind -A or -E SERVICE."""
        text = f" -s {service.scheduler}"
        if service.scheduler in HASHED and self.chance.random() < 0.7:
            names = self.chance.choice((["port"], ["fallback"], ["port", "fallback"]))
            text += " -b " + ",".join(f"{service.scheduler}-{name}" for name in names)
        service.persistent = service.any_port or self.chance.random() < 0.15
        if service.persistent:
            text += f" -p {self.chance.choice((60, 300))}"
            if self.chance.random() < 0.3:
                text += " -M 112" if service.six else " -M 255.255.255.0"
        service.once = service.protocol == "udp" and self.chance.random() < 0.15
        return text + " -o" * service.once

    def _method(self, service: Service, other_family: bool) -> str:
        methods = ["-i", "-i --tun-type gue --tun-port 6080", "-i --tun-type gre --tun-csum"]
        return self.chance.choice(methods if other_family else ["-g", "-g", "-m", "-m", *methods])

    def _known(self, service: Service) -> str:
        """A server that the service had before, or a new one out of what all services share."""
        if service.gone and self.chance.random() < 0.7:
            return service.gone.pop(self.chance.randrange(len(service.gone)))
        six = service.six != (self.chance.random() < 0.15)
        address = self.chance.choice(self._pool[six])
        method = self._method(service, six != service.six)
        port = int(service.endpoint.rpartition(":")[2])
        if method == "-m" and port and self.chance.random() < 0.5:
            port = self.chance.choice((80, 8080))
        server = f"{address}:{port}"
        service.methods.setdefault(server, method)
        return server

    def _values(self) -> str:
        text = f" -w {self.chance.choice(self._weights)}"
        if self._crowded and self.chance.random() < 0.5:
            upper = self.chance.randint(1, 6)
            text += f" -x {upper} -y {self.chance.randint(0, upper)}"
        return text

    def _add(self, service: Service) -> list[str]:
        server = self._known(service)
        if server in service.servers:
            return []
        service.servers.append(server)
        if server in service.gone:
            service.gone.remove(server)
        return [f"-a {service.option} -r {server} {service.methods[server]}{self._values()}"]

    def _begin(self, service: Service) -> None:
        batch = [f"-A {service.option}{self._flags(service)}"]
        for _ in range(self.chance.randint(1, 5)):
            batch += self._add(service)
        self.lines += ["restore {", *batch, "}"]

    def _change(self, service: Service) -> None:
        what = self.chance.random()
        if what < 0.12:  # its next life
            self._commands(service, [f"-D {service.option}"])
            if self.chance.random() < 0.3:
                self._later(service)
            service.gone += service.servers
            service.servers.clear()
            if self.chance.random() < 0.6:
                service.scheduler = self.chance.choice(SCHEDULERS)
            self._begin(service)
        elif what < 0.27:  # another scheduler, or the same one again, perhaps with other flags
            if self.chance.random() < 0.6:
                service.scheduler = self.chance.choice(SCHEDULERS)
            self._commands(service, [f"-E {service.option}{self._flags(service)}"])
        else:
            edits: list[str] = []
            for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
                edits += self._edit(service)
            self._commands(service, edits)

    def _edit(self, service: Service) -> list[str]:
        what = self.chance.random()
        if what < 0.3 or not service.servers:
            return self._add(service)
        server = self.chance.choice(sorted(service.servers))
        method = service.methods[server]
        if what < 0.5:
            service.servers.remove(server)
            service.gone.append(server)
            return [f"-d {service.option} -r {server}"]
        if what < 0.65:
            return [f"-e {service.option} -r {server} {method} -w 0"]
        if what < 0.8 and self._crowded:  # below what it has, most often
            weight, upper = self.chance.choice(self._weights), self.chance.randint(1, 3)
            return [f"-e {service.option} -r {server} {method} -w {weight} -x {upper}"]
        return [f"-e {service.option} -r {server} {method}{self._values()}"]

    def _commands(self, service: Service, batch: list[str]) -> None:
        """Sometimes one by one: a restore is published as a whole."""
        if len(batch) == 1 and self.chance.random() < 0.5:
            self.lines.append(f"ipvsadm {batch[0]}")
        elif batch:
            self.lines += ["restore {", *batch, "}"]

    def _target(self, service: Service) -> str:
        if not service.any_port:
            return service.endpoint
        return f"{service.endpoint[:-1]}{self.chance.choice((80, 99, 5000))}"

    def _picks(self, service: Service) -> None:
        count = self.chance.randint(2, 14)
        target = self._target(service)
        if self.chance.random() < (0.7 if service.persistent else 0.3):
            first = self.chance.randint(2, 200)
            port = self.ports(1)
            source = f"{self.client(f'${{{first}+i}}', service.six)}:{port}"
            service.opened += [(first + i, target, port) for i in range(count)]
        else:
            first = self.ports(count)
            source = f"{self.client(2, service.six)}:${{{first}+i}}"
            service.opened += [(2, target, first + i) for i in range(count)]
        self.lines.append(f"picks {count} {OPENS[service.protocol]} {source} > {target}")
        if service.protocol == "sctp":  # an association that has got no further ends after four seconds
            self.lines.append(f"picks {count} sctp cookie-echo {source} > {target}")

    def _later(self, service: Service) -> None:
        """Some connections get on, end, or begin again."""
        for _ in range(self.chance.randint(1, 5)):
            if not service.opened:
                return
            client, target, port = self.chance.choice(service.opened)
            again = self.chance.random() < 0.2
            source = f"{self.client(client, service.six)}:{port}"
            packet = OPENS[service.protocol] if again else self.chance.choice(LATER[service.protocol])
            self.lines.append(f"{packet} {source} > {target}")
            if service.protocol == "sctp" and again:
                self.lines.append(f"sctp cookie-echo {source} > {target}")
