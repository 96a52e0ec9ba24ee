# SPDX-License-Identifier: GPL-2.0-or-later
"""The director's surroundings: its namespace, one wire to the clients, one to the real servers, and what they carry."""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import netlink
from .frames import ETH_ARP, ETH_IPV4, ETH_IPV6, Packet, build_ip, checksum, parse_packet

SOL_PACKET, PACKET_IGNORE_OUTGOING, SO_RCVBUFFORCE, ETH_P_ALL = 263, 23, 33, 3

CLIENT, SERVER = "client", "server"
WIRE_NAMES = {CLIENT: "c", SERVER: "s"}  # the director's devices
DIRECTOR_MAC = {CLIENT: bytes.fromhex("02d00000000c"), SERVER: bytes.fromhex("02d00000000d")}
# What each side is made of, and the director's own address there.
NETWORKS = {
    CLIENT: ["10.255.255.254/8", "2001:db8:1:ffff::fe/48"],
    SERVER: ["192.168.255.254/16", "172.31.255.254/12", "2001:db8:2:ffff::fe/48"],
}
_SENTINEL = {CLIENT: "10.254.254.254", SERVER: "192.168.254.254"}
_OPPOSITE = {CLIENT: SERVER, SERVER: CLIENT}
_SENTINEL_S = 2.0
_MULTICAST_NOISE = {130, 131, 132, 133, 134, 143}

_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv6/auto_flowlabels": "0",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/conf/default/forwarding": "1",
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/addr_gen_mode": "1",
}


def set_sysctl(name: str, value: str) -> None:
    path = Path("/proc/sys") / (name if "/" in name else name.replace(".", "/"))
    path.write_text(value)


def side_of(address: str) -> str | None:
    wanted = ipaddress.ip_address(address)
    for side, networks in NETWORKS.items():
        if any(wanted in ipaddress.ip_interface(network).network for network in networks):
            return side
    return None


def mac_of(address: str, side: str) -> bytes:
    """A station's MAC tells its address: direct routing shows the real server by nothing else."""
    packed = netlink.pack_address(address)[1]
    first = 0x02 if len(packed) == 4 else 0x06
    return bytes([first, 0x0C if side == CLIENT else 0x0D]) + packed[-4:]


@dataclass
class Heard:
    """One frame that the director sent."""

    side: str
    station: str  # the address whose MAC it was sent to, else that MAC
    ip: bytes


class World:
    """The namespace where all clients and servers live; one for all directors of this process."""

    def __init__(self) -> None:
        self.namespace = netlink.new_namespace()
        set_sysctl("net.ipv6.conf.default.disable_ipv6", "1")
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setblocking(False)
        self._directors = 0
        self._xdp_pass: int | None = None

    def next_number(self) -> int:
        self._directors += 1
        return self._directors

    def xdp_pass(self) -> int:
        if self._xdp_pass is None:
            self._xdp_pass = netlink.load_xdp_pass()
        return self._xdp_pass


class Lab:
    """A fresh director in a namespace of its own, in which this process then is; close() leaves it."""

    def __init__(self, world: World, addresses: set[str], vips: set[str], xdp_peers: bool = False,
                 mtu: int = 1500) -> None:
        self._world = world
        number = world.next_number()
        self._peers = {side: f"{name}{number}" for side, name in WIRE_NAMES.items()}
        self._sides = {peer: side for side, peer in self._peers.items()}
        self._stations: dict[bytes, str] = {}
        self._links: list[int] = []
        self._sequence = 0
        self.namespace = netlink.new_namespace()
        self._netlink = netlink.Netlink()
        for name, value in _SETTINGS.items():
            set_sysctl(name, value)
        self._wire(mtu)
        if xdp_peers:
            self._attach_pass()
        self._address_sides()
        self.populate(addresses | set(_SENTINEL.values()), vips)

    def _wire(self, mtu: int) -> None:
        net = self._netlink
        net.up("lo")
        for side, name in WIRE_NAMES.items():
            far_mac = bytes([0x02, 0xFF, 0, 0, 0, DIRECTOR_MAC[side][5]])
            net.veth(name, DIRECTOR_MAC[side], self._peers[side], far_mac, self._world.namespace, mtu)
        net.flush()
        netlink.enter_namespace(self._world.namespace)
        outside = netlink.Netlink()
        for peer in self._peers.values():
            outside.up(peer)
        outside.flush()
        outside.close()
        netlink.enter_namespace(self.namespace)
        for side, name in WIRE_NAMES.items():
            netlink.checksum_offload_off(name)
            net.up(name)
        net.flush()

    def _attach_pass(self) -> None:
        netlink.enter_namespace(self._world.namespace)
        for peer in self._peers.values():
            self._links.append(netlink.attach_xdp(self._world.xdp_pass(), socket.if_nametoindex(peer)))
        netlink.enter_namespace(self.namespace)

    def _address_sides(self) -> None:
        for side, networks in NETWORKS.items():
            index = socket.if_nametoindex(WIRE_NAMES[side])
            for network in networks:
                interface = ipaddress.ip_interface(network)
                self._netlink.address(index, str(interface.ip), interface.network.prefixlen)

    def populate(self, addresses: set[str], vips: set[str]) -> None:
        """Makes the virtual addresses local to the director and all others its neighbours."""
        for vip in sorted(vips):
            self._netlink.address(1, vip, 128 if ":" in vip else 32)
        for address in sorted(addresses - vips):
            self.add_station(address)
        self._netlink.flush()

    def add_station(self, address: str) -> None:
        side = side_of(address)
        if side is None:
            return
        mac = mac_of(address, side)
        self._stations[mac] = address
        self._netlink.neighbour(socket.if_nametoindex(WIRE_NAMES[side]), address, mac)

    def set_mtu(self, side: str, size: int) -> None:
        self._netlink.mtu(WIRE_NAMES[side], size)
        self._netlink.flush()

    def close(self) -> None:
        # Without its namespace the director goes, and the far ends with it; the kernel does so in the background.
        for link in self._links:
            os.close(link)
        self._netlink.close()
        netlink.enter_namespace(self._world.namespace)
        os.close(self.namespace)

    def _frame(self, side: str, source: str, ip: bytes) -> bytes:
        kind = ETH_IPV6 if ip[0] >> 4 == 6 else ETH_IPV4
        return DIRECTOR_MAC[side] + mac_of(source, side) + struct.pack("!H", kind) + ip

    def _put(self, side: str, frame: bytes) -> None:
        self._world.socket.sendto(frame, (self._peers[side], 0))

    def send(self, side: str, packet: Packet) -> tuple[list[Heard], bool]:
        """Sends one packet; returns what the director sent because of it, and whether its path is in order."""
        return self.send_ip(side, packet.options.get("from", packet.source), build_ip(packet))

    def send_ip(self, side: str, source: str, ip: bytes) -> tuple[list[Heard], bool]:
        self._put(side, self._frame(side, source, ip))
        heard, passed = self._until_sentinel(side)
        if passed and not heard:
            # A redirected frame leaves at the end of its batch, and a forwarded sentinel could overtake it: once more.
            heard, passed = self._until_sentinel(side)
        return heard, passed

    def _until_sentinel(self, side: str) -> tuple[list[Heard], bool]:
        """Sends a packet that the director merely forwards and listens until it has come through: order is kept."""
        self._sequence += 1
        mark = f"sentinel {self._sequence}"
        line = f"udp {_SENTINEL[side]}:9 > {_SENTINEL[_OPPOSITE[side]]}:9".split()
        packet = parse_packet(line)
        packet.options["hex"] = mark.encode().hex()
        self._put(side, self._frame(side, packet.source, build_ip(packet)))
        heard: list[Heard] = []
        deadline = time.monotonic() + _SENTINEL_S
        while True:
            for item in self._listen(max(0.0, deadline - time.monotonic()), mark.encode()):
                if item is None:
                    return heard + self.drain(), True
                heard.append(item)
            if time.monotonic() >= deadline:
                return heard, False

    def drain(self) -> list[Heard]:
        return [item for item in self._listen(0.0, b"") if item is not None]

    def _listen(self, timeout: float, mark: bytes) -> list[Heard | None]:
        """Frames that wait, or come within the timeout; None stands for the sentinel with that mark."""
        result: list[Heard | None] = []
        select.select([self._world.socket], [], [], timeout)
        while True:
            try:
                frame, origin = self._world.socket.recvfrom(65535)
            except BlockingIOError:
                return result
            except OSError:
                continue  # a device of an earlier director went away
            side = self._sides.get(origin[0])
            if side is None or origin[2] == socket.PACKET_OUTGOING:
                continue
            kind = struct.unpack_from("!H", frame, 12)[0]
            if kind == ETH_ARP:
                self._answer_arp(side, frame)
            elif kind in (ETH_IPV4, ETH_IPV6) and not self._is_noise(side, kind, frame):
                if b"sentinel " in frame[42:60]:
                    if mark and frame[42:42 + len(mark)] == mark:
                        result.append(None)
                    continue
                station = self._stations.get(frame[:6], frame[:6].hex(":"))
                result.append(Heard(side, station, frame[14:]))

    def _answer_arp(self, side: str, frame: bytes) -> None:
        operation = struct.unpack_from("!H", frame, 20)[0]
        wanted = socket.inet_ntoa(frame[38:42])
        if operation != 1 or side_of(wanted) != side:
            return
        mac = mac_of(wanted, side)
        self._stations[mac] = wanted
        self._put(side, frame[6:12] + mac + frame[12:20] + b"\0\2" + mac + frame[38:42] + frame[22:32])

    def _is_noise(self, side: str, kind: int, frame: bytes) -> bool:
        """Neighbour discovery is answered, multicast reports are nobody's business."""
        if kind != ETH_IPV6 or len(frame) < 55:
            return False
        if frame[20] == 0 and frame[62:63] == b"\x8f":
            return True
        if frame[20] != 58:
            return False
        if frame[54] == 135:
            wanted = socket.inet_ntop(socket.AF_INET6, frame[62:78])
            if side_of(wanted) == side:
                self._answer_solicitation(side, frame, wanted)
            return True
        return frame[54] in _MULTICAST_NOISE

    def _answer_solicitation(self, side: str, frame: bytes, wanted: str) -> None:
        mac = mac_of(wanted, side)
        self._stations[mac] = wanted
        source, target = frame[62:78], frame[22:38]
        body = struct.pack("!BBHI", 136, 0, 0, 0x60000000) + source + b"\2\1" + mac
        total = checksum(source + target + struct.pack("!IHBB", len(body), 0, 0, 58) + body)
        body = body[:2] + struct.pack("!H", total) + body[4:]
        head = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + target
        self._put(side, frame[6:12] + mac + struct.pack("!H", ETH_IPV6) + head + body)


def run_command(argv: list[str], stdin: str = "", timeout: float = 240) -> tuple[int, str, str]:
    """Runs a command in the director; returns status, stdout, stderr."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, errors="replace")
    except FileNotFoundError:
        return 127, "", f"{argv[0]}: not found\n"
    except subprocess.TimeoutExpired:
        return 124, "", f"{argv[0]}: no end after {timeout:g} seconds\n"
    return done.returncode, done.stdout, done.stderr
