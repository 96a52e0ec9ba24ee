# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the command lines of a corpus and writes down what each printed and returned."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Iterator, NamedTuple, Protocol, TextIO

HELP = """A corpus is text. `case NAME` starts from an empty table. `$ ARGS` is a command line of ipvsadm, in shell
words; `$save ARGS` and `$restore ARGS` are ipvsadm-save and ipvsadm-restore. `< TEXT` after it is a line of its
stdin, `<\\ TEXT` one without a newline. `#` begins a comment. A transcript repeats the corpus and adds
`1 ` lines for stdout, `2 ` for stderr (`1\\ ` and `2\\ `: without a newline at the end) and `= STATUS`."""

TOOLS = {"$": "ipvsadm", "$save": "ipvsadm-save", "$restore": "ipvsadm-restore"}


class Call(NamedTuple):
    text: str
    tool: str
    args: list[str]
    stdin: bytes


class Result(NamedTuple):
    status: int
    out: bytes
    error: bytes


class Command(Protocol):
    """Something that takes ipvsadm's command lines."""

    def run(self, tool: str, args: list[str], stdin: bytes) -> Result: ...
    def reset(self) -> None: ...


def read_corpus(path: Path) -> Iterator[tuple[str, list[Call]]]:
    """The cases of a corpus: a name and the calls."""
    name, calls = "", []
    for line in path.read_text().splitlines():
        word = line.split(" ", 1)[0]
        rest = line[len(word) + 1 :]
        if word == "case":
            if calls:
                yield name, calls
            name, calls = rest, []
        elif word in TOOLS:
            calls.append(Call(line, TOOLS[word], shlex.split(rest), b""))
        elif word in ("<", "<\\"):
            last = calls[-1]
            stdin = last.stdin + rest.encode() + (b"\n" if word == "<" else b"")
            calls[-1] = last._replace(text=f"{last.text}\n{line}", stdin=stdin)
    if calls:
        yield name, calls


class Programs:
    """The programs of a folder, or the installed ones."""

    def __init__(self, folder: Path | None, env: dict[str, str] | None = None) -> None:
        self.folder = folder or Path("/usr/sbin")
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **(env or {})}

    def run(self, tool: str, args: list[str], stdin: bytes) -> Result:
        done = subprocess.run(
            [tool, *args],
            executable=os.fspath(self.folder / tool),
            input=stdin,
            capture_output=True,
            env=self.env,
            check=False,
        )
        # A shell would show a signal as 128 + n; the real ipvsadm crashes now and then.
        return Result(done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout, done.stderr)

    def reset(self) -> None:
        for args in (["-C"], ["--set", "900", "120", "300"], ["--stop-daemon", "master"], ["--stop-daemon", "backup"]):
            self.run("ipvsadm", args, b"")


class Server:
    """A process that takes command lines on its stdin, one after the other, and keeps the table between them."""

    def __init__(self, command: list[Path | str], env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)

    def run(self, tool: str, args: list[str], stdin: bytes) -> Result:
        to, back = self.process.stdin, self.process.stdout
        assert to and back
        fields = [tool.encode(), *(os.fsencode(a) for a in args)]
        to.write(b"%d\n" % len(fields))
        for field in [*fields, stdin]:
            to.write(b"%d\n%s" % (len(field), field))
        to.flush()
        status = int(back.readline())
        out = back.read(int(back.readline()))
        return Result(status, out, back.read(int(back.readline())))

    def reset(self) -> None:
        self.run("reset", [], b"")


def marked(mark: str, data: bytes) -> str:
    """The lines of a stream, each with its mark; bytes that are no text as escapes."""
    text = ""
    for line in data.splitlines(keepends=True):
        shown = line.decode(errors="backslashreplace")
        text += f"{mark} {shown}" if line.endswith(b"\n") else f"{mark}\\ {shown}\n"
    return text


def transcribe(corpus: Path, command: Command, out: TextIO) -> None:
    for name, calls in read_corpus(corpus):
        command.reset()
        out.write(f"\ncase {name}\n")
        for call in calls:
            result = command.run(call.tool, call.args, call.stdin)
            out.write(f"{call.text}\n{marked('1', result.out)}{marked('2', result.error)}= {result.status}\n")


def recording_of(corpus: Path) -> Path:
    """Where the real ipvsadm's transcript of a corpus is kept."""
    return corpus.parent.parent / "recorded" / f"{corpus.stem}.rec"
