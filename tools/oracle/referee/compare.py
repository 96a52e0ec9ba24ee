# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares two transcripts of one scenario; expiry times may differ by what a machine's speed explains."""

from __future__ import annotations

import re
from pathlib import Path

TIME_SLACK_S = 2
_AT = re.compile(r"  at (\d+) s")
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


def _elapsed(step: list[str]) -> tuple[int, list[str]]:
    """When a listing was made, in seconds from the start, and the step without that line."""
    for line in step:
        if match := _AT.fullmatch(line):
            return int(match[1]), [other for other in step if other is not line]
    return 0, step


def _on_purpose(wanted: list[str]) -> list[str]:
    """What xlvs must answer: where the scenario says so that, else what the kernel answered."""
    instead = ["  " + line.removeprefix("  xlvs: ") for line in wanted if line.startswith("  xlvs: ")]
    return instead or wanted


def _paired(wanted: list[str], got: list[str], slack: int) -> bool:
    return len(wanted) == len(got) and all(same(a, b, slack) for a, b in zip(wanted, got))


def _only_in(sign: str, lines: list[str], others: list[str], slack: int) -> list[str]:
    return [f"  {sign} {line.strip()}" for line in lines if not any(same(line, other, slack) for other in others)]


def differences(wanted_text: str, got_text: str, slack: int = TIME_SLACK_S) -> list[str]:
    """Lines that explain every difference: the step, what was wanted (-), what came (+)."""
    ours, theirs = steps(got_text), steps(wanted_text)
    report: list[str] = []
    for position, step in enumerate(theirs):
        if position >= len(ours):
            return [*report, f"ends before: {step[0]}"]
        mine = ours[position]
        if mine[0] != step[0]:
            return [*report, f"another step: wanted {step[0]}, got {mine[0]}"]
        wanted_at, wanted_lines = _elapsed(_on_purpose(step[1:]))
        got_at, got_lines = _elapsed([line for line in mine[1:] if not line.startswith("  xlvs: ")])
        allowed = slack + abs(wanted_at - got_at)
        if not _paired(wanted_lines, got_lines, allowed):
            report.append(f"{step[0]}   (step {position + 1} of {len(theirs)})")
            report += _only_in("-", wanted_lines, got_lines, allowed)
            report += _only_in("+", got_lines, wanted_lines, allowed)
            if sorted(wanted_lines) == sorted(got_lines):
                report.append("  (the same lines in another order)")
    if len(ours) > len(theirs):
        report.append(f"goes on after the end: {ours[len(theirs)][0]}")
    return report


def compare_files(wanted: Path, got: Path, slack: int = TIME_SLACK_S) -> list[str]:
    if not got.exists():
        return ["no transcript"]
    return differences(wanted.read_text(), got.read_text(), slack)
