"""bundle: everything that numbers can be checked with in one file, and the same file opened by a stranger.

A zip archive whose first member, SHA256SUMS, names every other one. The same results give the same bytes.
"""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from thb import __version__
from thb.book import book, provenance
from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import disk_errors, write_atomic, write_json
from thb.report.load import Results

SUMS, ABOUT = "SHA256SUMS", "bundle.json"
SETTINGS = (
    "README.md",
    "params.yaml",
    "reencode.yaml",
    "dvc.yaml",
    "dvc.lock",
    "requirements.lock",
    "environment.yml",
    "pyproject.toml",
    "CITATION.cff",
    "LICENSE",
)
TABLES, WEIGHTS = (".csv", ".json"), (".csv", ".json", ".safetensors")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip archive knows; every member bears it
# What a bundle may hold before it is taken for one that is made to fill a disk.
MOST_FILES, MOST_TIMES, MOST_SUMS = 100_000, 200, 20_000_000
_SUM = re.compile(r"([0-9a-f]{64})  (\S.*)")


# ---- writing ------------------------------------------------------------------------------------------


def files(paths: Paths, params: Params, weights: bool = False) -> list[Path]:
    """What a bundle holds of this clone, in order: settings, tables, manifests, the book if it is built here.

    No clip and no frame of a real person: of heat maps only the tables, and of the published corpus no book, whose
    pages show some of its frames. Raises DataError if the results do not fit together, or if the book is of others.
    """
    _check(paths, params)
    found = [paths.root / name for name in SETTINGS]
    found += _below(paths.root / "results", TABLES)
    found += [*sorted(paths.code("code").parent.glob("*.txt")), paths.manifest, paths.raw_record]
    found += [one / "raw" / paths.manifest.name for one in sorted((paths.root / "data" / "variants").glob("*"))]
    if weights:
        found += _below(paths.root / "runs", WEIGHTS)
    if has_book(paths, params):
        found += _below(paths.html)
    return [file for file in found if file.is_file()]


def has_book(paths: Paths, params: Params) -> bool:
    """Whether a bundle has the book in it. Raises DataError if one is here that was made from other results."""
    if params.active.corpus != "mini" or not (paths.html / "index.html").is_file():
        return False
    book.check(paths, params)
    return True


def _check(paths: Paths, params: Params) -> None:
    """Cells, and the scores that they were computed from, are of one making."""
    results = Results(paths, params)
    _ = results.cells, results.verdicts  # each refuses what does not fit
    for detector in params.detectors:
        for fit in params.fits:
            if paths.scores(detector, fit).is_file():
                results.scores(detector, fit)


def _below(folder: Path, kinds: tuple[str, ...] = ()) -> list[Path]:
    """Every file below a folder, those of hidden folders left out, nor any link."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink())
    shown = (file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))
    return [file for file in shown if not kinds or file.suffix in kinds]


def write(paths: Paths, params: Params, out: Path, weights: bool, described: Iterable[Path]) -> list[str]:
    """Write it whole or not at all; the names of what is in it. `described`: what describes the rest, besides."""
    members = {paths.relative(file): file for file in [*files(paths, params, weights), *described]}
    with disk_errors(out):
        write_atomic(out, lambda part: _write(part, members, _about(paths, params, weights)))
    return list(members)


def _about(paths: Paths, params: Params, weights: bool) -> dict[str, object]:
    return {
        "thb": __version__,
        "commit": provenance.commit(paths.root),
        "profile": params.profile,
        "corpus": params.active.corpus,
        "seed": params.active.seed,
        "weights": weights,
        "book": has_book(paths, params),
    }


def _write(part: Path, members: dict[str, Path], about: dict[str, object]) -> None:
    beside = part.with_name(f"{part.name}.{ABOUT}")
    try:
        write_json(about, beside)
        listed = dict(sorted({**members, ABOUT: beside}.items()))
        sums = "".join(f"{origin.sha256(file)}  {name}\n" for name, file in listed.items())
        with zipfile.ZipFile(part, "w") as archive:
            archive.writestr(_entry(SUMS), sums)
            for name, file in listed.items():
                entry = _entry(name, file.stat().st_size)
                with file.open("rb") as source, archive.open(entry, "w") as target:
                    shutil.copyfileobj(source, target)
    finally:
        beside.unlink(missing_ok=True)


def _entry(name: str, size: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type, entry.create_system, entry.file_size = zipfile.ZIP_DEFLATED, 3, size
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


# ---- opening ------------------------------------------------------------------------------------------


def unpack(file: Path, to: Path) -> None:
    """Put a bundle's files below a folder, each held against SHA256SUMS.

    Raises DataError, and names what is wrong, of a file that is no bundle, is cut or damaged, or would put anything
    outside the folder, or more than its own size can account for.
    """
    with _readable(file), disk_errors(to), zipfile.ZipFile(file) as archive:
        members = _members(file, archive)
        known = _sums(file, archive, members)
        for name, digest in known.items():
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(members[name]) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            if origin.sha256(target) != digest:
                raise DataError(f"bundle {file.name} is damaged: {name} is not the file that {SUMS} names")


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """One line instead of whatever a broken archive makes the library raise."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as fault:
        raise DataError(f"{file.name} is no bundle, or is cut or damaged: {' '.join(str(fault).split())}") from fault


def _members(file: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Its members by name, once they are known to be plain files that stay below one folder and fit on the disk."""
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise DataError(f"bundle {file.name} has {len(entries):,} members; at most {MOST_FILES:,} are opened")
    known = {entry.filename: entry for entry in entries}
    folders = {str(parent) for name in known for parent in PurePosixPath(name).parents}
    for entry in entries:
        if why := _fault(entry, folders):
            raise DataError(f"bundle {file.name} has a member {entry.filename[:80]!r} that {why}; nothing was unpacked")
    if len({name.casefold() for name in known}) < len(entries):
        raise DataError(f"bundle {file.name} has two members of one name; nothing was unpacked")
    size, packed = sum(entry.file_size for entry in entries), file.stat().st_size
    if size > MOST_TIMES * packed:
        raise DataError(
            f"bundle {file.name} would unpack to {size:,} bytes, {size // packed} times its own size; "
            f"at most {MOST_TIMES} times are opened"
        )
    return known


def _fault(entry: zipfile.ZipInfo, folders: set[str]) -> str:
    """What is wrong with a member by its name and kind; '' if nothing is."""
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    if entry.is_dir() or kind not in (0, stat.S_IFREG):
        return "is no plain file"
    if entry.flag_bits & 1:
        return "is encrypted"
    if name.startswith("/") or re.search(r"[\\:\x00-\x1f\x7f]", name):
        return "has a name that no bundle gives"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "would lie outside the folder"
    return "is a file and a folder" if name in folders else ""


def _sums(file: Path, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> dict[str, str]:
    """name -> SHA-256, of every member but the list itself."""
    if SUMS not in members or members[SUMS].file_size > MOST_SUMS:
        raise DataError(f"{file.name} is no bundle: it has no list {SUMS}")
    lines = archive.read(SUMS).decode("utf-8").splitlines()
    found = {match[2]: match[1] for line in lines if (match := _SUM.fullmatch(line))}
    if len(found) != len(lines):
        raise DataError(f"bundle {file.name}: {SUMS} has a line that is no checksum and name, or names a file twice")
    if odd := sorted(found.keys() ^ (members.keys() - {SUMS})):
        raise DataError(f"bundle {file.name}: {odd[0][:80]!r} is in it or in {SUMS}, but not in both")
    return found
