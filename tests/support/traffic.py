#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic for the end-to-end tests: clients that count every answer, and servers that say who they are.

Clients print one line of key=value: what was asked and answered, the slowest
answer, and the number of answers by each real server.

  http   HOST PORT [--requests N | --seconds S | --until FILE] [--threads N]   each request is a new connection
  udp    HOST PORT [--requests N | --seconds S | --until FILE] [--flows N]     one datagram, its echo, the next one
  hold   HOST PORT --flows N --seconds S                        long connections: an echo each 50 ms
  upload HOST PORT --bytes N                                    prints the sink's digest, ours, and the time
  flood  HOST PORT --requests N --seconds S                     SYNs from anywhere, evenly spread over the time

  serve  NAME ADDRESS...   on each address: UDP echo on 9000 and 9001, TCP echo
                           on 9000 and 9001, TCP sink that answers with a digest on 9100
"""
import argparse
import collections
import hashlib
import os
import random
import selectors
import socket
import struct
import sys
import threading
import time

ECHO_PORTS = (9000, 9001)
SINK_PORT = 9100


class Tally:
    """What became of the requests of all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.servers = collections.Counter()
        self.failures = collections.Counter()
        self.slowest = 0.0

    def answer(self, server, seconds):
        with self.lock:
            self.servers[server] += 1
            self.slowest = max(self.slowest, seconds)

    def failure(self, why):
        with self.lock:
            self.failures[why] += 1

    def hopeless(self):
        """Enough failures to know: the rest would take a timeout each."""
        return sum(self.failures.values()) >= 8

    def report(self):
        answered, failed = sum(self.servers.values()), sum(self.failures.values())
        words = [f"asked={answered + failed}", f"answered={answered}", f"slowest_ms={self.slowest * 1000:.0f}"]
        words += [f"{name}={count}" for name, count in sorted(self.servers.items())]
        print(" ".join(words))
        for why, count in self.failures.most_common(3):
            print(f"{count} times: {why}", file=sys.stderr)
        return 1 if failed or not answered else 0


class Budget:
    """How many requests there may still be, or until when."""

    def __init__(self, args):
        self.lock = threading.Lock()
        self.left = args.requests
        self.end = time.monotonic() + args.seconds if args.seconds else None
        self.stop = args.until

    def take(self):
        if self.stop:
            return not os.path.exists(self.stop)
        if self.end is not None:
            return time.monotonic() < self.end
        with self.lock:
            self.left -= 1
            return self.left >= 0


def in_threads(count, work):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def read_all(sock):
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    return data


def http(args):
    tally, budget = Tally(), Budget(args)
    ports = iter(range(args.first_port, 65536) if args.first_port else ())
    request = f"GET / HTTP/1.1\r\nHost: {args.host}\r\nConnection: close\r\n\r\n".encode()

    def work(_):
        while budget.take() and not tally.hopeless():
            start = time.monotonic()
            try:
                here = ("", next(ports)) if args.first_port else None
                with socket.create_connection((args.host, args.port), args.timeout, here) as sock:
                    sock.sendall(request)
                    head, _, body = read_all(sock).partition(b"\r\n\r\n")
                if b" 200 " not in head.split(b"\r\n")[0]:
                    raise OSError(f"answer {head[:40]!r}")
                tally.answer(body.decode().strip(), time.monotonic() - start)
            except OSError as error:
                tally.failure(str(error))

    in_threads(args.threads, work)
    return tally.report()


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def udp(args):
    """Each request on the next of --flows sockets; 0 flows: a new socket each time, on a port never used before."""
    tally, budget = Tally(), Budget(args)
    ports = iter(range(args.first_port or 10000, 65536))

    def open_one():
        sock = socket.socket(family_of(args.host), socket.SOCK_DGRAM)
        sock.settimeout(args.timeout)
        sock.bind(("", next(ports)))
        sock.connect((args.host, args.port))
        return sock

    socks = [open_one() for _ in range(args.flows)]
    number = 0
    while budget.take() and not tally.hopeless():
        sock = socks[number % len(socks)] if socks else open_one()
        number += 1
        start = time.monotonic()
        try:
            sock.send(b"%d" % number)
            while True:
                server, _, echo = sock.recv(2048).partition(b" ")
                if echo == b"%d" % number:
                    break
            tally.answer(server.decode(), time.monotonic() - start)
        except OSError as error:
            tally.failure(f"datagram: {error}")
        if not socks:
            sock.close()
    return tally.report()


def hold(args):
    """A connection counts as answered when every echo came back until the end."""
    tally = Tally()
    end = time.monotonic() + args.seconds

    def work(number):
        slowest, server = 0.0, b""
        try:
            with socket.create_connection((args.host, args.port), timeout=args.timeout) as sock:
                stream = sock.makefile("rwb")
                while time.monotonic() < end:
                    start = time.monotonic()
                    stream.write(b"%d\n" % number)
                    stream.flush()
                    line = stream.readline()
                    server, _, echo = line.rstrip(b"\n").partition(b" ")
                    if echo != b"%d" % number:
                        raise OSError(f"echo {line!r}")
                    slowest = max(slowest, time.monotonic() - start)
                    time.sleep(0.05)
            tally.answer(server.decode(), slowest)
        except OSError as error:
            tally.failure(f"connection: {error}")

    in_threads(args.flows, work)
    return tally.report()


def upload(args):
    digest, left, start = hashlib.sha256(), args.bytes, time.monotonic()
    block = os.urandom(1 << 20)
    with socket.create_connection((args.host, args.port), timeout=args.timeout) as sock:
        while left:
            piece = block[random.randrange(1024):][:left]
            digest.update(piece)
            sock.sendall(piece)
            left -= len(piece)
        sock.shutdown(socket.SHUT_WR)
        server, theirs = read_all(sock).decode().split()
    ms = (time.monotonic() - start) * 1000
    print(f"server={server} sent={digest.hexdigest()} received={theirs} ms={ms:.0f}")
    return 0 if theirs == digest.hexdigest() else 1


def flood(args):
    """IPv4; sources in 172.16.0.0/12, which nobody has here."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    target = socket.inet_aton(args.host)
    start = time.monotonic()
    for number in range(args.requests):
        source = struct.pack("!I", 0xAC100000 | random.getrandbits(20))
        tcp = [random.randrange(1024, 65536), args.port, *struct.unpack("!HH", random.randbytes(4)), 0, 0, 0x5002, 8192, 0, 0]
        total = sum(struct.unpack("!4H", source + target)) + 6 + 20 + sum(tcp)
        tcp[8] = ~(total % 0xFFFF) & 0xFFFF  # the sum of 16-bit words with end-around carry
        head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + source + target
        raw.sendto(head + struct.pack("!10H", *tcp), (args.host, 0))
        ahead = number * args.seconds / args.requests - (time.monotonic() - start)
        if ahead > 0.01:
            time.sleep(ahead)
    print(f"sent={args.requests} ms={(time.monotonic() - start) * 1000:.0f}")
    return 0


def serve_echo(sock, name):
    with sock, sock.makefile("rwb") as stream:
        for line in stream:
            stream.write(name + b" " + line)
            stream.flush()


def serve_sink(sock, name):
    digest = hashlib.sha256()
    with sock:
        while chunk := sock.recv(1 << 20):
            digest.update(chunk)
        sock.sendall(name + b" " + digest.hexdigest().encode())


def serve(args):
    name = args.name.encode()
    selector = selectors.DefaultSelector()

    def listen(address, port, kind, handler):
        sock = socket.socket(family_of(address), kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(512)
        selector.register(sock, selectors.EVENT_READ, handler)

    for address in args.addresses:
        for port in ECHO_PORTS:
            listen(address, port, socket.SOCK_DGRAM, None)
            listen(address, port, socket.SOCK_STREAM, serve_echo)
        listen(address, SINK_PORT, socket.SOCK_STREAM, serve_sink)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                data, peer = key.fileobj.recvfrom(2048)
                key.fileobj.sendto(name + b" " + data, peer)
            else:
                sock, _ = key.fileobj.accept()
                threading.Thread(target=key.data, args=(sock, name), daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for function in (http, udp, hold, upload, flood):
        command = commands.add_parser(function.__name__)
        command.set_defaults(run=function)
        command.add_argument("host")
        command.add_argument("port", type=int)
        command.add_argument("--requests", type=int, default=60)
        command.add_argument("--seconds", type=float, default=0)
        command.add_argument("--until", help="a file; stop when it exists")
        command.add_argument("--threads", type=int, default=1)
        command.add_argument("--flows", type=int, default=0)
        command.add_argument("--first-port", type=int, help="the client's: one after the other")
        command.add_argument("--bytes", type=int, default=50_000_000)
        command.add_argument("--timeout", type=float, default=5)
    command = commands.add_parser("serve")
    command.set_defaults(run=serve)
    command.add_argument("name")
    command.add_argument("addresses", nargs="+")
    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
