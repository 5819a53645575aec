"""Which paths of the release any stage reads, and which files in their place do not belong to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from thb.core.params import Params
from thb.corpus.real_lists import OFFICIAL_LIST, REAL_LISTS

LISTS = (*REAL_LISTS, OFFICIAL_LIST)
SOUND = "audio"


def is_wanted(path: str, params: Params) -> bool:
    """Whether a path of the release is a clip of a source of params.yaml, a sound or a list of real clips."""
    return path in LISTS or bool(_folder(path, [SOUND, *_folders(params, *params.sources)]))


def strays(raw: Path, params: Params, paths: Iterable[str]) -> list[Path]:
    """Files beside the release's own that it does not have: a folder that it knows nothing of is the user's."""
    listed = set(paths)
    released = [SOUND, *_folders(params, *params.of_role("generator", "unseen"))]
    known = sorted({_folder(path, released) for path in listed} - {""})
    there = (file for folder in known for file in sorted((raw / folder).rglob("*")) if not file.is_dir())
    return [file for file in there if file.relative_to(raw).as_posix() not in listed]


def _folders(params: Params, *sources: str) -> list[str]:
    return [params.source(name).folder for name in sources]


def _folder(path: str, folders: Iterable[str]) -> str:
    """The one of these folders that a path lies in, or ''."""
    return next((folder for folder in folders if path.startswith(f"{folder}/")), "")
