"""Writing a clip store: arrays that grow in constant memory, and a folder that is complete or absent."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from thb.core.errors import DataError
from thb.core.tables import disk_errors

LOCK = "lock"  # in a folder that a run is making
WAIT, PAUSE = 2.0, 0.1  # seconds for which one tries to take it, and between tries


class GrowingArray:
    """A .npy file whose first axis grows; read it back as a memory map once the block has ended.

    An array that a killed run left is continued after its first `rows`.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype | type, rows: int = 0) -> None:
        self.path, self.shape, self.dtype, self.rows = path, shape, np.dtype(dtype), rows

    def __enter__(self) -> GrowingArray:
        self._file = self.path.open("r+b" if self.rows else "wb")
        self._write_header()
        end = self._file.tell() + self.rows * self.dtype.itemsize * int(np.prod(self.shape))
        if self._file.seek(0, os.SEEK_END) < end:
            raise DataError(f"{self.path} is shorter than it was; remove {self.path.parent} and start again")
        self._file.truncate(end)
        self._file.seek(end)
        return self

    def settle(self) -> None:
        """Everything so far is on the disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def append(self, rows: np.ndarray) -> None:
        """Add [n, *shape]."""
        if rows.shape[1:] != self.shape:
            raise ValueError(f"{self.path.name} takes rows of shape {self.shape}, got {rows.shape[1:]}")
        self._file.write(np.ascontiguousarray(rows, self.dtype).data)
        self.rows += len(rows)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._file:
            self._file.seek(0)
            self._write_header()

    def _write_header(self) -> None:
        """numpy leaves room in the header for a first axis of any length, so the data never moves."""
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (self.rows, *self.shape),
            },
        )


def pad_ragged(flat: Path, lengths: np.ndarray, path: Path) -> None:
    """Write consecutive parts of the file `flat` [sum of lengths, n] as rows of a float16 [len(lengths), longest, n].

    Padding is NaN, so that it cannot be taken for silence. `flat` is read part by part: mapped pages count as memory.
    """
    longest = max(1, int(lengths.max(initial=0)))
    with flat.open("rb") as file:
        np.lib.format.read_magic(file)
        (_, width), _, dtype = np.lib.format.read_array_header_1_0(file)
        with GrowingArray(path, (longest, width), np.float16) as padded:
            for length in map(int, lengths):
                row = np.full((1, longest, width), np.nan, np.float16)
                row[0, :length] = np.fromfile(file, dtype, length * width).reshape(length, width)
                padded.append(row)


@contextmanager
def resuming(folder: Path) -> Iterator[Path]:
    """Like `building`, but a run that breaks leaves its temporary folder, for the next one to continue from.

    A second run at the same time is refused.
    """
    part = _part(folder)
    with disk_errors(folder):
        part.mkdir(parents=True, exist_ok=True)
        with alone(part / LOCK, folder.name):
            yield part
            (part / LOCK).unlink()
            _take_place(part, folder)


@contextmanager
def alone(lock: Path, what: str, wait: float = WAIT) -> Iterator[int]:
    """Hold a lock on this file while the block runs, and yield its descriptor; a second process is refused.

    The system releases it when this process ends, however it does, and those that inherited the descriptor: a file that
    a killed run left blocks nobody.
    """
    with lock.open("a+", encoding="utf-8") as file:
        _take_hold(file, what, time.monotonic() + wait)
        file.truncate(0)
        print(os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"), file=file, flush=True)
        yield file.fileno()


def _take_hold(lock: IO[str], what: str, until: float) -> None:
    """Retried until then, as the children of a killed run may take a moment longer than it to end."""
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise DataError(f"another process is making {what}: {_holder(lock)}") from None
        time.sleep(PAUSE)


def _holder(lock: IO[str]) -> str:
    """Which process holds the lock, and how to stop it."""
    lock.seek(0)
    pid, _, since = lock.read().strip().partition(" ")
    return f"process {pid}, since {since}; wait for it, or stop it: kill {pid}" if since else "wait for it"


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that replaces it if the block succeeds, and is removed if not.

    A killed run leaves only the temporary folder, and the next run removes it.
    """
    part = _part(folder)
    with disk_errors(folder):
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            _take_place(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _part(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.part")


def _take_place(part: Path, folder: Path) -> None:
    """Rename, the old store moved aside first: at no moment is a mixture of the two called `folder`."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)
