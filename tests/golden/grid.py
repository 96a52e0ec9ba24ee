# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines by rule instead of by lot: every option with every odd value, in every spelling, and all combinations of
words in a listing."""

from __future__ import annotations

from itertools import combinations
from typing import Iterator

Words = list[str]

LONG = 3000  # longer than any name, number or buffer for one
NUMBERS = [
    "0", "1", "2", "010", "0x10", "+5", "-1", "-0", " 5", "5 ", "5x", "x5", "", "\t7", "5\v", "5\n", "\n5", "1e3", "2.5", "255",
    "256", "65535", "65536", "65537", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296",
    "4294967297", "9223372036854775807", "9223372036854775808", "9" * 20, "0" * 31 + "5", "--", "-n", "-t", "５", "1,2",
    "1 2", "0b1", "inf", "'5'", '"5"', "a" * LONG, "9" * LONG,
]  # fmt: skip
ENDPOINTS = [
    "10.0.0.1:80", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:", "10.0.0.1:80:90", ":80", "", " ", "10.0.0.1 :80", " 10.0.0.1:80",
    "10.0.0.1:80 ", "010.0.0.1:80", "0x0a.0.0.1:80", "167772161:80", "167772161", "10.1:80", "10.0.1:80", "10:80", "012:80",
    "0x0a000001:80", "1.2.3.4.5:80", "256.0.0.1:80", "10.0.0.1:http", "10.0.0.1:HTTP", "10.0.0.1:ftp", "10.0.0.1:domain",
    "10.0.0.1:nosuch", "10.0.0.1:+80", "10.0.0.1:-1", "10.0.0.1:080", "10.0.0.1:0x50", "10.0.0.1: 80", "10.0.0.1:65535",
    "10.0.0.1:65536", "10.0.0.1:" + "9" * 20, "0.0.0.0:80", "255.255.255.255:80", "224.0.0.1:80", "127.0.0.1:80", "240.0.0.1:80",
    "localhost:80", "localhost:http", "LOCALHOST:80", "[::1]:80", "[::1]", "[::1]:", "[::1]x", "[::1]80", "::1", "::1:80",
    "[fd00::1]:http", "[fd00::1]:0", "[fd00::1]:65536", "[fd00::1]:80:90", "[fd00::1%lo]:80", "fe80::1%lo", "[fe80::1]:80",
    "[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", "[10.0.0.1]:80", "[10.0.0.1]", "[localhost]:80", "[:80", "]:80", "[]:80",
    "[ ::1]:80", "[::1 ]:80", "[::]:80", "[ff02::1]:80", "FD00::A:80", "[FD00::A]:80", "[1:2:3:4:5:6:7:8]:80",
    "1:2:3:4:5:6:7:8:80", "[1:2:3:4:5:6:7:8:9]:80", "@", "%s:80", "%n%n", "-", "--", "-L", "a" * 300 + ":80",
    "10.0.0.1:" + "8" * 300, "10.0.0.1:" + "a" * 300, "[" + "a" * 300 + "]:80", "80", "0", "00", "http", ":http", "10.0.0.1;80",
    "10.0.0.1/24:80", "10.0.0.1:80/tcp", "10.0.0.1,10.0.0.2:80", "tcp:10.0.0.1:80", "10.0.0.1:80\n", "10.0.0.1\t:80",
    "１0.0.0.1:80", "ö:80", "10.0.0.1:ö",
]  # fmt: skip
NAMES = [
    "rr", "RR", "wrr", "wlc", "lc", "", "none", "sh", "mh", "fo", "ovf", "twos", "lblc", "master", "backup", "MASTER", "ipip",
    "gue", "gre", "GUE", "sip", "SIP", "veth0", "lo", "eth0", "a" * 15, "a" * 16, "a" * 17, "a" * 300, "rr ", "../rr",
    "ip_vs_rr", "%s", "-n", "--", "rr\n", "ö",
]  # fmt: skip
FLAGS = [
    "sh-port", "sh-fallback", "sh-port,sh-fallback", "sh-port,,sh-fallback", ",sh-port", "sh-port,", "mh-port", "mh-fallback",
    "flag-1", "flag-2", "flag-3", "flag-1,flag-2,flag-3", "flag-4", "foo", "", "SH-PORT", "sh-port ", "sh-port;sh-fallback",
    "sh_port", "sh-port|sh-fallback", "sh-port sh-fallback", "a" * 300, "-n", "0", "1", "8", "sh-port,sh-port",
]  # fmt: skip
MASKS = [
    "255.255.255.0", "255.255.255.255", "0.0.0.0", "0", "24", "32", "33", "/24", "64", "128", "129", "-1", "255.0.255.0",
    "255.255.255", "0xffffff00", "localhost", "", " 24", "24 ", "ffff::", "x", "::1", "-n", "255.255.255.0 ", "1", "010", "64x",
    "999999999999",
]  # fmt: skip
GROUPS = [
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "10.0.0.1", "", "x", "ff02::1", "FF02::1", "[ff02::1]", "ff02::1%veth0", "224.1",
    "0xe0000001", "224.0.0.1 ", " 224.0.0.1", "fe80::1", "::ffff:224.0.0.1", "-n", "--",
]  # fmt: skip

WEB = [["-C"], ["-A", "-t", "10.0.0.1:80", "-s", "rr"], ["-a", "-t", "10.0.0.1:80", "-r", "10.1.0.1:80"]]
SHOW = [["-Ln"], ["-Sn"]]


def spellings(letter: str, name: str, value: str) -> Iterator[Words]:
    if letter:
        yield from (["-" + letter, value], ["-" + letter + value], ["-" + letter + "=" + value])
    yield from (["--" + name, value], ["--" + name + "=" + value])


def each(options: list[tuple[str, str]], values: list[str]) -> Iterator[tuple[str, Words]]:
    for letter, name in options:
        for value in values:
            for words in spellings(letter, name, value):
                yield name, words


def endpoints() -> Iterator[Words]:
    for _, s in each([("t", "tcp-service"), ("u", "udp-service"), ("", "sctp-service")], ENDPOINTS):
        server = ["-r", "10.1.0.1:80"]
        yield from (["-C"], ["-A", *s], ["-a", *s, *server, "-m"], ["-e", *s, *server, "-m", "-w", "3"], ["-L", *s, "-n"],
                    ["-Z", *s], ["-Sn"], ["-d", *s, *server], ["-D", *s], ["-E", *s])  # fmt: skip
    for _, r in each([("r", "real-server")], ENDPOINTS):
        web, mark = ["-t", "10.0.0.1:80"], ["-f", "3"]
        yield from WEB
        yield from (["-a", *web, *r], ["-a", *web, *r, "-m"], ["-a", *r, "-m", *web], ["-e", *web, *r, "-w", "7"], *SHOW,
                    ["-d", *web, *r], ["-A", *mark], ["-a", *mark, *r], ["-a", *mark, *r, "-i"], *SHOW, ["-d", *mark, *r])  # fmt: skip


def numbers() -> Iterator[Words]:
    web, server = ["-t", "10.0.0.1:80"], ["-r", "10.1.0.1"]
    for _, f in each([("f", "fwmark-service")], NUMBERS):
        yield from (["-C"], ["-A", *f], ["-A", *f, "-6"], ["-a", *f, *server], *SHOW, ["-L", *f, "-n"], ["-Z", *f], ["-D", *f])
    for _, w in each([("w", "weight"), ("x", "u-threshold"), ("y", "l-threshold")], NUMBERS):
        yield from WEB
        yield from (["-a", *web, "-r", "10.1.0.2", *w], ["-e", *web, *server, *w],
                    ["-e", *web, *server, "-x", "100", "-y", "50", *w], *SHOW, ["-Ln", "--thresholds"])  # fmt: skip
    for _, p in each([("p", "persistent")], NUMBERS):
        yield from (["-C"], ["-A", *web, *p], ["-A", *p, "-t", "10.0.0.2:80"],
                    ["-A", *p, "-s", "rr", "-t", "10.0.0.3:80", "-M", "255.255.255.0"], *SHOW)  # fmt: skip
    for _, p in each([("", "tun-port")], NUMBERS):
        yield from WEB
        for n, kind in enumerate((["--tun-type", "gue"], ["--tun-type", "ipip"], [])):
            yield ["-a", *web, "-r", f"10.1.0.{n + 2}", "-i", *kind, *p]
        yield from (["-Ln", "--tun-info"], ["-Sn"])
    for _, o in each([("", name) for name in ("syncid", "mcast-port", "mcast-ttl", "sync-maxlen")], NUMBERS):
        yield from (["--start-daemon", "master", "--mcast-interface", "veth0", *o], ["-L", "--daemon"],
                    ["--stop-daemon", "master", *o], ["--stop-daemon", "master"], ["-Ln", *o], ["-L", *o, "--timeout"])  # fmt: skip
    for value in NUMBERS:
        for place in range(3):
            three = ["60"] * 3
            three[place] = value
            yield from (["--set", "900", "120", "300"], ["--set", *three], ["-L", "--timeout"], ["--set", "--", *three])
        yield from (["--set=" + value, "1", "2"], ["--set", value], ["--set", value, "1"], ["-L", "--timeout"])


def names() -> Iterator[Words]:
    web = ["-t", "10.0.0.1:80"]
    for _, s in each([("s", "scheduler")], NAMES):
        yield from (["-C"], ["-A", *web, *s], ["-E", *web, *s], ["-A", "-t", "10.0.0.2:80"], ["-E", *s, "-t", "10.0.0.2:80"],
                    *SHOW, ["-E", "-t", "10.0.0.9:1", *s])  # fmt: skip
    for _, p in each([("", "pe")], NAMES):
        yield from (["-C"], ["-A", *web, "-p", *p], ["-A", "-u", "10.0.0.1:80", "-p", *p], ["-A", "-u", "10.0.0.2:80", *p], *SHOW)
    for _, i in each([("", "mcast-interface")], NAMES):
        yield from (["--start-daemon", "backup", *i], ["--stop-daemon", "backup"])
    for _, t in each([("", "tun-type")], NAMES):
        yield from (*WEB, ["-a", *web, "-r", "10.1.0.2", "-i", *t])
    for _, state in each([("", "start-daemon"), ("", "stop-daemon")], NAMES):
        yield state
    for _, b in each([("b", "sched-flags")], FLAGS):
        for scheduler in (["-s", "sh"], ["-s", "mh"], ["-s", "rr"], []):
            yield from (["-C"], ["-A", *web, *scheduler, *b], ["-A", *b, "-t", "10.0.0.2:80", *scheduler], ["-E", *web, *b], *SHOW)
    for _, m in each([("M", "netmask")], MASKS):
        yield from (["-C"], ["-A", *web, "-p", *m], ["-A", "-t", "[fd00::1]:80", "-p", *m], ["-A", *m, "-p", "-t", "[fd00::2]:80"],
                    ["-A", *m, "-t", "10.0.0.2:80"], ["-A", "-f", "3", "-6", *m], ["-A", "-f", "4", *m, "-6"], *SHOW)  # fmt: skip
    for _, g in each([("", "mcast-group")], GROUPS):
        yield from (["--start-daemon", "master", "--mcast-interface", "veth0", *g], ["-L", "--daemon"], ["--stop-daemon", "master"])


LISTED = [
    ["-C"], ["-A", "-t", "10.0.0.1:80", "-s", "rr", "-p", "60"], ["-a", "-t", "10.0.0.1:80", "-r", "10.1.0.1:80", "-m"],
    ["-a", "-t", "10.0.0.1:80", "-r", "10.1.0.2", "-i", "-w", "0"], ["-A", "-u", "[fd00::1]:53", "-o"],
    ["-a", "-u", "[fd00::1]:53", "-r", "[fd01::1]:5353", "-m"], ["-A", "-f", "9", "-s", "mh"], ["-a", "-f", "9", "-r", "10.1.0.9"],
]  # fmt: skip
LIST_WORDS = [
    ["-n"], ["--numeric"], ["-c"], ["--connection"], ["--stats"], ["--rate"], ["--thresholds"], ["--persistent-conn"],
    ["--nosort"], ["--sort"], ["-X"], ["--exact"], ["--tun-info"], ["--timeout"], ["--daemon"], ["--syncid", "5"],
    ["-t", "10.0.0.1:80"], ["-u", "[fd00::1]:53"], ["-f", "9"], ["-f", "9", "-6"], ["-6"], ["-nX"], ["-cn"], ["-Xn"], ["-nc"],
    ["-s", "rr"], ["-w", "1"], ["-C"], ["-Z"], ["foo"], ["-"], ["--"], [""], ["-h"], ["--help"], ["-v"], ["--version"], ["-q"],
    ["--quiet"], ["-ln"], ["-L"], ["--list"],
]  # fmt: skip
COMMANDS = [
    "-A", "-E", "-D", "-C", "-L", "-l", "-a", "-e", "-d", "-S", "-Z", "-R", "-h", "-v", "--set", "--add-service",
    "--edit-service", "--delete-service", "--clear", "--list", "--add-server", "--edit-server", "--delete-server", "--save",
    "--zero", "--restore", "--help", "--version",
]  # fmt: skip
OTHER_WORDS = [
    "-n", "-t", "-r", "-f", "-s", "-p", "-M", "-m", "-i", "-g", "-w", "-x", "-y", "-c", "-o", "-b", "-6", "-X", "-u", "--pe",
    "--foo", "-Q", "--no-list", "--nolist", "-?", "--usage", "-V", "-H",
]  # fmt: skip


def combined() -> Iterator[Words]:
    yield from LISTED
    for one in LIST_WORDS:
        for command in ("-L", "-l", "--list", "-S", "-R", "-Z"):
            yield [command, *one]
        yield from (["-C", *(one if one != [""] else ["x"])], *LISTED)
    for count in (2, 3):
        for some in combinations(LIST_WORDS, count):
            yield ["-Ln", *(word for words in some for word in words)]
    web, server = ["-t", "10.0.0.1:80"], ["-r", "10.1.0.1"]
    for one in COMMANDS:
        for two in COMMANDS + OTHER_WORDS:
            yield from ([one, two], [two, one], [one, two, *web], [one, *web, two], [one, *web, *server, two])
            if len(two) > 1:
                yield ["-" + one.strip("-")[0] + two.strip("-")[:1]]


def lines() -> Iterator[Words]:
    for part in (endpoints, numbers, names, combined):
        yield from part()
