#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands cost on a large table: restoring it, listing it, adding a server, listing connections; and how much
memory a table takes beside what was promised. Prints a row for each figure, the least of several runs.

  control.py [--json FILE] [--quick] [--real IPVSADM]

Run by control.sh in a network namespace whose interface eth0 is free. With --real the same is done to kernel IPVS
with that command, for a comparison on one kernel.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["XLVS_BUILD"]
XLVS = f"{BUILD}/loader/xlvs"
FILL = f"{BUILD}/tests/bench/control/xlvs-bench-fill"


def address(base, n):
    n += base
    return f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def rules(services, servers):
    """A table as ipvsadm-save writes it."""
    lines = []
    for s in range(services):
        vip = address(0x0A800001, s)
        lines.append(f"-A -t {vip}:80 -s wrr")
        lines += [f"-a -t {vip}:80 -r {address(0xC0A80001, (s * servers + i) % 60000)}:80 -g -w {1 + i % 3}"
                  for i in range(servers)]
    return "\n".join(lines) + "\n"


class Meter:
    """Runs commands; remembers the least seconds, by the clock and of the processor, of each."""

    def __init__(self, runs):
        self.runs = runs

    def once(self, command, text=None):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as printed:
            if text is not None:
                given.write(text)
                given.seek(0)
            done = subprocess.run(command, stdin=given, stdout=printed, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
            printed.seek(0)
            lines = sum(1 for _ in printed)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.monotonic() - begin, cpu, lines

    def least(self, command, text=None, between=None):
        found = []
        for _ in range(self.runs):
            if between:
                between()
            found.append(self.once(command, text))
        return min(f[0] for f in found), min(f[1] for f in found), found[-1][2]


def meminfo():
    """Where arrays are, and per-CPU memory, too: its chunks come from there."""
    with open("/proc/meminfo", encoding="ascii") as f:
        rows = dict(line.split(":") for line in f)
    return int(rows["VmallocUsed"].split()[0]) * 1024


class Report:
    def __init__(self):
        self.rows = []

    def say(self, figure, value, unit, goal, about):
        missed = "" if goal is None or value <= goal else " (missed)"
        limit = "-" if goal is None else f"{goal:g}"
        print(f"{figure:<26} {value:>10.3f} {unit:<6} {limit:>8}  {about}{missed}", flush=True)
        self.rows.append({"figure": figure, "value": value, "unit": unit, "goal": goal, "about": about})


def measure(report, engine, ipvsadm, services, servers, meter, goals):
    """Restore, list, add and delete on a table of that size."""
    text = rules(services, servers)
    size = f"{services} services x {servers} servers"

    def limit(name):
        return goals.get(name)

    def clear():
        meter.once([ipvsadm, "-C"])

    wall, cpu, _ = meter.least([ipvsadm, "-R"], text, clear)
    report.say(f"{engine}-restore", wall, "s", limit("restore"), f"-R of {size} into an empty table; {cpu:.3f} s of processor")
    wall, cpu, lines = meter.least([ipvsadm, "-Ln"])
    report.say(f"{engine}-list", wall, "s", limit("list"), f"-Ln of them, {lines} lines; {cpu:.3f} s of processor")
    wall, cpu, lines = meter.least([ipvsadm, "-Sn"])
    report.say(f"{engine}-save", wall, "s", None, f"-Sn, {lines} lines; {cpu:.3f} s of processor")
    vip = f"{address(0x0A800001, services // 2)}:80"
    server = ["-t", vip, "-r", "192.168.255.1:80"]
    wall, cpu = add_server(meter, ipvsadm, server)
    report.say(f"{engine}-add", 1e3 * wall, "ms", limit("add"), f"-a, one server to one of them; {1e3 * cpu:.1f} ms of processor")


def add_server(meter, ipvsadm, server):
    found = []
    for _ in range(4 * meter.runs):
        found.append(meter.once([ipvsadm, "-a", *server, "-g"]))
        meter.once([ipvsadm, "-d", *server])
    return min(f[0] for f in found), min(f[1] for f in found)


def xlvs_table(report, args, meter):
    size = ["--conns", str(args.conns), "--services", "16384", "--servers", "131072"]
    before = meminfo()
    meter.once([XLVS, "attach", "eth0", *size])
    used = meminfo() - before
    status = json.loads(subprocess.run([XLVS, "status", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    promised = status["capacity"]["memory_bytes"]
    report.say("memory-promised", promised / 2**20, "MiB", None, f"xlvs status, {args.conns} connections, 131,072 servers")
    if used > 0:
        report.say("memory-error", 100 * abs(used - promised) / promised, "%", 10,
                   f"the kernel's VmallocUsed grew by {used / 2**20:.0f} MiB")


def xlvs_connections(report, args, ipvsadm, meter):
    """Listing many connections."""
    vip = address(0x0A800001, 0)
    meter.once([FILL, "eth0", vip, str(args.listed)])
    few = Meter(max(1, meter.runs // 2))
    wall, cpu, lines = few.least([ipvsadm, "-Lnc"])
    report.say("xlvs-connections", wall, "s", 3 * args.listed / 1e6, f"-Lnc, {lines - 2} connections; {cpu:.3f} s of processor")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--quick", action="store_true", help="a small table once: does it work")
    parser.add_argument("--real", help="also measure kernel IPVS with this command")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--services", type=int, default=10000)
    parser.add_argument("--conns", type=int, default=2000000)
    parser.add_argument("--listed", type=int, default=1000000)
    args = parser.parse_args()
    if args.quick:
        args.runs, args.services, args.conns, args.listed = 1, 200, 100000, 20000
    meter, report = Meter(args.runs), Report()
    print(f"{'figure':<26} {'value':>10} {'unit':<6} {'at most':>8}")
    ipvsadm = f"{BUILD}/ipvsadm/ipvsadm"
    if args.real:
        measure(report, "kernel", args.real, args.services, 10, meter, {})
        meter.once([args.real, "-C"])
    xlvs_table(report, args, meter)
    measure(report, "xlvs", ipvsadm, args.services, 10, meter, {"restore": 2, "list": 1, "add": 10})
    if args.listed:
        xlvs_connections(report, args, ipvsadm, meter)
    if args.real:
        found = {r["figure"]: r["value"] for r in report.rows}
        for name in ("restore", "list", "save", "add"):
            report.say(f"ratio-{name}", found[f"xlvs-{name}"] / found[f"kernel-{name}"], "", None, "xlvs to kernel IPVS, one kernel")
    if args.json:
        with open(args.json, "w", encoding="ascii") as f:
            json.dump(report.rows, f, indent=1)
            f.write("\n")


main()
