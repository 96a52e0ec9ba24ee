# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs scenarios against a director and writes what happened, line by line."""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import shutil
import time
from pathlib import Path
from typing import Callable

from . import lab as surroundings
from .frames import Decoder
from .lab import CLIENT, SERVER, Heard, Lab, World, run_command
from .language import Scenario, Step
from .reassembly import Reassembler


class TargetError(RuntimeError):
    """The director under test cannot be made."""


def from_hex(address: str, port: str) -> str:
    """An endpoint of /proc/net/ip_vs as ipvsadm writes it."""
    if ":" in address:
        return f"[{ipaddress.ip_address(address.strip('[]'))}]:{int(port, 16)}"
    return f"{ipaddress.ip_address(int(address, 16))}:{int(port, 16)}"


def counts_in(listing: list[str], endpoint: Callable[[str], str]) -> list[tuple[str, ...]]:
    """Service, server, ActiveConn and InActConn of each server in a listing of services."""
    counts, service = [], ""
    for words in (line.split() for line in listing):
        if words[:1] == ["->"] and words[1][0] != "R":
            counts.append((service, endpoint(words[1]), *words[-2:]))
        elif words[0] in ("TCP", "UDP", "SCTP"):
            service = endpoint(words[1])
    return counts


Tables = tuple[list[list[str]], list[tuple[str, ...]]]


class KernelTarget:
    """Kernel IPVS with the real ipvsadm, or with another one."""

    xdp_peers = False
    settle_s = 2.5  # the estimator refreshes the counters shown every two seconds

    def __init__(self, ipvsadm: str = "ipvsadm") -> None:
        self._ipvsadm = ipvsadm
        self._version = ""

    def ipvsadm(self) -> str:
        return self._ipvsadm

    def start(self) -> None:
        if not Path("/proc/net/ip_vs").exists():
            raise TargetError("this kernel has no ip_vs: run it inside tools/oracle/uml")

    def tables(self) -> Tables:
        """From where ipvsadm has its listing of connections, without the forty milliseconds that it takes to start.

        A connection that gave way to a new one is still there until the timer comes by, at the next jiffy: time for that.
        """
        for _ in range(3):
            tables = self._read_tables()
            if not any(line[1] == "00:00" for line in tables[0]):
                break
            time.sleep(0.015)
        return tables

    def _read_tables(self) -> Tables:
        connections = []
        for line in Path("/proc/net/ip_vs_conn").read_text().splitlines()[1:]:
            proto, caddr, cport, vaddr, vport, daddr, dport, state, expires = line.split()[:9]
            connections.append([proto, f"{int(expires) // 60:02d}:{int(expires) % 60:02d}", state,
                                from_hex(caddr, cport), from_hex(vaddr, vport), from_hex(daddr, dport)])
        return connections, counts_in(Path("/proc/net/ip_vs").read_text().splitlines()[3:],
                                      lambda text: from_hex(*text.rsplit(":", 1)))

    def stop(self) -> None:
        """Nothing to do: the namespace goes, and all with it."""

    def version(self) -> str:
        if not self._version:
            self._version = f"kernel {platform.release()}, {run_command([self._ipvsadm, '--version'])[1].strip()}"
        return self._version


class PinJanitor:
    """A process that outlives this one and removes the pins of namespaces that went with it: SIGKILL asks nobody."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        if os.fork():
            os.close(reader)
            return
        os.setsid()
        os.close(self._writer)
        with os.fdopen(reader) as pipe:
            namespaces = pipe.read().split()
        for namespace in namespaces:
            for folder in (namespace, f"unfinished_{namespace}"):
                shutil.rmtree(Path("/sys/fs/bpf/xlvs") / folder, ignore_errors=True)
        os._exit(0)

    def watch(self, namespace: int) -> None:
        os.write(self._writer, f"{namespace}\n".encode())


class XlvsTarget:
    """xlvs and its ipvsadm from a build folder."""

    xdp_peers = True
    settle_s = 2.5

    def __init__(self, build: Path, attach_arguments: list[str]) -> None:
        self._ipvsadm = build / "ipvsadm" / "ipvsadm"
        self._xlvs = build / "loader" / "xlvs"
        self._attach_arguments = attach_arguments
        self._janitor = PinJanitor()
        for program in (self._ipvsadm, self._xlvs):
            if not program.exists():
                raise TargetError(f"{program} is not built")

    def ipvsadm(self) -> str:
        return str(self._ipvsadm)

    def xlvs(self) -> str:
        return str(self._xlvs)

    def start(self) -> None:
        devices = list(surroundings.WIRE_NAMES.values())
        sizes = self._attach_arguments or ["--conns", "65536", "--conns6", "65536"]
        self._janitor.watch(os.stat("/proc/self/ns/net").st_ino)
        status, out, err = run_command([self.xlvs(), "attach", *sizes, *devices])
        if status:
            raise TargetError(f"xlvs attach: status {status}: {(err or out).strip()}")

    def tables(self) -> Tables:
        connections = run_command([self.ipvsadm(), "-Lnc"])[1].splitlines()[2:]
        return ([line.split() for line in connections],
                counts_in(run_command([self.ipvsadm(), "-Ln"])[1].splitlines()[3:], lambda text: text))

    def stop(self) -> None:
        run_command([self.xlvs(), "detach", *surroundings.WIRE_NAMES.values()])

    def version(self) -> str:
        return f"xlvs on kernel {platform.release()}"


Target = KernelTarget | XlvsTarget


class Run:
    """One scenario on one director."""

    def __init__(self, scenario: Scenario, target: Target, lab: Lab, only_own: bool) -> None:
        self._scenario = scenario
        self._target = target
        self._lab = lab
        self._only_own = only_own  # leave out connections of other scenarios on the same director
        self._decoder = Decoder(scenario.gue_ports)
        self._started = time.monotonic()
        self._stations: dict[str, Reassembler] | None = None  # whose datagrams are put together
        self.lines: list[str] = []

    def all(self) -> list[str]:
        actions: dict[str, Callable[[Step], None]] = {
            "packet": self._packet, "picks": self._picks, "command": self._command, "restore": self._restore,
            "list": self._list, "conns": self._conns, "stats": self._stats, "rate": self._stats,
            "rates": self._rates, "state": self._state,
            "wait": self._wait, "sysctl": self._sysctl, "vip": lambda step: None, "mtu": self._mtu, "raw": self._raw,
            "reassemble": self._reassemble,
        }
        for step in self._scenario.steps:
            for late in self._lab.drain():
                self._say(f"late: {self._describe(late)}")
            self.lines.append(f"> {step.text}")
            for line in step.lines:
                self._say(f"| {line}")
            for line in step.instead:
                self._say(f"xlvs: {line}")
            actions[step.kind](step)
        return self.lines

    def _say(self, text: str) -> None:
        self.lines.append(f"  {text}".rstrip())

    def _describe(self, heard: Heard) -> str:
        return f"{heard.side} {heard.station} got {self._decoder.ip(heard.ip)}"

    def _reassemble(self, _step: Step) -> None:
        self._stations = {}

    def _joined(self, heard: list[Heard]) -> list[Heard]:
        if self._stations is None:
            return heard
        joined = []
        for item in heard:
            whole = self._stations.setdefault(item.station, Reassembler()).add(item.ip)
            if whole is not None:
                joined.append(Heard(item.side, item.station, whole))
        return joined

    def _report(self, heard: list[Heard], passed: bool) -> None:
        heard = self._joined(heard)
        for item in heard:
            self._say(self._describe(item))
        if not heard:
            self._say("nothing")
        if not passed:
            self._say("the path to the other side is blocked: the sentinel did not come through")

    def _packet(self, step: Step) -> None:
        self._report(*self._lab.send(step.side, step.packets[0]))

    def _raw(self, step: Step) -> None:
        """raw SOURCE HEX: the packet from its IP header on."""
        self._report(*self._lab.send_ip(step.side, step.words[1], bytes.fromhex(step.words[2])))

    def _picks(self, step: Step) -> None:
        """Who got each packet, by the last part of its address; and each shape seen, once."""
        picked: list[str] = []
        shapes: dict[str, None] = {}
        for packet in step.packets:
            heard, passed = self._lab.send(step.side, packet)
            servers = [item for item in heard if item.side == SERVER]
            if not passed:
                picked.append("?")
            elif not heard:
                picked.append("-")
            elif servers and len(heard) == 1:
                picked.append(re.split(r"[.:]", servers[0].station)[-1])
            else:
                picked.append("!")
            for item in heard:
                text = self._describe(item)
                for address in {item.station, packet.source}:
                    text = re.sub(rf"(?<![\w.:]){re.escape(address)}(?![\w.:])",
                                  "SERVER" if item.side == SERVER and address == item.station else "CLIENT", text)
                text = re.sub(rf"(?<![\w.:]){packet.source_port}(?![\w.:])", "PORT", text) if packet.source_port else text
                shapes.setdefault(text)
        for first in range(0, len(picked), 60):
            self._say(" ".join(picked[first:first + 60]))
        for shape in shapes:
            self._say(f"as: {shape}")

    def _command(self, step: Step) -> None:
        words = list(step.words)
        if words[0] == "ipvsadm":
            words[0] = self._target.ipvsadm()
        elif words[0] == "xlvs":
            if not isinstance(self._target, XlvsTarget):
                return
            words[0] = self._target.xlvs()
        else:
            words = words[1:]
        self._outcome(*run_command(words))

    def _outcome(self, status: int, out: str, err: str) -> None:
        for line in out.splitlines():
            self._say(f"out: {line}")
        for line in err.replace(self._target.ipvsadm(), "ipvsadm").splitlines():
            self._say(f"err: {line}")
        if status:
            self._say(f"status {status}")

    def _restore(self, step: Step) -> None:
        self._outcome(*run_command([self._target.ipvsadm(), "-R"], stdin="\n".join(step.lines) + "\n"))

    def _list(self, step: Step) -> None:
        self._outcome(*run_command([self._target.ipvsadm(), "-Ln", *step.words[1:]]))

    def _conns(self, step: Step) -> None:
        """The kernel lists connections in the order of a hash that differs at every boot: sorted here."""
        status, out, err = run_command([self._target.ipvsadm(), "-Lnc", *step.words[1:]])
        lines = out.splitlines()
        if self._only_own:
            lines[2:] = [line for line in lines[2:] if line.split()[4].rpartition(":")[0] in self._own()]
        self._say(f"at {time.monotonic() - self._started:.0f} s")
        lines[2:] = sorted(lines[2:], key=lambda line: (line.split()[:1] + line.split()[3:], line))
        self._outcome(status, "\n".join(lines), err)

    def _state(self, step: Step) -> None:
        """The scenario's connections and its servers' counts, as `conns` and `list` have them, but without the words around."""
        self._say(f"at {time.monotonic() - self._started:.0f} s")
        connections, counts = self._target.tables()
        own = [line for line in connections if line[4].rpartition(":")[0] in self._own()]
        for line in sorted(own, key=lambda line: (line[:1] + line[3:], line)):
            self._say("out: " + " ".join(line))
        for virtual, server, active, inactive in sorted(counts):
            if virtual.rpartition(":")[0] in self._own():
                self._say(f"out: {server} {active} {inactive}")

    def _own(self) -> set[str]:
        return {f"[{vip}]" if ":" in vip else vip for vip in self._scenario.vips}

    def _stats(self, step: Step) -> None:
        time.sleep(self._target.settle_s)
        self._outcome(*run_command([self._target.ipvsadm(), "-Ln", f"--{step.words[0]}", *step.words[1:]]))

    def _rates(self, step: Step) -> None:
        """rates N [NAME...]: the next N listings of rates that differ. Behind one, the estimator's tick has just been."""
        command = [self._target.ipvsadm(), "-Ln", "--rate", "--exact", *step.words[2:]]
        before = run_command(command)
        for _ in range(int(step.words[1])):
            deadline = time.monotonic() + 3 * self._target.settle_s
            while (outcome := run_command(command)) == before and time.monotonic() < deadline:
                time.sleep(0.02)
            if outcome == before:
                self._say("no change")
                return
            time.sleep(0.2)  # services and servers are read one after the other: the tick may have come in between
            before = run_command(command)
            self._outcome(*before)

    def _wait(self, step: Step) -> None:
        time.sleep(float(step.words[1]))

    def _sysctl(self, step: Step) -> None:
        name, _, value = step.text.split(None, 1)[1].partition("=")
        if isinstance(self._target, XlvsTarget) and name.strip().startswith("net.ipv4.vs."):
            self._outcome(*run_command([self._target.xlvs(), "set", f"{name.strip()}={value.strip()}"]))
            return
        try:
            surroundings.set_sysctl(name.strip(), value.strip())
        except OSError as error:
            self._say(f"err: {error.strerror}")

    def _mtu(self, step: Step) -> None:
        self._lab.set_mtu({"client": CLIENT, "server": SERVER}[step.words[1]], int(step.words[2]))


class Session:
    """Runs scenarios one after the other, each on a director of its own, or all on one that is cleared in between.

    Reuse saves the time of loading programs. It needs scenarios whose addresses differ, as those of `generate` do:
    connections and deleted servers of the last scenario are still there.
    """

    def __init__(self, target: Target, reuse: bool = False) -> None:
        self._world = World()
        self._target = target
        self._reuse = reuse
        self._lab: Lab | None = None

    def run(self, scenario: Scenario) -> list[str]:
        if self._lab is None:
            self._lab = Lab(self._world, scenario.addresses, scenario.vips, self._target.xdp_peers)
            try:
                self._target.start()
            except TargetError:
                self._leave()
                raise
        else:
            self._lab.populate(scenario.addresses, scenario.vips)
        try:
            return Run(scenario, self._target, self._lab, only_own=self._reuse).all()
        finally:
            if self._reuse:
                run_command([self._target.ipvsadm(), "-C"])
            else:
                self.close()

    def close(self) -> None:
        if self._lab is not None:
            self._target.stop()
            self._leave()

    def _leave(self) -> None:
        if self._lab is not None:
            self._lab.close()
            self._lab = None
