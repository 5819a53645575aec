"""Where an exhibit comes from: stage, parameters, seed, inputs, versions, commit."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from shlex import quote
from typing import Any

from thb.cells import training_luck
from thb.cells.columns import CONTAINERS
from thb.core import errors
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_json

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "torch",
    "timm",
    "av",
    "matplotlib",
    "papermill",
    "dvc",
)
PRINTED_AS = {"table": "Table", "fig": "Figure"}
SHORT = 10  # hex digits shown of a hash
MADE = (":(exclude)results", ":(exclude)dvc.lock")  # what a reproduction writes into the checkout


def entry(params: Params, name: str) -> dict[str, Any]:
    """An exhibit's entry in params.yaml."""
    return errors.entry("exhibit", name, params.exhibits)


def arguments(params: Params, name: str) -> dict[str, Any]:
    """What an exhibit's notebook is given: its entry without the notebook's name."""
    return {key: value for key, value in entry(params, name).items() if key != "notebook"}


def number(name: str) -> str:
    """How the paper calls an exhibit: tableD9 is Table D.9, fig2a is Figure 2a; '' for one of our own."""
    found = re.fullmatch(r"(table|fig)([A-Z]?)(\d+[a-z]?)", name)
    if not found:
        return ""
    kind, appendix, rest = found.groups()
    return f"{PRINTED_AS[kind]} {appendix}{'.' if appendix else ''}{rest}"


def params_hash(params: Params, name: str) -> str:
    """A hash of the parameters on which an exhibit's numbers may rest; other profiles are not among them."""
    bearing = {
        "profile": params.profile,
        "active": params.active.model_dump(mode="json"),
        "exhibit": entry(params, name),
        **params.model_dump(mode="json", include={"sources", "protocols", "metrics", "detectors", "ablations"}),
    }
    return hashlib.sha256(json.dumps(bearing, sort_keys=True).encode()).hexdigest()[:SHORT]


def record(paths: Paths) -> dict[str, dict[str, str]]:
    """What is known when an exhibit is made: hashes of what it may read, versions of what computed it."""
    return {"inputs": inputs(paths), "versions": versions()}


def inputs(paths: Paths) -> dict[str, str]:
    """Path below the root -> hash, of the results that exhibits read; of a folder, of all its tables together."""
    read = (
        paths.cells,
        paths.metrics,
        paths.comparisons,
        paths.corpus,
        paths.curation,
        paths.results / CONTAINERS,
        paths.results / "scores",
        paths.results / "choices",
        paths.results / "cams",
        paths.results / "reencoded",
        training_luck.place(paths),
    )
    tables = {path: sorted(path.rglob("*.csv")) if path.is_dir() else [path] for path in read if path.exists()}
    return {paths.relative(path): _digest(files) for path, files in tables.items() if files}


def _digest(files: Iterable[Path]) -> str:
    """Of all their bytes, read once for as long as the files stay what they are."""
    return _digested(tuple((file, (now := file.stat()).st_size, now.st_mtime_ns, now.st_ino) for file in files))


@lru_cache(maxsize=64)
def _digested(files: tuple[tuple[Path, int, int, int], ...]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file, *_ in files)).hexdigest()[:SHORT]


def made_from(paths: Paths, name: str) -> dict[str, dict[str, str]]:
    """The record of an executed notebook, refused if the results have changed since it was made."""
    path = paths.executed / f"{name}.ipynb"
    made = read_json(path)["metadata"].get("thb", {})
    now = inputs(paths)
    if off := [key for key in now if made.get("inputs", {}).get(key) != now[key]]:
        raise DataError(f"{paths.relative(path)} was made from another {off[0]}; run `dvc repro`")
    return made


def versions() -> dict[str, str]:
    """Python and the packages that decide numbers, as installed, without importing them."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = _version(package)
    return found


_version = cache(metadata.version)  # which is looked for through all that is installed


def commit(root: Path) -> str:
    """The commit that the book is built from, and whether anything that a run does not write differs from it."""
    head = git(root, "rev-parse", f"--short={SHORT}", "HEAD")
    if head is None:
        return "unknown (no git checkout)"
    changed = git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", *MADE)
    return f"{head} with local changes" if changed else head


def committed_on(root: Path) -> str:
    """The day of that commit; where there is no git checkout, the day on which dvc.lock was written, '' without it."""
    lock = Paths(root).dvc_lock
    written = datetime.fromtimestamp(lock.stat().st_mtime, UTC).date().isoformat() if lock.is_file() else ""
    return git(root, "log", "-1", "--format=%cs") or written


def git(root: Path, *words: str) -> str | None:
    """What git answers, or None where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None


def rerun(params: Params, name: str) -> str:
    """The command that runs an exhibit's notebook alone, with the parameters of params.yaml."""
    notebook = entry(params, name)["notebook"]
    given = "".join(
        f" -p {key} {quote(str(value))}"
        if isinstance(value, str | int | float)
        else f" -y {quote(f'{key}: {json.dumps(value)}')}"
        for key, value in arguments(params, name).items()
    )
    return f"papermill notebooks/{notebook}.ipynb {name}.ipynb{given}"
