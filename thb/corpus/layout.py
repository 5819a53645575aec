"""The release's folders and names, turned into one row per clip that should exist."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
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
    lister = _Lister(paths, name, source)
    list_role = {"generator": lister.generator, "unseen": lister.unseen, "real": lister.real, "swap": lister.swap}
    return [asdict(row) for row in list_role[source.role]()]


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
        return [file.name for file in files if (swap := names.parse_swap(file.stem)) and swap.driver not in listed]
    return [file.name for file in files if file.stem not in listed]


def mistaken(paths: Paths, sources: Mapping[str, Source]) -> list[tuple[str, str]]:
    """Folders below data/raw that no source reads, though their names are nearly one's: each with the one it may be."""
    expected = sorted(PurePosixPath(source.folder) for source in sources.values())
    passed = sorted({folder for source in expected for folder in [source, *source.parents] if folder.name})
    found = []
    for place in sorted({folder.parent for folder in passed}):
        beside = {_letters(one): one for one in passed if one.parent == place}
        for folder in sorted((paths.raw / place).glob("*/")):
            strange = place / folder.name
            same_name = [one for one in expected if one.name == strange.name]  # in another place
            alike = [beside[letters] for letters in get_close_matches(_letters(strange), beside, 1, ALIKE)]
            if strange not in passed and (meant := same_name + alike):
                found.append((str(strange), str(meant[0])))
    return found


def _letters(folder: PurePosixPath) -> str:
    return "".join(c for c in folder.name.casefold() if c.isalnum())


def sound_file(paths: Paths, row: dict[str, object]) -> Path:
    """Where the release keeps the sound of a clip whose video file has none (the file need not exist)."""
    if row["role"] in FAKES:
        return paths.raw / "audio" / "fake" / f"{Path(str(row['path'])).stem}.wav"
    return paths.raw / "audio" / "ff++" / f"{row['video']}.wav"


def sound_generation(paths: Paths) -> str:
    """Which corrections the release's sound has had; detectors that hear are comparable only within one."""
    if (paths.raw / "audio" / "fake_celebvhq").is_dir():
        return "as corrected in 2026: the fakes' own sound, and their drivers' beside it"
    if (paths.raw / "audio" / "fake").is_dir():
        return "of a part of the release, or of a card before 2026, which held the drivers' sound in the fakes' place"
    return "none"


# ---- one way of listing a role ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Lister:
    """Turns the files of one source into rows."""

    paths: Paths
    name: str
    source: Source

    def generator(self) -> Iterator[ClipRow]:
        """fake/<Gen>/<split>/<ffhq5>--<driver>--<Gen>.mp4; the split is the folder."""
        generator = Path(self.source.folder).name
        pattern = f"<5 digits>--{DRIVER}_<n>--{generator}.mp4"
        paths: dict[str, str] = {}  # clip -> its first path; a second one would test on what it trains on
        for split in SPLITS:
            for file in _files(self.paths, f"{self.source.folder}/{split}", optional=True):
                row = self._row(file, split, names.parse_fake(_stem(file), generator), pattern)
                first = paths.setdefault(row.clip, row.path)
                if row.status == OK and first != row.path:
                    clip = f"{self.name}/{split}/{file.name}"
                    row = replace(row, clip=clip, status=ERROR, reason=f"also lies at {first}")
                yield row
        for file in _files(self.paths, self.source.folder):
            if file.name not in SPLITS:
                yield self._stray(file, f"lies in none of the folders {', '.join(SPLITS)}")

    def unseen(self) -> Iterator[ClipRow]:
        """fake/additional_dataset/<Gen>/…: for testing only."""
        pattern = f"<5 digits>-{DRIVER}_<n>.mp4 or <5 digits>.mp4"
        for file in _files(self.paths, self.source.folder):
            yield self._row(file, "test", names.parse_unseen(_stem(file)), pattern)

    def real(self) -> Iterator[ClipRow]:
        """What the release's list names, wherever the user's own copy has it, as .mp4 or .MP4."""
        folder = self.paths.clip_folder(self.source.folder)
        files = _files(self.paths, self.source.folder, optional=True)
        copies = {file.stem: file for file in sorted(files, key=lambda file: file.suffix == ".mp4") if _is_mp4(file)}
        others = {file.stem: file.name for file in files if not _is_mp4(file)}
        for stem, split in real_split(self.paths, _block(self.source)).items():
            file = copies.get(stem, folder / f"{stem}.mp4")
            row = self._row(file, split, names.parse_real(stem), "<3 digits>.mp4 or <YouTube id>_<n>.mp4")
            if row.status == OK and not file.exists():
                near = f", which has {others[stem]}" if stem in others else ""
                row = replace(row, status=MISSING, reason=f"listed, but not in its folder{near}")
            yield row

    def swap(self) -> Iterator[ClipRow]:
        """FF++'s `<target>_<source>.mp4`, in the split of its target; swaps of unlisted targets are not used."""
        listed = real_split(self.paths, FFPP_BLOCK)
        for file in _files(self.paths, self.source.folder, optional=True):
            parsed = names.parse_swap(_stem(file))
            if parsed is None or parsed.driver in listed:
                yield self._row(file, listed[parsed.driver] if parsed else "", parsed, "<3 digits>_<3 digits>.mp4")

    def _row(self, file: Path, split: str, parsed: names.Name | None, pattern: str) -> ClipRow:
        """A file's row; one whose name says nothing or that is a link out of its folder has status `error`."""
        if parsed is None:
            return self._stray(file, f"name is not {pattern}", split)
        clip, where = f"{self.name}/{file.stem}", self.paths.own.get(self.source.folder, self.paths.raw)
        row = ClipRow(clip, self.name, self.source.role, self.source.label, split, self._path(file), *parsed)
        # Path.resolve raises on a link to itself; opening that fails soon enough.
        if Path(os.path.realpath(file)).is_relative_to(where.resolve()):
            return row
        shown = "data/raw" if where == self.paths.raw else where
        return replace(row, status=ERROR, reason=f"is a link that leads out of {shown}, and is not opened")

    def _stray(self, file: Path, why: str, split: str = "") -> ClipRow:
        """Something that cannot be used, under its whole name so that it cannot be taken for a clip."""
        path, source = self._path(file), self.source
        clip = f"{self.name}/{Path(path).relative_to(source.folder).as_posix()}"
        return ClipRow(clip, self.name, source.role, source.label, split, path, "", "", "", ERROR, why)

    def _path(self, file: Path) -> str:
        """A file's place below data/raw, where the user's own stand for the release's."""
        if self.source.folder in self.paths.own:
            return f"{self.source.folder}/{file.name}"
        return file.relative_to(self.paths.raw).as_posix()


def _block(source: Source) -> str:
    """The heading under which the release lists a source's real clips (for swaps: those of their targets)."""
    return FFPP_BLOCK if source.role == "swap" else source.printed


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
