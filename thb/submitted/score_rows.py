"""Anybody's scores, as rows of text: a CSV, or a folder with one JSON a clip. Nothing in them is trusted."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from thb.core.errors import DataError
from thb.core.ranges import shown
from thb.core.tables import SCORE_COLUMNS

MEGABYTES, ROWS, JSON_BYTES = 16, 100_000, 1 << 16  # the most that is read; the published clips take less than one MB
NAMED_BY = ("clip", "path", "key")  # the column that says which clip, the first of these that is there
READ = (*NAMED_BY, "score", "status", "label")
# what may stand beside them and is not read: our own columns, and those of deepfake-workbench's score files
ALSO = {*SCORE_COLUMNS, "dataset", "compression", "logit", "label_key", "method", "n_clips", "n_frames"}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
BEGINS = {b"PK\x03\x04": "a ZIP archive, or a spreadsheet's workbook", b"\x1f\x8b": "a gzip archive"}


@dataclass(frozen=True)
class Row:
    """What is said of one clip: by which words it is named, its score ('' if none), and where that stands."""

    name: str
    score: str
    status: str
    label: str
    where: str  # 'line 7', or the name of a JSON file


def read(path: Path) -> list[Row]:
    """Every row of a CSV, or of a folder's JSON files; raises DataError for whatever is neither."""
    try:
        folder = path.is_dir()
    except OSError as fault:  # a name that is too long, say
        raise DataError(f"cannot read {path.name[:80]}: {(fault.strerror or str(fault)).lower()}") from None
    rows = list(_of_folder(path) if folder else _of_csv(path.name, _text(path, MEGABYTES << 20)))
    if not rows:
        raise DataError(f"{path.name} has no row; it needs one a clip: {' or '.join(NAMED_BY)}, and score")
    return rows


# ---- text ---------------------------------------------------------------------------------------------


def _text(path: Path, most: int) -> str:
    """A file's text, of which no more than `most` bytes are ever read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path.name} is no file: a device, a pipe or the like; give a CSV")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as fault:
        raise DataError(f"cannot read {path.name}: {(fault.strerror or str(fault)).lower()}") from None
    if len(content) > most:
        raise DataError(f"{path.name} has more than {most:,} bytes; scores of every clip take less")
    if archive := next((kind for begin, kind in BEGINS.items() if content.startswith(begin)), None):
        raise DataError(f"{path.name} is {archive}; give the CSV in it")
    wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as fault:
        raise DataError(f"{path.name} is no text in UTF-8, from byte {fault.start} on; save it as UTF-8") from None
    if "\0" in text:
        raise DataError(f"{path.name} is no text: it holds a NUL character")
    return text


# ---- CSV ----------------------------------------------------------------------------------------------


def _of_csv(name: str, text: str) -> Iterator[Row]:
    lines = _lines(name, text)
    if not lines:
        return
    (_, head), body = lines[0], lines[1:]
    if len(head) == 2 and NUMBER.fullmatch(head[1].strip()):  # no head: a path and a score
        head, body = ["path", "score"], lines
    columns = _columns(name, [cell.strip().lower() for cell in head])
    for number, cells in body:
        if len(cells) != len(head):
            raise DataError(f"{name}, line {number}: {len(cells)} values, but the head names {len(head)} columns")
        found = {column: cells[place] for column, place in columns.items()}
        yield _row(found, f"line {number}")


def _lines(name: str, text: str) -> list[tuple[int, list[str]]]:
    """Each line that is not empty, with its number in the file."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = list(islice(((reader.line_num, cells) for cells in reader if cells), ROWS + 2))
    except csv.Error as fault:
        raise DataError(f"{name}, line {reader.line_num}, is not CSV: {fault}") from None
    if len(lines) > ROWS + 1:
        raise DataError(f"{name} has more than {ROWS:,} rows; it needs one a clip")
    return lines


def _columns(name: str, head: Sequence[str]) -> dict[str, int]:
    """Column -> its place, of those that are read; raises DataError for a head that lacks, repeats or invents one."""
    if twice := next((column for column in head if head.count(column) > 1), None):
        raise DataError(f"{name} has column {shown(twice)} twice")
    known = [column for column in head if column in {*READ, *ALSO} or column.startswith("x_")]
    if odd := [column for column in head if column not in known]:
        raise DataError(f"{name} has an unknown column {shown(odd[0])}; known: {', '.join(READ)}, and x_…")
    if not {*NAMED_BY} & {*head} or "score" not in head:
        raise DataError(f"{name} lacks a column: it needs {' or '.join(NAMED_BY)}, and score")
    return {column: place for place, column in enumerate(head) if column in READ}


def _row(found: Mapping[str, str], where: str) -> Row:
    named = next(found[column] for column in NAMED_BY if column in found)
    score, status, label = (found.get(column, "").strip() for column in ("score", "status", "label"))
    return Row(named, score, status, label, where)


# ---- one JSON a clip ----------------------------------------------------------------------------------


def _of_folder(path: Path) -> Iterator[Row]:
    """A row for each *.json of a folder; a file that does not name its clip is named as the clip is."""
    files = sorted(islice(path.glob("*.json"), ROWS + 1))
    if not files:
        raise DataError(f"{path.name} is a folder without a .json file; give a CSV, or one JSON a clip")
    if len(files) > ROWS:
        raise DataError(f"{path.name} has more than {ROWS:,} JSON files; it needs one a clip")
    for file in files:
        said = {"clip": file.stem, **_mapping(file)}
        if {*NAMED_BY[1:]} & {*said}:
            said.pop("clip")
        _columns(file.name, list(said))
        yield _row({key: _word(file, key, value) for key, value in said.items() if key in READ}, file.name)


def _mapping(file: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(_text(file, JSON_BYTES))
    except (ValueError, RecursionError) as fault:
        raise DataError(f"{file.name} is not JSON: {' '.join(str(fault).split())}") from None
    if not isinstance(said, Mapping):
        raise DataError(f"{file.name} is no mapping; it needs keys {' or '.join(NAMED_BY)}, and score")
    return said


def _word(file: Path, key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DataError(f"{file.name}: {key} is {shown(value)}, no {'number' if key == 'score' else 'word'}")
    return repr(value) if isinstance(value, float) else str(value)
