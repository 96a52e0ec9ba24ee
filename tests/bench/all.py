#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the benches, prints their figures in one table, says which moved by more than the noise since the last kept
run, and draws them.

  all.py [--quick] [--only NAME]... [--history FILE] [--keep LABEL] [--plots DIR]

A figure is a ratio or a share wherever one can be made: nanoseconds of two runs do not compare. With --keep the run
is appended to the history, one JSON object a line, under LABEL; the history is committed with the change that it
shows. A figure has moved when it differs from the last kept one by more than the noise of both: what the halves of
a run differ by, or 5 % where a bench cannot tell.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["XLVS_BUILD"]
LEAST_NOISE = 0.05


def program(name):
    return f"{BUILD}/tests/bench/xlvs-bench{name}"


def run(command, quick):
    """The rows that a bench writes, or None when it cannot run here."""
    with tempfile.NamedTemporaryFile(suffix=".json") as f:
        done = subprocess.run([*command, "--json", f.name, *(["--quick"] if quick else [])], check=False)
        if done.returncode == 77:
            return None
        if done.returncode:
            sys.exit(f"{command[0]} failed with status {done.returncode}")
        return json.load(open(f.name, encoding="utf-8"))


def figure(name, value, unit, goal=None, noise=None, about=""):
    """goal: what it must not exceed; negative: what it must reach."""
    return {"name": name, "value": value, "unit": unit, "goal": goal, "noise": noise, "about": about}


def packets(quick):
    rows = run([program("")], quick) or []
    for r in rows:
        if r["program"] == "xlvs" and r["ratio_to_floor"] is not None:
            yield figure(f"packet/{r['scenario']}", r["ratio_to_floor"], "x floor", r["goal"], r["noise"], r["about"])


def system(quick):
    rows = run([f"{HERE}/system/system.sh"] + (["--rounds", "2"] if quick else []), False) or []
    ns = {r["path"]: r["ns"] for r in rows}
    noise = {r["path"]: r["noise"] for r in rows}
    for path, goal in (("dr", -0.85), ("ipip", None), ("nat", None)):
        if path in ns:
            share = ns["redirect"] / ns[path]
            yield figure(f"system/{path}", share, "of redirect", goal, share * (noise[path] + noise["redirect"]),
                         "packets a second, beside an empty XDP redirect")
    if "nft-dnat" in ns:
        times = ns["nft-dnat"] / ns["nat"]
        yield figure("system/nat-nft", times, "x nft", -3, times * (noise["nat"] + noise["nft-dnat"]), "NAT, beside nftables with conntrack")


def ipvs(quick):
    rows = run([f"{HERE}/system/on_qemu.sh"], False) or []
    del quick
    n = {r["path"]: r["ns"] for r in rows}
    for path in ("dr", "ipip", "nat"):
        if f"ipvs-{path}" in n:
            yield figure(f"ipvs/{path}", n[f"ipvs-{path}"] / n[path], "x IPVS", -5, None,
                         "instructions of a packet's whole way, kernel IPVS to xlvs, Linux 6.1 in QEMU")
            yield figure(f"ipvs/{path}-director", (n[f"ipvs-{path}"] - n["source"]) / (n[path] - n["source"]), "x IPVS", None, None,
                         "the same without source and cable")


def cores(quick):
    for r in run([program("-cores")], quick) or []:
        yield figure(f"cores/{r['meeting']}", r["ratio"], "x alone", None, None, r["about"])


def verifier(quick):
    del quick
    for r in run([program("-verifier")], False) or []:
        yield figure(f"verifier/{r['program']}", r["instructions"] / 1e6, "of limit", 0.5, None, "instructions that the verifier follows")
        yield figure(f"stack/{r['program']}", r["stack"] / 512, "of limit", 1, None, "stack of the longest chain of calls")


def control(quick):
    for r in run([f"{HERE}/control/control.sh"], quick) or []:
        yield figure(f"control/{r['figure']}", r["value"], r["unit"], r["goal"], None, r["about"])


def real(quick):
    rows = run([f"{HERE}/control/control.sh", "--uml"], quick) or []
    for r in rows:
        if r["figure"].startswith("ratio-"):
            yield figure(f"control-ipvs/{r['figure'][6:]}", r["value"], "x IPVS", None, None, r["about"])


BENCHES = {"packets": packets, "verifier": verifier, "system": system, "ipvs": ipvs, "cores": cores, "control": control,
           "control-ipvs": real}


def verdict(f):
    if f["goal"] is None:
        return ""
    reached = f["value"] >= -f["goal"] if f["goal"] < 0 else f["value"] <= f["goal"]
    return "" if reached else "missed"


def noise_of(f):
    return max(f["noise"] or 0, LEAST_NOISE * abs(f["value"]))


def moved(f, before):
    """The change since the figure was last kept, in words; "" when it is within the noise."""
    if before is None:
        return ""
    change = f["value"] - before["value"]
    if abs(change) <= noise_of(f) + noise_of(before):
        return ""
    return f"was {before['value']:.3g}"


def last_kept(history):
    """Of each figure, its last entry."""
    found = {}
    if os.path.exists(history):
        for line in open(history, encoding="utf-8"):
            for f in json.loads(line)["figures"]:
                found[f["name"]] = f
    return found


def print_table(figures, before):
    print(f"\n{'figure':<30} {'value':>9} {'unit':<12} {'goal':>9} {'noise':>7}  what")
    for f in figures:
        goal = "" if f["goal"] is None else f"{'>=' if f['goal'] < 0 else '<='} {abs(f['goal']):.3g}"
        words = [w for w in (verdict(f), moved(f, before.get(f["name"]))) if w]
        print(f"{f['name']:<30} {f['value']:>9.3g} {f['unit']:<12} {goal:>9} {noise_of(f):>7.2g}  {f['about']}"
              f"{' (' + ', '.join(words) + ')' if words else ''}")


def bars(title, unit, rows):
    """A bar for each of (name, value, goal), as SVG."""
    width, left, bar, gap = 720, 150, 16, 8
    most = max(max(abs(v), abs(g or 0)) for _, v, g in rows) or 1
    scale = (width - left - 80) / most
    height = 40 + len(rows) * (bar + gap)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="8" y="18" font-size="14">{title} ({unit}); the line is the goal</text>']
    for i, (name, value, goal) in enumerate(rows):
        y = 32 + i * (bar + gap)
        out.append(f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">{name}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{value * scale:.1f}" height="{bar}" fill="#4878a8"/>')
        out.append(f'<text x="{left + value * scale + 6:.1f}" y="{y + 12}">{value:.3g}</text>')
        if goal:
            x = left + abs(goal) * scale
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + bar + 3}" stroke="#c04030" stroke-width="2"/>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def draw(figures, folder):
    os.makedirs(folder, exist_ok=True)
    plots = {"packet": ("Cost of a packet in the XDP program", "ratio to the floor, less is better"),
             "system": ("Whole directors", "more is better"), "ipvs": ("Instructions, kernel IPVS to xlvs", "more is better"),
             "cores": ("All cores at once, to one alone", "1 is best")}
    for kind, (title, unit) in plots.items():
        rows = [(f["name"].split("/")[1], f["value"], f["goal"]) for f in figures if f["name"].startswith(kind + "/")]
        if rows:
            with open(f"{folder}/{kind}.svg", "w", encoding="utf-8") as out:
                out.write("<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n" + bars(title, unit, rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="does it work, not how fast is it")
    parser.add_argument("--only", action="append", choices=list(BENCHES), help="this bench; may be repeated")
    parser.add_argument("--history", default=f"{HERE}/history.jsonl")
    parser.add_argument("--keep", metavar="LABEL", help="append the run to the history")
    parser.add_argument("--plots", metavar="DIR", help="draw the figures there")
    args = parser.parse_args()
    before = last_kept(args.history)
    figures = []
    for name in args.only or BENCHES:
        print(f"== {name}", flush=True)
        figures += BENCHES[name](args.quick)
    print_table(figures, before)
    if args.plots:
        draw(figures, args.plots)
    if args.keep:
        with open(args.history, "a", encoding="utf-8") as f:
            f.write(json.dumps({"label": args.keep, "date": date.today().isoformat(), "figures": figures}) + "\n")


main()
