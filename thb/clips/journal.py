"""What of a long job is finished: a file that grows batch by batch, from which a killed run goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

Row = dict[str, object]


class Journal:
    """Rows of finished items, each with a stamp of all that it rests on; a line a batch, written after its data.

    `key` says what all items rest on: a journal with another one is of no use and begins anew.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key

    def begin(self, stamps: list[str]) -> list[Row]:
        """The rows that still hold for items of these stamps: a first part of them, maybe all; others are forgotten."""
        entries = self._read()
        same = next(
            (i for i, (entry, stamp) in enumerate(zip(entries, stamps, strict=False)) if entry[0] != stamp),
            min(len(entries), len(stamps)),
        )
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(_line(self.key) + _line(entries[:same]), encoding="utf-8")
        part.replace(self.path)
        return [row for _, row in entries[:same]]

    def note(self, stamps: list[str], rows: list[Row]) -> None:
        """These items are finished, and their data lies on the disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line([[stamp, row] for stamp, row in zip(stamps, rows, strict=True)]))
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> list[tuple[str, Row]]:
        """(stamp, row) of every item, as far as the lines are whole."""
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True) if self.path.is_file() else []
        if not lines or lines[0] != _line(self.key):
            return []
        whole = [line for line in lines[1:] if line.endswith("\n")]
        return [(stamp, row) for line in whole for stamp, row in json.loads(line)]


def _line(value: object) -> str:
    return json.dumps(value, default=_plain) + "\n"


def _plain(number: np.generic) -> object:
    """numpy's scalars as Python's own."""
    return number.item()
