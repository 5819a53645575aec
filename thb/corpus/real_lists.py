"""The release's list of real clips: which exist, and in which split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import write_rows

SPLITS = ("train", "val", "test")
REAL_LISTS = ("real/real_dataset_split.json", "true/true_dataset_split.json")  # newer card, older cards
OFFICIAL_LIST = "real/real_dataset_split_official_ff++.json"  # another one, never mixed with the first
FFPP_BLOCK = "FaceForensics++"
LISTED_COLUMNS = ("heading", "clip", "split")


def real_split(paths: Paths, block: str) -> dict[str, str]:
    """Stem -> split of the real clips that the release lists under one heading, in its order.

    Raises DataError unless there is exactly one list, and it is sound; two card generations are not mixed.
    """
    if not (name := list_name(paths)):
        there = (paths.raw / REAL_LISTS[0]).is_file()
        fault = f"has both {' and '.join(REAL_LISTS)}" if there else f"has neither {' nor '.join(REAL_LISTS)}"
        raise DataError(f"data/raw {fault}; exactly one must say which real clips there are")
    return _stems(paths.raw / name, block)


def official_ffpp(paths: Paths) -> dict[str, str]:
    """Stem -> split in FaceForensics++'s own split, where the release carries it; for comparison only."""
    path = paths.raw / OFFICIAL_LIST
    return _stems(path, FFPP_BLOCK) if path.is_file() else {}


def _stems(path: Path, block: str) -> dict[str, str]:
    name = "/".join(path.parts[-2:])
    split_of: dict[str, str] = {}
    for split, row, entry in _entries(_read(path, name), block, name):
        where = f"{name}: {split.title()}, {block}, entry {row}"
        stem = _checked_stem(entry, where)
        if stem in split_of:
            raise DataError(f"{where}: {entry!r} is listed twice ({split_of[stem]} and {split})")
        split_of[stem] = split
    return split_of


def _checked_stem(entry: object, where: str) -> str:
    """The stem of a listed `<stem>.mp4`; raises DataError for whatever could lead out of the source's folder."""
    if not isinstance(entry, str):
        raise DataError(f"{where}: {entry!r} is not a file name")
    path = PurePosixPath(entry)
    if "\\" in entry or "\0" in entry or path.is_absolute() or len(path.parts) != 1 or path.parts[0] == "..":
        raise DataError(f"{where}: {entry!r} leaves the folder of its source; entries are bare file names")
    if path.suffix != ".mp4":
        raise DataError(f"{where}: {entry!r} is not an .mp4")
    return path.stem


def note(paths: Paths, blocks: Iterable[str]) -> None:
    """Write what is listed under these headings, in one form whichever list there is, for DVC to depend on."""
    listed = {block: real_split(paths, block) for block in blocks} if list_name(paths) else {}
    rows = [(block, stem, split) for block, stems in listed.items() for stem, split in stems.items()]
    write_rows(rows, paths.listed_reals, LISTED_COLUMNS)


def list_name(paths: Paths) -> str:
    """Which list says what real clips there are; '' where none does, or two contradict each other."""
    found = [name for name in REAL_LISTS if (paths.raw / name).is_file()]
    return found[0] if len(found) == 1 else ""


def _read(path: Path, name: str) -> dict[str, object]:
    try:
        blocks = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as e:
        raise DataError(f"{name} is not JSON: {e}") from e
    if not isinstance(blocks, dict) or {str(k).lower() for k in blocks} != set(SPLITS):
        raise DataError(f"{name}: the top level must be a mapping with the keys Train, Val, Test")
    return {key.lower(): value for key, value in blocks.items()}


def _entries(blocks: dict[str, object], block: str, name: str) -> Iterator[tuple[str, int, object]]:
    """Split, place in its list (from 1) and value of each entry."""
    for split in SPLITS:
        listed = blocks[split]
        if not isinstance(listed, dict) or not isinstance(listed.get(block), list):
            known = ", ".join(listed) if isinstance(listed, dict) else type(listed).__name__
            raise DataError(f"{name}: {split.title()} has no list {block!r}; it has {known or 'nothing'}")
        yield from ((split, row, entry) for row, entry in enumerate(listed[block], 1))
