"""A user's own files: which are taken, which are passed over, and where results are written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from thb.core.errors import ParamsError, printable

SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv"}
# Taken only if named explicitly: pictures, animations, videos of rarer kinds.
PICTURES = {".gif", ".apng", ".webp", ".avif", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".heic"}
RARE = {".ts", ".mts", ".m2ts", ".3gp", ".3g2", ".ogv", ".ogg", ".vob", ".asf", ".mxf", ".rm", ".rmvb", ".f4v", ".divx"}
ALIKE = PICTURES | RARE | {".y4m"}
NAMED = 3  # of the files that are passed over
LONGEST = 255  # bytes of a file's name
SPARE = len(".1234567890.part")  # what a name gets while it is written

Skip = Callable[[Path, str], object]  # told of a file or folder, and why it is left out


def listed(named: Sequence[Path], skip: Skip) -> list[Path]:
    """Files as they are named, and every video below a named folder, in order, each once."""
    files: dict[Path, None] = {}
    for path in named:
        files |= dict.fromkeys(_below(path, skip) if os.path.isdir(path) else [path])
    return list(files)


def _below(folder: Path, skip: Skip) -> list[Path]:
    """The videos of a folder; other files that may be meant are reported."""
    files = sorted(_walk(folder, skip))
    videos = [file for file in files if file.suffix.lower() in SUFFIXES]
    if alike := [file.name for file in files if file.suffix.lower() in ALIKE]:
        names = ", ".join(map(printable, alike[:NAMED])) + (", …" if len(alike) > NAMED else "")
        skip(
            folder,
            f"passed over below it, as pictures, animations or videos of rarer kinds: {len(alike)} ({names}); "
            "one that is named by itself is tried",
        )
    if not videos:
        skip(folder, f"no video below it (looked for {', '.join(sorted(SUFFIXES))})")
    return videos


def _walk(folder: Path, skip: Skip) -> Iterator[Path]:
    """Every file below a folder but hidden ones; a folder that cannot be read is reported."""

    def unread(fault: OSError) -> None:
        skip(Path(fault.filename), f"a folder that cannot be read: {os.strerror(fault.errno or 0).lower()}")

    for place, _, names in os.walk(folder, onerror=unread):
        yield from (Path(place) / name for name in names if not name.startswith("."))


# ---- where it is written ----------------------------------------------------------------------------


def strip_names(files: Sequence[Path], longest_end: str) -> dict[Path, str]:
    """A name a file, its own without the suffix; those of one name are numbered, one too long ends in a hash.

    `longest_end` is the longest suffix that will follow. No two names differ in case alone.
    """
    room = LONGEST - SPARE - len(os.fsencode(longest_end))
    wanted = {file: _shortened(printable(file.stem), file, room - len("-12345")) for file in files}
    first = {name.casefold(): file for file, name in reversed(wanted.items())}  # who has it to himself
    taken = set(first)
    return {file: name if first[name.casefold()] == file else _numbered(name, taken) for file, name in wanted.items()}


def _shortened(name: str, file: Path, room: int) -> str:
    if len(name.encode()) <= room:
        return name
    end = "-" + hashlib.sha256(os.fsencode(file)).hexdigest()[:8]
    return name.encode()[: max(0, room - len(end))].decode(errors="ignore") + end


def _numbered(name: str, taken: set[str]) -> str:
    """The name with the first number that makes it unique; adds it to `taken`."""
    new = next(numbered for n in count(2) if (numbered := f"{name}-{n}").casefold() not in taken)
    taken.add(new.casefold())
    return new


def check_targets(cam: Path | None, json: str, files: Sequence[Path]) -> None:
    """Refuse, before anything is scored, places that cannot be written afterwards."""
    if cam:
        if os.path.lexists(cam) and not os.path.isdir(cam):
            raise ParamsError(f"--cam {cam} is a file; name a folder")
        _try_to_write("--cam", cam, cam / "strip.png")
    if json in ("", "-"):
        return
    target = Path(json)
    if os.path.isdir(target):
        raise ParamsError(f"--json {json} is a folder; name a file in it, or - for stdout")
    if os.path.exists(target) and not os.path.isfile(target):
        raise ParamsError(f"--json {json} is no regular file; name another, or - for stdout")
    if os.path.exists(target) and any(os.path.exists(file) and os.path.samefile(file, target) for file in files):
        raise ParamsError(f"--json {json} is one of the videos, and would be overwritten; name another file")
    _try_to_write("--json", target, target)


def _try_to_write(option: str, named: Path, file: Path) -> None:
    """Refuse a place where no file can be created beside `file`."""
    tried = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        tried.touch()
        tried.unlink()
    except OSError as e:
        raise ParamsError(
            f"{option} {named} cannot be written: {os.strerror(e.errno or 0).lower()}; name a place where you may write"
        ) from e
