"""Commands that end with whoever started them, however that one ends, and on any system.

A scheduler may be killed so that it can stop nothing itself. So each command runs below a small process of ours,
`python -m thb.cli.leash <command…>`, which leads its process group and whose stdin only the scheduler holds open: once
that closes, the whole group is stopped, the command, its shell and their workers.
"""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ASKED, TOLD = 3.0, 1.0  # seconds that a group has after Ctrl-C, and then after SIGTERM
TAIL = 1 << 16  # bytes of what a command says that are kept


class Dropped(Exception):
    """Raised by `run` once the leashes were let go."""


class Leashes:
    """All commands under way of one scheduler, run from any thread and stopped by one call."""

    def __init__(self, folder: Path, environment: Mapping[str, str], lock: int) -> None:
        """`lock`: a file that stays open, and so locked, until the last command has ended."""
        self.folder, self.environment, self.lock = folder, environment, lock
        self._held: set[subprocess.Popen[bytes]] = set()
        self._dropped, self._guard = False, threading.RLock()

    def run(self, command: Sequence[str], shown: bool = False) -> tuple[int, str]:
        """A command's exit code and the end of what it said on stderr; `shown`: said aloud too, as it comes."""
        process = self._start(command, None if shown else subprocess.DEVNULL)
        try:
            said = _read(process, shown)
            code = process.wait()
        finally:
            with self._guard:
                self._held.discard(process)
        if self._dropped:
            raise Dropped
        return code, said

    def _start(self, command: Sequence[str], stdout: int | None) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._dropped:
                raise Dropped
            process = subprocess.Popen(
                [sys.executable, "-m", "thb.cli.leash", *command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
                pass_fds=[self.lock],
                start_new_session=True,
            )
            self._held.add(process)
        return process

    def drop(self) -> None:
        """Every command is stopped, which takes ASKED + TOLD seconds at most, and none is started any more."""
        with self._guard:
            self._dropped = True
            for process in self._held:
                if process.stdin:
                    process.stdin.close()


def _read(process: subprocess.Popen[bytes], shown: bool) -> str:
    tail, decoder = b"", codecs.getincrementaldecoder("utf-8")("replace")
    assert process.stderr  # a pipe
    while chunk := os.read(process.stderr.fileno(), TAIL):
        tail = (tail + chunk)[-TAIL:]
        if shown:
            sys.stderr.write(decoder.decode(chunk))
            sys.stderr.flush()
    return tail.decode("utf-8", "replace")


# ---- in the small process ---------------------------------------------------------------------------


def main(command: Sequence[str]) -> int:
    """Run the command and give its exit code; or stop its group once nobody holds our stdin."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _go_on)  # meant for the group; a handler, unlike SIG_IGN, is not handed down
    child, ended = subprocess.Popen(command, stdin=subprocess.DEVNULL), threading.Event()
    watch = threading.Thread(target=_watch, args=(child, ended), daemon=True)
    watch.start()
    code = child.wait()
    if ended.is_set():
        watch.join()
    return code if code >= 0 else 128 - code


def _go_on(number: int, frame: object) -> None:
    """Who is on the leash ends by it; we end after them."""


def _watch(child: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """Ctrl-C lets each finish what must not be left half done; who does not listen is ended."""
    os.read(0, 1)  # nothing is ever written: it was closed
    ended.set()
    for number, patience in ((signal.SIGINT, ASKED), (signal.SIGTERM, TOLD)):
        os.killpg(0, number)
        try:
            child.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue
    os.killpg(0, signal.SIGKILL)  # us too, and what outlived the command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
