"""Commands that start at once, and that end with the process that started them, however that one ends.

Most of a short stage's time is Python's: starting, and loading torch or the libraries that draw. So commands of ours
are forked from a server (the standard library's) that has loaded them once and has never done anything else; any other
command gets a shell. A scheduler that is killed cannot stop its commands: each runs below a small process, the leash,
which leads its process group and to which only the scheduler holds a pipe open. Once that closes, the whole group is
stopped: the command and its workers.
"""

from __future__ import annotations

import codecs
import multiprocessing
import os
import resource
import runpy
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from thb.core.errors import DataError, ThbError

ASKED, TOLD = 3.0, 1.0  # seconds that a group has after Ctrl-C, and then after SIGTERM
TAIL = 1 << 16  # bytes of what a command says that are kept
OURS = "thb"
STAGE = "DVC_STAGE"  # the variable in which DVC tells a command for which stage it runs
TOOK = "THB_TOOK"  # the one that names the file for what the commands took
_forking = multiprocessing.get_context("fork")
_server = multiprocessing.get_context("forkserver")


def load_ahead() -> None:
    """Let commands of ours start from a process that has loaded what they import; said before the first command."""
    _server.set_forkserver_preload(["thb.cli.preload"])


def is_ours(command: str) -> bool:
    """Whether a command line is `thb …` and nothing that only a shell understands."""
    words = shlex.split(command)
    return words[:1] == [OURS] and shlex.join(words) == command


class Dropped(Exception):
    """Raised by `run` after `drop`."""


class Leashes:
    """All running commands of one scheduler, started from any thread and stopped by one call."""

    def __init__(self, folder: Path, environment: Mapping[str, str], lock: int) -> None:
        """`lock`: a file that stays open, and so locked, until the last command has ended."""
        self.folder, self.environment, self.lock = folder, environment, lock
        self._held: set[Connection] = set()
        self._dropped, self._guard, self._starting = False, threading.RLock(), threading.Lock()

    def run(self, commands: Sequence[str], shown: bool, more: Mapping[str, str]) -> tuple[int, str]:
        """The exit code of these command lines, run in turn until one fails, and the end of their stderr.

        What they say is passed on as it comes if `shown`; `more` is added to the environment.
        """
        hold, said, ended = self._start(commands, shown, {**self.environment, **more})
        try:
            tail = _read(said, shown)
            code = _received(ended)
        finally:
            with self._guard:
                self._held.discard(hold)
                for end in (hold, said, ended):
                    if not end.closed:
                        end.close()
        if self._dropped:
            raise Dropped
        return code, tail

    def _start(
        self, commands: Sequence[str], shown: bool, environment: Mapping[str, str]
    ) -> tuple[Connection, Connection, Connection]:
        """The pipe that holds the leash, what is said, and the exit code to come."""
        if self._dropped:
            raise Dropped
        held, hold = _pipe()
        said, saying = _pipe()
        ended, ending = _pipe()
        lock = Connection(os.dup(self.lock))
        given = (list(commands), str(self.folder), dict(environment), shown, held, saying, ending, lock)
        with self._starting:  # for seconds at first, while the server loads: `drop` must not wait for that
            try:
                _server.Process(target=_hold, args=given).start()
            except (EOFError, OSError) as fault:
                raise DataError(f"the process that starts commands has died ({fault!r}); run the same again") from None
        for end in (held, saying, ending, lock):
            end.close()
        with self._guard:
            if self._dropped:
                hold.close()
            else:
                self._held.add(hold)
        return hold, said, ended

    @property
    def lanes(self) -> int:
        """How many commands to run at once: one a core."""
        return os.cpu_count() or 1

    def close(self) -> None:
        """Nothing to do: every command has ended, or `drop` was called."""

    def drop(self) -> None:
        """Stop every command, which takes ASKED + TOLD seconds at most, and start no more."""
        with self._guard:
            self._dropped = True
            for hold in self._held:
                if not hold.closed:
                    hold.close()


def _pipe() -> tuple[Connection, Connection]:
    """Where to read, and where to write."""
    return cast("tuple[Connection, Connection]", _server.Pipe(duplex=False))


def _read(said: Connection, shown: bool) -> str:
    tail, decoder = b"", codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := os.read(said.fileno(), TAIL):
        tail = (tail + chunk)[-TAIL:]
        if shown:
            sys.stderr.write(decoder.decode(chunk))
            sys.stderr.flush()
    return tail.decode("utf-8", "replace")


def _received(ended: Connection) -> int:
    """The exit code; that of SIGKILL where the leash itself was killed."""
    try:
        return ended.recv()
    except EOFError:
        return 128 + signal.SIGKILL


# ---- in the small process ---------------------------------------------------------------------------


def _hold(
    commands: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    shown: bool,
    held: Connection,
    saying: Connection,
    ending: Connection,
    lock: Connection,
) -> None:
    """Run the commands and send the exit code, in a group of our own and with what they say sent away."""
    os.setsid()
    os.chdir(folder)
    os.environ.update(environment)
    os.dup2(saying.fileno(), 2)
    saying.close()
    if not shown:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
    ending.send(_run_held(commands, held.fileno()))
    lock.close()


def _run_held(commands: Sequence[str], held: int) -> int:
    """The exit code of the commands; our whole group is stopped once nobody holds the other end of this pipe."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _go_on)
    running = _Running()
    watch = threading.Thread(target=_watch, args=(held, running), daemon=True)
    watch.start()
    code, begun = 0, time.monotonic()
    for command in commands:
        code = code or running.finish(command)
    if running.told:
        watch.join()
    if not code and (file := os.environ.get(TOOK)):
        _note(Path(file), time.monotonic() - begun)
    return code


def _note(file: Path, seconds: float) -> None:
    """Write what all processes of the commands took; a record that cannot be written stops nothing."""
    from thb.core.tables import write_json  # pandas, for which a command shall not wait

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = {
        "seconds": round(seconds, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "memory_mb": round(used.ru_maxrss / 1000),  # of the largest process
    }
    with suppress(OSError, ThbError):
        write_json(took, file)


class _Running:
    """The command under way."""

    def __init__(self) -> None:
        self.told = False
        self.over = threading.Event()

    def finish(self, command: str) -> int:
        """Its exit code, 128 and more for a signal, as a shell has it."""
        if self.told:
            return 128 + signal.SIGINT
        self.over.clear()
        if is_ours(command):
            child = _forking.Process(target=_ours, args=(shlex.split(command),))
            child.start()
            child.join()
            code = child.exitcode or 0
        else:
            code = subprocess.call(command, shell=True, stdin=subprocess.DEVNULL)
        self.over.set()
        return code if code >= 0 else 128 - code


def _ours(words: Sequence[str]) -> None:
    """What `python -m thb` does, in a process that has loaded what it needs already."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__")


def _go_on(number: int, frame: object) -> None:
    """The signal is for the rest of the group; we end after them."""


def _watch(held: int, running: _Running) -> None:
    """First SIGINT, on which a command finishes what must not be left half done; then SIGTERM and SIGKILL."""
    os.read(held, 1)  # nothing is ever written: it was closed
    running.told = True
    for number, patience in ((signal.SIGINT, ASKED), (signal.SIGTERM, TOLD)):
        os.killpg(0, number)
        if running.over.wait(patience):
            break
    os.killpg(0, signal.SIGKILL)  # us too, and what outlived the command


if __name__ == "__main__":  # `python -m thb.cli.leash COMMAND…`: where there is no server to fork from; stdin holds us
    sys.exit(_run_held(sys.argv[1:], 0))
