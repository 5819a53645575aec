"""The release's folders and names, turned into one row per clip that should exist."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath

from thb.core.errors import DataError
from thb.core.params import Source
from thb.core.paths import Paths
from thb.core.tables import ERROR, MISSING, OK
from thb.corpus import names
from thb.corpus.real_lists import FFPP_BLOCK, SPLITS, real_split


@dataclass(frozen=True)
class ClipRow:
    """What a clip's name and place tell, before it is opened; `path` is below data/raw."""

    clip: str
    source: str
    role: str
    label: int
    split: str
    path: str
    portrait: str
    driver: str
    video: str
    status: str = OK
    reason: str = ""


FAKES = ("generator", "unseen")  # roles whose clips the release itself holds
DRIVER = f"<YouTube id of {names.YOUTUBE_LENGTH} characters>"
ALIKE = 0.75  # from which two folders' names may be one that was mistyped
ROW_COLUMNS = [field.name for field in fields(ClipRow)]


def list_clips(paths: Paths, name: str, source: Source) -> list[dict[str, object]]:
    """Every clip that the source should hold, in a stable order.

    A listed clip that is absent has status `missing`; a file whose name says nothing, or that is a link out of the
    folder, has status `error`, and is not opened by any stage.
    """
    rows = list(_LISTERS[source.role](paths, name, source))
    return [asdict(row) for row in rows]


def without_clips(paths: Paths, source: Source) -> str:
    """How a generator's folder lacks every clip, as it does where the release is here in part; '' if there is any."""
    folders = [source.folder, *(f"{source.folder}/{split}" for split in SPLITS)]
    files = (file for folder in folders for file in _files(paths, folder, optional=True) if not file.is_dir())
    if source.role not in FAKES or any(files):
        return ""
    there = paths.clip_folder(source.folder).is_dir()
    return f"data/raw/{source.folder} {'holds no file' if there else 'does not exist'}"


def unlisted(paths: Paths, name: str, source: Source) -> list[str]:
    """Files in the source's folder that the release's list does not name, and that are therefore not used."""
    if source.role in FAKES:
        return []
    listed = real_split(paths, _block(source))
    files = [file for file in _files(paths, source.folder, optional=True) if _is_mp4(file) and not file.is_dir()]
    if source.role == "swap":  # one whose name says nothing is a row with that reason already
        files = [file for file in files if names.parse_swap(file.stem)]
    return [file.name for file in files if _listed_as(source, file.stem) not in listed]


def mistaken(paths: Paths, sources: Mapping[str, Source]) -> list[tuple[str, str]]:
    """Folders below data/raw that no source reads, though their names are nearly one's: each with the one it may be."""
    expected = {PurePosixPath(source.folder) for source in sources.values()}
    passed = {folder for source in expected for folder in [source, *source.parents]}
    found = []
    for place in sorted({folder.parent for folder in passed if folder.name}):
        for folder in sorted((paths.raw / place).glob("*/")):
            strange, known = place / folder.name, [one for one in passed if one.parent == place]
            if strange not in passed and (meant := _nearest(strange, known, expected)):
                found.append((str(strange), str(meant)))
    return found


def _nearest(
    strange: PurePosixPath, beside: Iterable[PurePosixPath], sources: Iterable[PurePosixPath]
) -> PurePosixPath | None:
    """The source that bears the same name in another place, else the folder beside it whose name is most alike."""
    here = [one for one in sorted(sources) if one.name == strange.name]
    likeness = {one: SequenceMatcher(None, _letters(one), _letters(strange)).ratio() for one in sorted(beside)}
    best = max(likeness, key=likeness.get)
    return here[0] if here else best if likeness[best] >= ALIKE else None


def _letters(folder: PurePosixPath) -> str:
    return "".join(c for c in folder.name.casefold() if c.isalnum())


def sound_file(paths: Paths, row: dict[str, object]) -> Path:
    """Where the release keeps the sound of a clip whose video file has none (the file need not exist)."""
    if row["role"] in FAKES:
        return paths.raw / "audio" / "fake" / f"{Path(str(row['path'])).stem}.wav"
    return paths.raw / "audio" / "ff++" / f"{row['video']}.wav"


def sound_generation(paths: Paths) -> str:
    """Which corrections the release's sound has had: what hears is comparable only within one."""
    if (paths.raw / "audio" / "fake_celebvhq").is_dir():
        return "as corrected in 2026: the fakes' own sound, and their drivers' beside it"
    if (paths.raw / "audio" / "fake").is_dir():
        return "of a part of the release, or of a card before 2026, which held the drivers' sound in the fakes' place"
    return "none"


# ---- one way of listing a role ----------------------------------------------------------------------


def _generator_rows(paths: Paths, name: str, source: Source) -> Iterator[ClipRow]:
    """fake/<Gen>/<split>/<ffhq5>--<driver>--<Gen>.mp4; the split is the folder."""
    generator = Path(source.folder).name
    seen: dict[str, str] = {}
    for split in SPLITS:
        for file in _files(paths, f"{source.folder}/{split}", optional=True):
            row = _row(
                paths,
                name,
                source,
                file,
                split,
                names.parse_fake(_stem(file), generator),
                f"<5 digits>--{DRIVER}_<n>--{generator}.mp4",
            )
            yield _once(row, seen)
    for stray in _files(paths, source.folder):
        if stray.name not in SPLITS:
            yield _stray(paths, name, source, stray, f"lies in none of the folders {', '.join(SPLITS)}")


def _unseen_rows(paths: Paths, name: str, source: Source) -> Iterator[ClipRow]:
    """fake/additional_dataset/<Gen>/…: for testing only."""
    for file in _files(paths, source.folder):
        yield _row(
            paths,
            name,
            source,
            file,
            "test",
            names.parse_unseen(_stem(file)),
            f"<5 digits>-{DRIVER}_<n>.mp4 or <5 digits>.mp4",
        )


def _real_rows(paths: Paths, name: str, source: Source) -> Iterator[ClipRow]:
    """What the release's list names, wherever the user's own copy has it, as .mp4 or .MP4."""
    folder, files = paths.clip_folder(source.folder), _files(paths, source.folder, optional=True)
    copies = {file.stem: file for file in sorted(files, key=lambda file: file.suffix == ".mp4") if _is_mp4(file)}
    others = {file.stem: file.name for file in files if not _is_mp4(file)}
    for stem, split in real_split(paths, _block(source)).items():
        file = copies.get(stem, folder / f"{stem}.mp4")
        row = _row(paths, name, source, file, split, names.parse_real(stem), "<3 digits>.mp4 or <YouTube id>_<n>.mp4")
        there, near = row.status != OK or file.exists(), f", which has {others[stem]}" if stem in others else ""
        yield row if there else replace(row, status=MISSING, reason=f"listed, but not in its folder{near}")


def _swap_rows(paths: Paths, name: str, source: Source) -> Iterator[ClipRow]:
    """FF++'s `<target>_<source>.mp4`, in the split of its target; swaps of unlisted targets are not used."""
    listed = real_split(paths, FFPP_BLOCK)
    for file in _files(paths, source.folder, optional=True):
        parsed = names.parse_swap(_stem(file))
        if parsed is None or parsed.driver in listed:
            split = listed[parsed.driver] if parsed else ""
            yield _row(paths, name, source, file, split, parsed, "<3 digits>_<3 digits>.mp4")


_LISTERS = {"generator": _generator_rows, "unseen": _unseen_rows, "real": _real_rows, "swap": _swap_rows}


# ---- rows -------------------------------------------------------------------------------------------


def _row(
    paths: Paths, name: str, source: Source, file: Path, split: str, parsed: names.Name | None, pattern: str
) -> ClipRow:
    if parsed is None:
        return _stray(paths, name, source, file, f"name is not {pattern}", split)
    path = _below_raw(paths, source, file)
    row = ClipRow(f"{name}/{file.stem}", name, source.role, source.label, split, path, *parsed)
    if where := _leads_out(paths, source, file):
        return replace(row, status=ERROR, reason=f"is a link that leads out of {where}, and is not opened")
    return row


def _stray(paths: Paths, name: str, source: Source, file: Path, why: str, split: str = "") -> ClipRow:
    """Something that cannot be used, under its whole name so that it cannot be taken for a clip."""
    path = _below_raw(paths, source, file)
    clip = f"{name}/{Path(path).relative_to(source.folder).as_posix()}"
    return ClipRow(clip, name, source.role, source.label, split, path, "", "", "", ERROR, why)


def _once(row: ClipRow, seen: dict[str, str]) -> ClipRow:
    """A stem that lies in two splits would test on what it trains on: only the first is used."""
    first = seen.setdefault(row.clip, row.path)
    if first == row.path or row.status != OK:
        return row
    clip = f"{row.source}/{row.split}/{Path(row.path).name}"
    return replace(row, clip=clip, status=ERROR, reason=f"also lies at {first}")


def _block(source: Source) -> str:
    """The heading under which the release lists a source's real clips (for swaps: those of their targets)."""
    return FFPP_BLOCK if source.role == "swap" else source.printed


def _listed_as(source: Source, stem: str) -> str:
    """The entry of the list on which a file's use depends: a swap's is its target."""
    return stem.partition("_")[0] if source.role == "swap" else stem


# ---- the disk ---------------------------------------------------------------------------------------


def _files(paths: Paths, folder: str, optional: bool = False) -> list[Path]:
    """What lies in a folder of data/raw, or in the user's in its place, sorted, hidden files left out."""
    inside = paths.clip_folder(folder)
    if not inside.is_dir():
        if optional:
            return []
        raise DataError(f"data/raw/{folder} does not exist; run `thb fetch`, or put the clips there")
    return sorted(file for file in inside.iterdir() if not file.name.startswith("."))


def _stem(file: Path) -> str:
    """The name without .mp4; '' for anything else, which then parses as nothing."""
    return file.stem if file.suffix == ".mp4" and not file.is_dir() else ""


def _is_mp4(file: Path) -> bool:
    """Whether it is one by its name, which a user's own copy may write in capitals."""
    return file.suffix.lower() == ".mp4"


def _below_raw(paths: Paths, source: Source, file: Path) -> str:
    """A file's place below data/raw, where the user's own stand for the release's."""
    return f"{source.folder}/{file.name}" if source.folder in paths.own else file.relative_to(paths.raw).as_posix()


def _leads_out(paths: Paths, source: Source, file: Path) -> str:
    """The folder that a file is a link out of: data/raw, or the user's own in its place; '' if it is none."""
    own = paths.own.get(source.folder)
    real = Path(os.path.realpath(file))  # Path.resolve raises on a link to itself; opening that fails soon enough
    return "" if real.is_relative_to((own or paths.raw).resolve()) else str(own or "data/raw")
