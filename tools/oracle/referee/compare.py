# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares two transcripts of one scenario; times may differ by what a machine's hesitation explains."""

from __future__ import annotations

import re
from pathlib import Path

TIME_SLACK_S = 2
_TIME = re.compile(r"(?<= )(\d+):(\d\d)(?= )")


def _times(line: str) -> list[int]:
    return [int(minutes) * 60 + int(seconds) for minutes, seconds in _TIME.findall(line)]


def same(one: str, other: str, slack: int = TIME_SLACK_S) -> bool:
    """Equal, but for expiry times of connection listings that are a little apart."""
    if one == other:
        return True
    if not one.startswith("  out: ") or _TIME.sub("T", one) != _TIME.sub("T", other):
        return False
    return all(abs(a - b) <= slack for a, b in zip(_times(one), _times(other)))


def steps(text: str) -> list[list[str]]:
    """The transcript step by step: its line, then what happened. Lines of the head are left out."""
    result: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("> "):
            result.append([line])
        elif result:
            result[-1].append(line)
    return result


def _paired(wanted: list[str], got: list[str], slack: int) -> bool:
    return len(wanted) == len(got) and all(same(a, b, slack) for a, b in zip(wanted, got))


def differences(wanted: str, got: str, slack: int = TIME_SLACK_S) -> list[str]:
    """Lines that explain every difference: the step, what was wanted (-), what came (+)."""
    ours, theirs = steps(got), steps(wanted)
    report: list[str] = []
    for position, step in enumerate(theirs):
        if position >= len(ours):
            return [*report, f"ends before: {step[0]}"]
        mine = ours[position]
        if mine[0] != step[0]:
            return [*report, f"another step: wanted {step[0]}, got {mine[0]}"]
        if not _paired(step[1:], mine[1:], slack):
            report.append(step[0])
            report += [f"  - {line.strip()}" for line in step[1:] if not any(same(line, o, slack) for o in mine[1:])]
            report += [f"  + {line.strip()}" for line in mine[1:] if not any(same(o, line, slack) for o in step[1:])]
            if sorted(step[1:]) == sorted(mine[1:]):
                report.append("  (the same lines in another order)")
    if len(ours) > len(theirs):
        report.append(f"goes on after the end: {ours[len(theirs)][0]}")
    return report


def compare_files(wanted: Path, got: Path, slack: int = TIME_SLACK_S) -> list[str]:
    if not got.exists():
        return ["no transcript"]
    return differences(wanted.read_text(), got.read_text(), slack)
