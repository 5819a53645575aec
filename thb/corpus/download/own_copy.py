"""A copy of the release that a user has already: which of its files are taken, and what vouches for them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from thb.core.errors import DataError, ParamsError
from thb.core.params import Params
from thb.corpus.download.hub import HubFile, checked_path

VARIABLE = "THB_RAW_DIR"  # comes before the profile's raw_dir
SUMS = "SHA256SUMS"
SUM = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?:\./)?(?P<path>.+)")


def folder(params: Params, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The copy's folder, None where the user names none; raises ParamsError if it is not there."""
    named = environment.get(VARIABLE) or params.active.raw_dir
    if not named:
        return None
    if not Path(named).expanduser().is_dir():
        said = VARIABLE if environment.get(VARIABLE) else f"profiles.{params.profile}.raw_dir"
        raise ParamsError(f"{said} names {named!r}, which is no folder; it is the one that holds `fake` and `audio`")
    return Path(named).expanduser().resolve()


def listing(own: Path, is_wanted: Callable[[str], bool]) -> list[HubFile]:
    """The copy's files that are wanted, each with the hash that its SHA256SUMS gives, or none."""
    sums = _sums(own / SUMS)
    names = (path.relative_to(own).as_posix() for path in sorted(own.rglob("*")) if path.is_file())
    return [
        HubFile(checked_path(name), (own / name).stat().st_size, sums.get(name, ""), "", local=True)
        for name in names
        if is_wanted(name)
    ]


def _sums(path: Path) -> dict[str, str]:
    """SHA-256 by path, as `sha256sum` writes them; {} where there is no such file."""
    if not path.is_file():
        return {}
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not (row := SUM.fullmatch(line)):
            raise DataError(f"{SUMS}, line {number}: {line[:80]!r} is not `<sha256>  <path>`")
        sums[row["path"]] = row["sha256"]
    return sums
