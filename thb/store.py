"""Writing a clip store: arrays that grow in constant memory, and a folder that is whole or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from thb.records import disk_errors


class GrowingArray:
    """A .npy file whose first axis grows; read it back as a memory map once the block has ended."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        self.path, self.shape, self.dtype, self.rows = path, shape, np.dtype(dtype), 0

    def __enter__(self) -> GrowingArray:
        self._file = self.path.open("wb")
        self._write_header()
        self._begin = self._file.tell()
        return self

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
        np.lib.format.write_array_header_1_0(self._file, {
            "descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False,
            "shape": (self.rows, *self.shape)})


def pad_ragged(flat: np.ndarray, lengths: np.ndarray, path: Path) -> None:
    """Write stretches of `flat` [sum of lengths, n] as the rows of one float16 [len(lengths), longest, n].

    What is not there is NaN, so that it cannot be taken for a quiet sound.
    """
    longest = max(1, int(lengths.max(initial=0)))
    ends = np.cumsum(lengths)
    with GrowingArray(path, (longest, flat.shape[1]), np.float16) as padded:
        for end, length in zip(ends, lengths, strict=True):
            row = np.full((1, longest, flat.shape[1]), np.nan, np.float16)
            row[0, :length] = flat[end - length:end]
            padded.append(row)


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
