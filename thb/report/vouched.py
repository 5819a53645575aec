"""Reading what the stages left in results/: only files that the active profile, its settings and this code made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import RECORD, Paths, variant_option
from thb.core.tables import POOL_COLUMNS, SCORE_COLUMNS, read_csv, read_json
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.submitted.compared import trained_here


def cells(paths: Paths, params: Params, path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table that `evaluate` wrote."""
    origin.check_files(paths, paths.results, metrics(paths, params), [path.name], _evaluate(paths))
    return read_csv(path, columns)


def metrics(paths: Paths, params: Params) -> dict[str, Any]:
    """metrics.json, which vouches for cells.csv as well."""
    return origin.read(
        paths.metrics,
        origin.of_cells(paths, trained_here(params) if paths.variant else params),
        paths,
        _evaluate(paths),
    )


def _evaluate(paths: Paths) -> str:
    return f"thb evaluate{variant_option(paths.variant)}"


def corpus(paths: Paths, params: Params, path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table of the clips that `split` found."""
    _of_splits(paths, params, path)
    return read_csv(path, columns)


def leakage(paths: Paths, params: Params) -> dict[str, Any]:
    """What training and test share, as `split` found."""
    _of_splits(paths, params, paths.leakage)
    return read_json(paths.leakage)


def _of_splits(paths: Paths, params: Params, path: Path) -> None:
    mend = origin.split_command(paths)
    record = origin.read(paths.tested_record, origin.of_splits(paths, params), paths, mend, path)
    origin.check_files(paths, paths.results, record, [path.name], mend)


def scores(paths: Paths, params: Params, detector: str, fit: str) -> pd.DataFrame:
    """The scores that cells.csv was computed from, and no others."""
    path, name = paths.scores(detector, fit), f"{detector}/{fit}"
    if not path.is_file() or metrics(paths, params).get("scores", {}).get(name) != origin.sha256(path):
        raise DataError(
            f"{paths.relative(path)} is not what {paths.relative(paths.cells)} was computed from; "
            f"run `{_evaluate(paths)}`"
        )
    return read_csv(path, SCORE_COLUMNS)


def fit(paths: Paths, params: Params, detector: str, name: str) -> dict[str, Any]:
    """What a fit was, as it stands beside its scores."""
    return score_files.about(ScoreFile(paths, params, detector, name))


def other_scores(paths: Paths, params: Params, detector: str, name: str, kind: str) -> pd.DataFrame:
    """Scores of shuffled sound, or of shuffled labels."""
    return score_files.read(ScoreFile(paths, params, detector, name, kind))


def pools(paths: Paths, params: Params, detector: str) -> pd.DataFrame:
    """Scores of fit `all`, had its units been pooled otherwise."""
    path = paths.pools(detector)
    _of_maps(paths, params, detector, path.with_suffix(".json"), path)
    return read_csv(path, POOL_COLUMNS)


def maps(paths: Paths, params: Params, detector: str, name: str) -> Path:
    """One of the files of results/cams/<detector>."""
    folder = paths.cams(detector)
    _of_maps(paths, params, detector, folder / RECORD, folder / name)
    return folder / name


def _of_maps(paths: Paths, params: Params, detector: str, beside: Path, path: Path) -> None:
    mend = f"thb explain {detector}"
    record = origin.read(beside, origin.of_maps(paths, params, detector), paths, mend, path)
    origin.check_files(paths, path.parent, record, [path.name], mend)
    for file, digest in record.get("scores", {}).items():
        if digest != origin.sha256(paths.scores(*file.split("/"))):
            raise DataError(f"{paths.relative(path)} was chosen by other scores of {file}; run `{mend}`")
