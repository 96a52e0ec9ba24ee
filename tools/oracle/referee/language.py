# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language: lines to steps, with repeat blocks and arithmetic expanded."""

from __future__ import annotations

import ast
import operator
import re
import shlex
import socket
from dataclasses import dataclass, field
from pathlib import Path

from .frames import FrameError, Packet, parse_packet

PACKET_WORDS = ("tcp", "udp", "sctp", "icmp")
COMMAND_WORDS = ("ipvsadm", "run", "xlvs")
LISTINGS = ("list", "conns", "stats", "rate", "rates", "state")
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
              ast.Mod: operator.mod, ast.BitXor: operator.xor, ast.BitAnd: operator.and_, ast.RShift: operator.rshift}
_ADDRESS = re.compile(r"(?<![\w.:])(\d+\.\d+\.\d+\.\d+)(?![\w.])|((?<![\w:.])[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]*:[0-9a-fA-F.]*)")


class ScenarioError(ValueError):
    """A scenario that cannot be understood; says file and line."""


@dataclass
class Step:
    """One thing to do; `text` is how the transcript names it."""

    kind: str
    text: str
    words: list[str] = field(default_factory=list)
    side: str = "client"
    packets: list[Packet] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # of a restore block
    instead: list[str] = field(default_factory=list)  # what xlvs answers on purpose, where the kernel answers otherwise


@dataclass
class Scenario:
    """A parsed file: its steps, and every address that they name."""

    name: str
    steps: list[Step]
    addresses: set[str]
    vips: set[str]
    gue_ports: set[int]


def _evaluate(node: ast.AST, names: dict[str, int]) -> int:
    if isinstance(node, ast.Expression):
        return _evaluate(node.body, names)
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate(node.left, names), _evaluate(node.right, names))
    raise ValueError(f"not arithmetic on {sorted(names)}")


def substitute(text: str, names: dict[str, int]) -> str:
    """Replaces $name and ${expression}; an unknown $name stays (a picks line brings its own i)."""
    def expression(match: re.Match[str]) -> str:
        try:
            return str(_evaluate(ast.parse(match[1], mode="eval"), names))
        except (ValueError, SyntaxError):
            return match[0]

    text = re.sub(r"\$\{([^}]*)\}", expression, text)
    return re.sub(r"\$(\w+)", lambda match: str(names[match[1]]) if match[1] in names else match[0], text)


class _Parser:
    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines = text.splitlines()
        self.steps: list[Step] = []
        self._instead: list[str] = []  # for the next step

    def _fail(self, position: int, why: str) -> ScenarioError:
        return ScenarioError(f"{self._name}:{position + 1}: {why}")

    def _block_end(self, start: int) -> int:
        depth = 0
        for position in range(start, len(self._lines)):
            line = self._lines[position].split("#")[0].strip()
            depth += line.endswith("{") - (line == "}")
            if depth == 0:
                return position
        raise self._fail(start, "no closing brace")

    def block(self, start: int, end: int, names: dict[str, int]) -> None:
        position = start
        while position < end:
            line = re.sub(r"(^|\s)#.*", "", substitute(self._lines[position], names)).strip()
            if not line:
                position += 1
                continue
            if line.endswith("{"):
                close = self._block_end(position)
                self._braces(line[:-1].split(), position, close, names)
                position = close + 1
                continue
            self._step(line, position)
            position += 1

    def _braces(self, words: list[str], start: int, close: int, names: dict[str, int]) -> None:
        if words and words[0] == "repeat" and len(words) in (2, 4):
            variable = words[3] if len(words) == 4 else "i"
            for value in range(int(words[1])):
                self.block(start + 1, close, {**names, variable: value})
        elif words == ["restore"]:
            lines = [substitute(line.strip(), names) for line in self._lines[start + 1:close] if line.strip()]
            self.steps.append(Step("restore", "restore", lines=lines))
        else:
            raise self._fail(start, "a block is `repeat N [as NAME] {` or `restore {`")

    def _step(self, line: str, position: int) -> None:
        words = line.split()
        side, kind = "client", words[0]
        if kind == "instead":
            self._instead.append(line.split(None, 1)[1])
            return
        before = len(self.steps)
        try:
            if kind == "server":
                side, kind = "server", words[1]
                words = words[1:]
            if kind in PACKET_WORDS:
                self.steps.append(Step("packet", line, words, side, [parse_packet(words)]))
            elif kind == "picks":
                rest = " ".join(words[2:])
                packets = [parse_packet(substitute(rest, {"i": i}).split()) for i in range(int(words[1]))]
                self.steps.append(Step("picks", line, words, side, packets))
            elif kind in COMMAND_WORDS:
                self.steps.append(Step("command", line, shlex.split(line)))
            elif kind in LISTINGS or kind in ("vip", "wait", "sysctl", "mtu", "raw", "reassemble"):
                self.steps.append(Step(kind, line, words, side))
            else:
                raise self._fail(position, f"unknown step {kind}")
        except (FrameError, ValueError, IndexError, KeyError) as error:
            if isinstance(error, ScenarioError):
                raise
            raise self._fail(position, f"{line}: {error}") from error
        self.steps[before].instead, self._instead = self._instead, []


def _canonical(text: str) -> str | None:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except OSError:
        return None


def _addresses_in(text: str) -> set[str]:
    found = (_canonical(match[1] or match[2]) for match in _ADDRESS.finditer(text))
    return {address for address in found if address}


def _words_after(words: list[str], options: tuple[str, ...]) -> list[str]:
    return [words[i + 1] for i in range(len(words) - 1) if words[i] in options or words[i][-2:] in ("At", "Au")]


def parse(name: str, text: str) -> Scenario:
    parser = _Parser(name, text)
    parser.block(0, len(parser._lines), {})
    addresses: set[str] = set()
    vips: set[str] = set()
    gue: set[int] = set()
    for step in parser.steps:
        for packet in step.packets:
            addresses |= {packet.source, packet.target}
        for line in [step.text, *step.lines]:
            if step.kind in ("packet", "picks"):
                continue
            addresses |= _addresses_in(line)
            if step.kind == "vip":
                vips |= _addresses_in(line)
            words = line.split()
            for service in _words_after(words, ("-t", "-u", "--tcp-service", "--udp-service", "--sctp-service")):
                vips |= _addresses_in(service)
            gue |= {int(port) for port in _words_after(words, ("--tun-port",)) if port.isdigit()}
    addresses = {canonical for address in addresses if (canonical := _canonical(address))}
    return Scenario(name, parser.steps, addresses, vips, gue)


def parse_file(path: Path) -> Scenario:
    return parse(path.stem, path.read_text())
