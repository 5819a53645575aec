"""Folders that are whole or absent, and what a run that was broken off left for the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from thb.core.errors import DataError
from thb.core.tables import disk_errors

LOCK = "lock"  # in a folder that a run is making
WAIT, PAUSE = 2.0, 0.1  # seconds for which one tries to take it, and between tries


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A neighbour of `folder` for what is finished of it: a run that breaks leaves it for the next one to go on from.

    A second run beside this one is refused.
    """
    kept = folder.with_name(f".{folder.name}.scratch")
    with disk_errors(folder):
        kept.mkdir(parents=True, exist_ok=True)
        with alone(kept / LOCK, folder.name):
            yield kept
            shutil.rmtree(kept)


@contextmanager
def alone(lock: Path, what: str, wait: float = WAIT) -> Iterator[int]:
    """While the block runs, no other process gets past the same file; gives its descriptor.

    The system lets go of it when this process ends, however it does, and those that it handed it to: a file that a
    killed run left stops nobody.
    """
    with lock.open("a+", encoding="utf-8") as file:
        _take_hold(file, what, time.monotonic() + wait)
        file.truncate(0)
        print(os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"), file=file, flush=True)
        yield file.fileno()


def _take_hold(lock: IO[str], what: str, until: float) -> None:
    """The children of a killed run may take a moment longer than that to end."""
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise DataError(f"another process is making {what}: {_holder(lock)}") from None
        time.sleep(PAUSE)


def _holder(lock: IO[str]) -> str:
    """Who wrote into the file last, and how to be rid of it."""
    lock.seek(0)
    pid, _, since = lock.read().strip().partition(" ")
    return f"process {pid}, since {since}; wait for it, or stop it: kill {pid}" if since else "wait for it"


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A temporary neighbour of `folder` that takes its place when the block ends well, and else vanishes.

    A killed run leaves only neighbours, and the next run removes them.
    """
    part = folder.with_name(f".{folder.name}.part")
    with disk_errors(folder):
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            _take_place(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _take_place(part: Path, folder: Path) -> None:
    """Rename, the old store moved aside first: at no moment is a mixture of the two called `folder`."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)
