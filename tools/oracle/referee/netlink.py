# SPDX-License-Identifier: GPL-2.0-or-later
"""The few network settings a director needs, by raw rtnetlink: a fork of ip(8) each would cost more than the test."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWNEIGH = 16, 17, 20, 28
NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE, NLM_F_CREATE = 0x1, 0x4, 0x100, 0x400
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_NET_NS_FD = 1, 3, 4, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_F_NODAD = 1, 2, 0x02
NDA_DST, NDA_LLADDR, NUD_PERMANENT = 1, 2, 0x80
IFF_UP = 0x1
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def new_namespace() -> int:
    """Moves this process to a network namespace of its own; returns a descriptor that keeps it alive."""
    _check(_libc.unshare(CLONE_NEWNET), "unshare network namespace")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_namespace(fd: int) -> None:
    _check(_libc.setns(fd, CLONE_NEWNET), "enter network namespace")


def attr(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("HH", length, kind) + value + bytes(-length % 4)


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _link_head(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("BxHiII", 0, 0, index, flags, change)


class Netlink:
    """A socket to the rtnetlink of the namespace in which it was made; requests are sent in one go by flush()."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._pending: list[tuple[str, bytes]] = []

    def close(self) -> None:
        self._socket.close()

    def _add(self, what: str, kind: int, flags: int, body: bytes) -> None:
        sequence = len(self._pending)
        head = struct.pack("IHHII", 16 + len(body), kind, flags | NLM_F_REQUEST | NLM_F_ACK, sequence, 0)
        self._pending.append((what, head + body))

    def flush(self) -> None:
        """Sends the requests; the first refusal is raised, by name."""
        pending, self._pending = self._pending, []
        for first in range(0, len(pending), 100):
            self._exchange(pending[first:first + 100], first)

    def _exchange(self, batch: list[tuple[str, bytes]], first: int) -> None:
        self._socket.send(b"".join(message for _, message in batch))
        answers = 0
        failure: OSError | None = None
        while answers < len(batch):
            data = self._socket.recv(65536)
            while len(data) >= 16:
                length, kind, _, sequence, _ = struct.unpack_from("IHHII", data)
                if kind == 2:
                    answers += 1
                    error = -struct.unpack_from("i", data, 16)[0]
                    if error and failure is None:
                        failure = OSError(error, f"{batch[sequence - first][0]}: {os.strerror(error)}")
                data = data[(length + 3) & ~3:]
        if failure:
            raise failure

    def veth(self, name: str, mac: bytes, peer: str, peer_mac: bytes, peer_namespace: int, mtu: int) -> None:
        far = (_link_head() + attr(IFLA_IFNAME, _text(peer)) + attr(IFLA_ADDRESS, peer_mac)
               + attr(IFLA_MTU, struct.pack("I", mtu)) + attr(IFLA_NET_NS_FD, struct.pack("I", peer_namespace)))
        info = attr(IFLA_INFO_KIND, b"veth") + attr(IFLA_INFO_DATA, attr(VETH_INFO_PEER, far))
        self._add(f"add veth {name}", RTM_NEWLINK, NLM_F_CREATE,
                  _link_head() + attr(IFLA_IFNAME, _text(name)) + attr(IFLA_ADDRESS, mac)
                  + attr(IFLA_MTU, struct.pack("I", mtu)) + attr(IFLA_LINKINFO, info))

    def up(self, name: str) -> None:
        self._add(f"set {name} up", RTM_NEWLINK, 0, _link_head(0, IFF_UP, IFF_UP) + attr(IFLA_IFNAME, _text(name)))

    def mtu(self, name: str, size: int) -> None:
        self._add(f"set mtu of {name}", RTM_NEWLINK, 0,
                  _link_head() + attr(IFLA_IFNAME, _text(name)) + attr(IFLA_MTU, struct.pack("I", size)))

    def delete(self, name: str) -> None:
        self._add(f"delete {name}", RTM_DELLINK, 0, _link_head() + attr(IFLA_IFNAME, _text(name)))

    def address(self, index: int, address: str, prefix: int) -> None:
        family, packed = pack_address(address)
        flags = IFA_F_NODAD if family == socket.AF_INET6 else 0
        body = struct.pack("BBBBI", family, prefix, flags, 0, index)
        self._add(f"add address {address}/{prefix}", RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
                  body + attr(IFA_LOCAL, packed) + attr(IFA_ADDRESS, packed))

    def neighbour(self, index: int, address: str, mac: bytes) -> None:
        family, packed = pack_address(address)
        body = struct.pack("BxxxiHBB", family, index, NUD_PERMANENT, 0, 0)
        self._add(f"add neighbour {address}", RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
                  body + attr(NDA_DST, packed) + attr(NDA_LLADDR, mac))


def pack_address(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def checksum_offload_off(name: str) -> None:
    """Makes the stack finish the checksums of what it sends on this device: frames are judged as bytes."""
    value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP16x", name.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCETHTOOL, request)


_SYS_BPF = 321
_BPF_PROG_LOAD, _BPF_LINK_CREATE = 5, 28
_BPF_PROG_TYPE_XDP, _BPF_XDP, _XDP_FLAGS_DRV_MODE = 6, 37, 4


def _bpf(command: int, attributes: bytes, what: str) -> int:
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return _check(_libc.syscall(_SYS_BPF, command, buffer, len(attributes)), what)


def load_xdp_pass() -> int:
    """Loads `return XDP_PASS`: veth delivers redirected frames only to a peer that has an XDP program."""
    code = ctypes.create_string_buffer(bytes.fromhex("b700000002000000" "9500000000000000"))
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("IIQQIIQII16sII", _BPF_PROG_TYPE_XDP, 2, ctypes.addressof(code),
                             ctypes.addressof(licence), 0, 0, 0, 0, 0, b"pass", 0, 0)
    return _bpf(_BPF_PROG_LOAD, attributes, "load XDP_PASS")


def attach_xdp(program: int, index: int) -> int:
    """Attaches natively; the descriptor returned holds the attachment."""
    attributes = struct.pack("IIII", program, index, _BPF_XDP, _XDP_FLAGS_DRV_MODE)
    return _bpf(_BPF_LINK_CREATE, attributes.ljust(64, b"\0"), "attach XDP_PASS")
