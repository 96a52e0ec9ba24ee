# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames: built from a line of a scenario, and decoded from bytes to a line of a transcript."""

from __future__ import annotations

import hashlib
import shlex
import socket
import struct
from dataclasses import dataclass, field

ETH_IPV4, ETH_IPV6, ETH_ARP = 0x0800, 0x86DD, 0x0806
TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
SCTP_CHUNKS = {"data": 0, "init": 1, "init-ack": 2, "sack": 3, "heartbeat": 4, "heartbeat-ack": 5, "abort": 6,
               "shutdown": 7, "shutdown-ack": 8, "error": 9, "cookie-echo": 10, "cookie-ack": 11,
               "shutdown-complete": 14}
SCTP_NAMES = {number: name for name, number in SCTP_CHUNKS.items()}
IP_ID = 0x5A5A  # of every packet sent; a packet that has another one was given it on the way
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmp6": 58, "sctp": 132}


class FrameError(ValueError):
    """A packet line that cannot be understood."""


@dataclass
class Packet:
    """One packet line: `tcp syn,ack A:P > B:Q key=value...`, or `icmp TYPE/CODE A > B [mtu=N] [about PACKET]`."""

    protocol: str
    what: str = ""  # TCP flags, SCTP chunks, ICMP type/code
    source: str = ""
    source_port: int = 0
    target: str = ""
    target_port: int = 0
    options: dict[str, str] = field(default_factory=dict)
    about: "Packet | None" = None

    @property
    def version(self) -> int:
        return 6 if ":" in self.source else 4

    def number(self, name: str, default: int) -> int:
        return int(self.options.get(name, default), 0) if name in self.options else default


def _endpoint(text: str, port_needed: bool) -> tuple[str, int]:
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = rest[1:]
    elif text.count(":") > 1:
        address, port = text, ""
    else:
        address, _, port = text.partition(":")
    if port_needed and not port:
        raise FrameError(f"no port in {text}")
    return address, int(port or 0)


def parse_packet(words: list[str]) -> Packet:
    protocol = words[0]
    if protocol not in ("tcp", "udp", "sctp", "icmp"):
        raise FrameError(f"unknown protocol {protocol}")
    packet = Packet(protocol)
    rest = words[1:]
    if protocol != "udp":
        packet.what, rest = rest[0], rest[1:]
    if len(rest) < 3 or rest[1] != ">":
        raise FrameError("a packet is PROTOCOL [WHAT] SOURCE > TARGET [key=value...]")
    ports = protocol != "icmp"
    packet.source, packet.source_port = _endpoint(rest[0], ports)
    packet.target, packet.target_port = _endpoint(rest[2], ports)
    for position, word in enumerate(rest[3:], start=3):
        if word == "about":
            packet.about = parse_packet(rest[position + 1:])
            break
        key, equals, value = word.partition("=")
        if not equals:
            raise FrameError(f"expected key=value, not {word}")
        packet.options[key] = value
    return packet


def pattern(length: int) -> bytes:
    return bytes(97 + i % 26 for i in range(length))


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _crc32c_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _pack(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _pseudo(source: bytes, target: bytes, protocol: int, length: int) -> bytes:
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, protocol, length)
    return source + target + struct.pack("!IHBB", length, 0, 0, protocol)


def _payload(packet: Packet, default: int) -> bytes:
    if "data" in packet.options:
        return shlex.split(packet.options["data"])[0].encode().decode("unicode_escape").encode("latin1")
    if "hex" in packet.options:
        return bytes.fromhex(packet.options["hex"])
    return pattern(packet.number("len", default))


def _tcp(packet: Packet, pseudo: "tuple[bytes, bytes]") -> bytes:
    flags = 0
    for name in packet.what.split(","):
        if name != "none":
            flags |= 1 << TCP_FLAGS.index(name)
    options = bytes.fromhex(packet.options.get("tcpopts", ""))
    options += bytes(-len(options) % 4)
    head = struct.pack("!HHIIBBHHH", packet.source_port, packet.target_port, packet.number("seq", 1),
                       packet.number("ack", 1 if flags & 0x10 else 0), (5 + len(options) // 4) << 4, flags,
                       packet.number("win", 8192), 0, 0) + options
    data = head + _payload(packet, 0)
    total = checksum(_pseudo(*pseudo, 6, len(data)) + data)
    return data[:16] + struct.pack("!H", total) + data[18:]


def _udp(packet: Packet, pseudo: "tuple[bytes, bytes]") -> bytes:
    body = _payload(packet, 4)
    data = struct.pack("!HHHH", packet.source_port, packet.target_port, 8 + len(body), 0) + body
    if packet.options.get("csum") == "zero":
        return data
    total = checksum(_pseudo(*pseudo, 17, len(data)) + data) or 0xFFFF
    return data[:6] + struct.pack("!H", total) + data[8:]


def _sctp(packet: Packet) -> bytes:
    body = b""
    for name in packet.what.split(","):
        number = SCTP_CHUNKS[name]
        value = pattern(16) if name in ("init", "init-ack") else _payload(packet, 12) if name == "data" else pattern(4)
        body += struct.pack("!BBH", number, 3 if name == "data" else 0, 4 + len(value)) + value + bytes(-len(value) % 4)
    head = struct.pack("!HHI", packet.source_port, packet.target_port, 0 if "init" in packet.what.split(",") else 7)
    crc = 0 if packet.options.get("csum") == "zero" else crc32c(head + bytes(4) + body)
    return head + struct.pack("<I", crc) + body


def _icmp(packet: Packet, pseudo: "tuple[bytes, bytes]") -> bytes:
    kind, _, code = packet.what.partition("/")
    body = _payload(packet, 8)
    rest = packet.number("mtu", 0)
    if packet.about:
        body = build_ip(packet.about)[:packet.number("quote", 512)]
    elif kind in ("8", "0", "128", "129"):
        rest = packet.number("ident", 1) << 16 | packet.number("sequence", 1)
    data = struct.pack("!BBHI", int(kind), int(code or 0), 0, rest) + body
    head = _pseudo(*pseudo, 58, len(data)) if packet.version == 6 else b""
    return data[:2] + struct.pack("!H", checksum(head + data)) + data[4:]


def _upper(packet: Packet) -> bytes:
    pseudo = _pack(packet.source), _pack(packet.target)
    if packet.protocol == "tcp":
        data = _tcp(packet, pseudo)
    elif packet.protocol == "udp":
        data = _udp(packet, pseudo)
    elif packet.protocol == "sctp":
        data = _sctp(packet)
    else:
        data = _icmp(packet, pseudo)
    if packet.options.get("csum") == "bad":
        at = {"tcp": 16, "udp": 6, "sctp": 8, "icmp": 2}[packet.protocol]
        data = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]
    return data


def _in_tunnel(packet: Packet, inner: bytes) -> bytes:
    """in=KIND,SOURCE,TARGET[,PORT]: the packet in a tunnel, as the director sends it; KIND is ipip, gue, gre or gre+csum."""
    kind, source, target, *port = packet.options["in"].split(",")
    shim, protocol = b"", 4 if inner[0] >> 4 == 4 else 41
    if kind == "gue":
        shim = struct.pack("!HHHHBBH", 50000, int(port[0]), 12 + len(inner), 0, 0, protocol, 0)
        protocol = 17
    elif kind.startswith("gre"):
        flags = 0x8000 if kind == "gre+csum" else 0
        shim = struct.pack("!HH", flags, 0x0800 if protocol == 4 else 0x86DD)
        if flags:
            shim += struct.pack("!HH", checksum(shim + bytes(4) + inner), 0)
        protocol = 47
    body = shim + inner
    ends = _pack(source) + _pack(target)
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, packet.number("ttl", 64)) + ends + body
    fragment = packet.number("outer-df", inner[6] >> 6 & 1 if inner[0] >> 4 == 4 else 0) << 14
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, fragment, packet.number("ttl", 64), protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def build_ip(packet: Packet) -> bytes:
    """The packet from its outermost IP header on."""
    return _in_tunnel(packet, _build_ip(packet)) if "in" in packet.options else _build_ip(packet)


def _build_ip(packet: Packet) -> bytes:
    """The packet from its IP header on. frag=OFFSET or frag=OFFSET+ (more follow) cuts `upto` bytes out of it."""
    upper = _upper(packet)
    offset, more = 0, 0
    if "frag" in packet.options:
        text = packet.options["frag"]
        more, offset = int(text.endswith("+")), int(text.rstrip("+"))
        upper = upper[offset:offset + packet.number("upto", len(upper))]
    source, target = _pack(packet.source), _pack(packet.target)
    if packet.version == 4:
        extra = bytes.fromhex(packet.options.get("ipopts", ""))
        extra += bytes(-len(extra) % 4)
        fragment = (packet.number("df", 0 if "frag" in packet.options else 1) << 14) | more << 13 | offset // 8
        head = struct.pack("!BBHHHBBH", 0x45 + len(extra) // 4, packet.number("tos", 0), 20 + len(extra) + len(upper),
                           packet.number("id", IP_ID), fragment, packet.number("ttl", 64),
                           PROTOCOLS[packet.protocol], 0) + source + target + extra
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + upper
    protocol = PROTOCOLS["icmp6" if packet.protocol == "icmp" else packet.protocol]
    if "frag" in packet.options:
        upper = struct.pack("!BBHI", protocol, 0, offset | more, packet.number("id", IP_ID)) + upper
        protocol = 44
    first = 6 << 28 | packet.number("tos", 0) << 20 | packet.number("flow", 0)
    return struct.pack("!IHBB", first, len(upper), protocol, packet.number("ttl", 64)) + source + target + upper


# ---- decoding ----


def _flags(bits: int) -> str:
    return ",".join(name for i, name in enumerate(TCP_FLAGS) if bits >> i & 1) or "none"


def _data(data: bytes) -> str:
    if data == pattern(len(data)):
        return f"{len(data)} bytes"
    return f"{len(data)} bytes {hashlib.sha1(data).hexdigest()[:8]}"


@dataclass
class Decoder:
    """Turns frames into text. Ports in `gue_ports` carry GUE."""

    gue_ports: set[int] = field(default_factory=set)

    def ip(self, data: bytes, quoted: bool = False) -> str:
        """One IP packet and all inside it. A quoted one (in an ICMP error) may be cut short."""
        if not data:
            return "empty"
        version = data[0] >> 4
        try:
            if version == 4:
                return self._ipv4(data, quoted)
            if version == 6:
                return self._ipv6(data, quoted)
        except (struct.error, IndexError):
            pass
        return f"malformed {_data(data)}"

    def _ipv4(self, data: bytes, quoted: bool) -> str:
        (first, tos, length, ident, fragment, ttl, protocol) = struct.unpack_from("!BBHHHBB", data)
        header = (first & 15) * 4
        source, target = data[12:16], data[16:20]
        text = f"ipv4 {socket.inet_ntoa(source)} > {socket.inet_ntoa(target)} ttl {ttl}"
        if tos:
            text += f" tos {tos:#x}"
        if fragment & 0x4000:
            text += " df"
        tunnel = protocol in (4, 41, 47)
        if ident != IP_ID and not tunnel:
            text += " own-id" if not quoted else " other-id"
        if header > 20:
            text += f" options {data[20:header].hex()}"
        if checksum(data[:header]):
            text += " BAD-IP-SUM"
        if fragment & 0x3FFF:
            text += f" fragment {(fragment & 0x1FFF) * 8}" + ("+" if fragment & 0x2000 else "")
        if length < len(data) and not quoted:
            text += f" padded {len(data) - length}"
        if length > len(data) and not quoted:
            text += f" SHORT {length - len(data)}"
        body = data[header:length]
        if fragment & 0x3FFF:
            return f"{text} / protocol {protocol} {_data(body)}"
        return f"{text} / {self._upper(protocol, source, target, body, quoted)}"

    def _ipv6(self, data: bytes, quoted: bool) -> str:
        first, length, protocol, ttl = struct.unpack_from("!IHBB", data)
        source, target = data[8:24], data[24:40]
        if len(target) < 16:
            raise IndexError
        text = (f"ipv6 {socket.inet_ntop(socket.AF_INET6, source)} > {socket.inet_ntop(socket.AF_INET6, target)}"
                f" ttl {ttl}")
        if first >> 20 & 0xFF:
            text += f" tos {first >> 20 & 0xFF:#x}"
        if first & 0xFFFFF:
            text += f" flow {first & 0xFFFFF:#x}"
        body = data[40:40 + length]
        if length < len(data) - 40 and not quoted:
            text += f" padded {len(data) - 40 - length}"
        if length > len(data) - 40 and not quoted:
            text += f" SHORT {length - len(data) + 40}"
        while protocol in (0, 43, 44, 60):
            if protocol == 44:
                protocol, _, offset = struct.unpack_from("!BBH", body)
                text += f" fragment {offset & 0xFFF8}" + ("+" if offset & 1 else "")
                body = body[8:]
                if offset & 0xFFF9:
                    return f"{text} / protocol {protocol} {_data(body)}"
            else:
                text += f" extension {protocol}"
                protocol, words = body[0], body[1]
                body = body[8 + words * 8:]
        return f"{text} / {self._upper(protocol, source, target, body, quoted)}"

    def _upper(self, protocol: int, source: bytes, target: bytes, body: bytes, quoted: bool) -> str:
        decode = {6: self._tcp, 17: self._udp, 132: self._sctp, 1: self._icmp, 58: self._icmp}.get(protocol)
        if protocol in (4, 41):
            return self.ip(body, quoted=quoted)
        if protocol == 47:
            return self._gre(body, quoted)
        if decode is None:
            return f"protocol {protocol} {_data(body)}"
        if quoted:
            return self._quoted(protocol, body)
        pseudo = b"" if protocol in (1, 132) else _pseudo(source, target, protocol, len(body))
        return decode(body, pseudo)

    @staticmethod
    def _quoted(protocol: int, body: bytes) -> str:
        name = {number: name for name, number in PROTOCOLS.items()}[protocol]
        if protocol in (1, 58):
            return f"{name} {body[0]}/{body[1]}"
        return f"{name} {struct.unpack_from('!H', body)[0]} > {struct.unpack_from('!H', body, 2)[0]}"

    @staticmethod
    def _tcp(body: bytes, pseudo: bytes) -> str:
        sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", body)
        header = (offset >> 4) * 4
        text = f"tcp {sport} > {dport} {_flags(flags)} seq {seq} ack {ack} win {window}"
        if header > 20:
            text += f" options {body[20:header].hex()}"
        if checksum(pseudo + body):
            text += " BAD-TCP-SUM"
        return f"{text} / {_data(body[header:])}"

    def _udp(self, body: bytes, pseudo: bytes) -> str:
        sport, dport, length, total = struct.unpack_from("!HHHH", body)
        bad = ""
        if not total:
            bad = " no-sum"
        elif checksum(pseudo + body):
            bad = " BAD-UDP-SUM"
        if dport in self.gue_ports:
            return f"udp gue {dport}{bad} / {self._gue(body[8:])}"
        text = f"udp {sport} > {dport}{bad}"
        if length != len(body):
            text += f" LENGTH {length}"
        return f"{text} / {_data(body[8:])}"

    def _gue(self, body: bytes) -> str:
        first, protocol, flags = struct.unpack_from("!BBH", body)
        if first >> 6 == 1:
            return f"direct / {self.ip(body)}"
        extra = (first & 31) * 4
        text = f"gue protocol {protocol} flags {flags:#x}"
        if extra:
            text += f" private {body[4:4 + extra].hex()}"
        if first & 0x20:
            text += " control"
        return f"{text} / {self.ip(body[4 + extra:])}"

    def _gre(self, body: bytes, quoted: bool) -> str:
        flags, protocol = struct.unpack_from("!HH", body)
        header = 4 + 4 * bool(flags & 0x8000) + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
        text = f"gre flags {flags:#x} type {protocol:#x}"
        if flags & 0x8000 and not quoted and checksum(body):
            text += " BAD-GRE-SUM"
        return f"{text} / {self.ip(body[header:], quoted=quoted)}"

    @staticmethod
    def _sctp(body: bytes, _pseudo: bytes) -> str:
        sport, dport, tag = struct.unpack_from("!HHI", body)
        text = f"sctp {sport} > {dport}"
        names, rest = [], body[12:]
        while len(rest) >= 4:
            kind, _, length = struct.unpack_from("!BBH", rest)
            names.append(SCTP_NAMES.get(kind, str(kind)))
            rest = rest[max(4, (length + 3) & ~3):]
        text += f" {','.join(names)} tag {tag}"
        if struct.pack("<I", crc32c(body[:8] + bytes(4) + body[12:])) != body[8:12]:
            text += " BAD-SCTP-SUM"
        return f"{text} / {_data(body[12:])}"

    def _icmp(self, body: bytes, pseudo: bytes) -> str:
        kind, code, _, rest = struct.unpack_from("!BBHI", body)
        name = "icmp6" if pseudo else "icmp"
        text = f"{name} {kind}/{code}"
        if checksum(pseudo + body):
            text += " BAD-ICMP-SUM"
        error = kind in (1, 2, 3, 4) if pseudo else kind in (3, 4, 5, 11, 12)
        if not error:
            return f"{text} {rest:#x} / {_data(body[8:])}"
        if rest:
            text += f" mtu {rest}"
        return f"{text} about [{self.ip(body[8:], quoted=True)}] quoting {len(body) - 8} bytes"
