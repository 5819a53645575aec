"""Commands that end with the process that started them, however that one ends, and on any system.

A scheduler that is killed cannot stop its commands. So each command runs below a small process of ours,
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
    """Raised by `run` after `drop`."""


class Leashes:
    """All running commands of one scheduler, started from any thread and stopped by one call."""

    def __init__(self, folder: Path, environment: Mapping[str, str], lock: int) -> None:
        """`lock`: a file that stays open, and so locked, until the last command has ended."""
        self.folder, self.environment, self.lock = folder, environment, lock
        self._held: set[subprocess.Popen[bytes]] = set()
        self._dropped, self._guard = False, threading.RLock()

    def run(self, command: Sequence[str], shown: bool = False, more: Mapping[str, str] = {}) -> tuple[int, str]:
        """A command's exit code and the end of its stderr, which is passed on as it comes if `shown`.

        `more`: variables of this command's environment alone.
        """
        process = self._start(command, None if shown else subprocess.DEVNULL, more)
        try:
            said = _read(process, shown)
            code = process.wait()
        finally:
            with self._guard:
                self._held.discard(process)
        if self._dropped:
            raise Dropped
        return code, said

    def _start(self, command: Sequence[str], stdout: int | None, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._dropped:
                raise Dropped
            process = subprocess.Popen(
                [sys.executable, "-m", "thb.cli.leash", *command],
                cwd=self.folder,
                env={**self.environment, **more},
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
                pass_fds=[self.lock],
                start_new_session=True,
            )
            self._held.add(process)
        return process

    def drop(self) -> None:
        """Stop every command, which takes ASKED + TOLD seconds at most, and start no more."""
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
    """Run the command and return its exit code; stop its group once our stdin is closed."""
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
    """The signal is for the rest of the group; we end after them."""


def _watch(child: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """First SIGINT, on which a command finishes what must not be left half done; then SIGTERM and SIGKILL."""
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
