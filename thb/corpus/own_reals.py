"""The user's own copies of the real videos, which the release only lists: where they lie, and what they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from thb.core.errors import ParamsError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_csv

VARIABLES = {"ffpp": "THB_FFPP", "celebvhq": "THB_CELEBVHQ"}  # they come before params.yaml's `reals`
BELOW = {"ffpp": "real/ffpp/", "celebvhq": "real/celebvhq/"}  # what each set's folder stands for, below data/raw
NOMINAL = "c23"  # the compression that the folders of params.yaml are written with
NOTE = ".own.csv"  # hidden, so that it is taken for no clip
NOTE_COLUMNS = ["name", "bytes", "changed"]


def folders(params: Params, environment: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Folder of a source below data/raw -> the user's folder in its place; none for a corpus that is rendered."""
    if params.active.corpus == "mini":
        return {}
    found = {}
    for name in VARIABLES:
        if root := _root(params, name, environment):
            found |= {folder: root / inside for folder, inside in _inside(params, name).items()}
    return found


def origin(params: Params, folder: str, environment: Mapping[str, str] = os.environ) -> str:
    """What names the place of this folder's clips: a variable, params.yaml, or nothing ('')."""
    for name, variable in VARIABLES.items():
        if folder in _inside(params, name) and _root(params, name, environment):
            return variable if environment.get(variable) else f"reals.{name} of params.yaml"
    return ""


def note(paths: Paths, params: Params) -> None:
    """Write the names, sizes and dates of the user's clips into data/raw, so that DVC notices a change."""
    for name in params.of_role("real", "swap"):
        folder = params.source(name).folder
        (paths.raw / folder).mkdir(parents=True, exist_ok=True)
        if folder in paths.own:
            write_csv(_listing(paths.own[folder]), paths.raw / folder / NOTE, NOTE_COLUMNS)
        else:
            (paths.raw / folder / NOTE).unlink(missing_ok=True)


def is_noted(paths: Paths, folder: str) -> bool:
    """Whether the user's folder is still what `note` wrote of it."""
    path = paths.raw / folder / NOTE
    return path.is_file() and path.read_text() == _listing(paths.own[folder]).to_csv(index=False, lineterminator="\n")


def _root(params: Params, name: str, environment: Mapping[str, str]) -> Path | None:
    """The folder that the user named for a set, None for none; raises ParamsError for one that is not there."""
    variable = VARIABLES[name]
    given = environment.get(variable) or getattr(params.active.reals, name)
    if not given:
        return None
    root = Path(given).expanduser().absolute()
    if not root.is_dir():
        where = variable if environment.get(variable) else f"profiles.{params.profile}.reals.{name}"
        holds = "original_sequences" if name == "ffpp" else "CelebV-HQ's .mp4 files"
        raise ParamsError(f"{where} names {given!r}, which is no folder; name the one that holds {holds}")
    return root


def _inside(params: Params, name: str) -> dict[str, str]:
    """Folder of each source that a set provides -> its place within the user's folder, at their compression."""
    places = {}
    for source in params.of_role("real", "swap"):
        folder = params.source(source).folder
        if f"{folder}/".startswith(BELOW[name]):
            inside = f"{folder}/".removeprefix(BELOW[name])
            places[folder] = inside.replace(f"/{NOMINAL}/", f"/{params.active.reals.compression}/")
    return places


def _listing(folder: Path) -> pd.DataFrame:
    """NOTE_COLUMNS of the clips in a folder, sorted; empty where there is no such folder."""
    files = sorted(folder.glob("*.[mM][pP]4")) if folder.is_dir() else []
    rows = [(file.name, file.stat().st_size, int(file.stat().st_mtime)) for file in files if file.is_file()]
    return pd.DataFrame(rows, columns=NOTE_COLUMNS)
