# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams put together as their receiver does: in a tunnel's outer header and in the packet inside."""

from __future__ import annotations

import struct

from .frames import checksum

FRAGMENT, TUNNELS = 44, (4, 41)


def _with_length(head: bytes, body: bytes) -> bytes:
    """The header, no fragment's any more, in front of another body."""
    if head[0] >> 4 == 6:
        return head[:4] + struct.pack("!H", len(body)) + head[6:] + body
    flags = struct.unpack_from("!H", head, 6)[0] & 0x4000
    head = head[:2] + struct.pack("!H", len(head) + len(body)) + head[4:6] + struct.pack("!H", flags) + head[8:10] + \
        bytes(2) + head[12:]
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


class Reassembler:
    """Takes the packets of one station, gives whole ones."""

    def __init__(self) -> None:
        self._pieces: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
        self._heads: dict[bytes, bytes] = {}

    def add(self, ip: bytes) -> bytes | None:
        """The whole packet, once its last piece is here, whichever that is."""
        v6 = ip[0] >> 4 == 6
        size = 40 if v6 else (ip[0] & 15) * 4
        length = 40 + struct.unpack_from("!H", ip, 4)[0] if v6 else struct.unpack_from("!H", ip, 2)[0]
        head, body = ip[:size], ip[size:length]
        if v6 and head[6] == FRAGMENT:
            follows, _, where, ident = struct.unpack_from("!BBHI", body)
            head = head[:6] + bytes([follows]) + head[7:]
            whole = self._piece(head[8:40] + struct.pack("!BI", follows, ident), head, where & 0xFFF8, bool(where & 1), body[8:])
        elif not v6 and struct.unpack_from("!H", head, 6)[0] & 0x3FFF:
            where = struct.unpack_from("!H", head, 6)[0]
            whole = self._piece(head[4:6] + head[9:10] + head[12:20], head, (where & 0x1FFF) * 8, bool(where & 0x2000), body)
        else:
            whole = head + body
        if whole is None or whole[6 if v6 else 9] not in TUNNELS:
            return whole
        inner = self.add(whole[size:])
        return None if inner is None else _with_length(whole[:size], inner)

    def _piece(self, key: bytes, head: bytes, offset: int, more: bool, data: bytes) -> bytes | None:
        pieces = self._pieces.setdefault(key, {})
        pieces[offset] = data, more
        if offset == 0:
            self._heads[key] = head
        whole, at = b"", 0
        while at in pieces:
            data, more = pieces[at]
            whole, at = whole + data, at + len(data)
            if not more:
                del self._pieces[key]
                return _with_length(self._heads.pop(key), whole)
        return None
