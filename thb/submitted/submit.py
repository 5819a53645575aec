"""scores: somebody's score file -> results/scores/<detector>, as if the detector had been scored here; and back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from thb.core import origin
from thb.core.errors import DataError, ParamsError, check_known
from thb.core.folders import building
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.ranges import shown
from thb.core.tables import SCORE_COLUMNS, write_csv, write_json, write_rows
from thb.fits import score_files
from thb.fits.score_files import GIVEN, SCORES
from thb.splits import protocols
from thb.submitted import compared, match, score_rows

TEMPLATE = ("clip", "score", "status")


@dataclass(frozen=True)
class Asked:
    """What is said of a file: whose scores they are, of which fit, and what may be missing."""

    detector: str
    fit: str = "all"
    protocols: Sequence[str] = ()  # those that the scores are for; none: all that test the fit
    missing: float = 0.0  # share of their clips that may lack a score
    meta: Mapping[str, str] | None = None


def add(paths: Paths, params: Params, file: Path, asked: Asked) -> match.Matched:
    """Check a file and put its scores among the others; nothing is left of one that is refused.

    Raises ParamsError for a name that may not be, DataError for a file that is not what it has to be.
    """
    compared.check_free(params, asked.detector)
    check_known("fit", [asked.fit], params.fits)
    here = asked.detector in compared.names(paths)
    if here and asked.fit in compared.coverage(paths, params, asked.detector):
        raise DataError(
            f"fit {asked.fit!r} of {asked.detector} is here already; "
            f"`thb scores remove {asked.detector} --fit {asked.fit}` first"
        )
    said = _said(paths, params, asked, here)
    clips = score_files.read_tested(paths, params)
    found = match.match(params, clips, asked.fit, score_rows.read(file), asked.protocols, asked.missing)
    record = {
        compared.COVERAGE: {"scored": found.scored, "of": found.of},
        "protocols": list(asked.protocols) or _protocols_of(params, asked.fit),
    }
    with building(_folder(paths, asked.detector)) as part:
        if here:
            shutil.copytree(_folder(paths, asked.detector), part, dirs_exist_ok=True)
        write_json(said.model_dump(), part / compared.ABOUT)
        for fit in params.fits:
            if fit == asked.fit:
                _write(part, params, asked.detector, fit, found.table, record)
            elif not here:
                _leave_out(part, params, asked.detector, fit)
    return found


def remove(paths: Paths, params: Params, detector: str, fit: str = "") -> None:
    """Take a submission back, or one fit of it; with the last fit nothing is left.

    Raises ParamsError for one that is not here.
    """
    check_known("submitted detector", [detector], compared.names(paths) or ["none"])
    folder = _folder(paths, detector)
    here = list(compared.coverage(paths, params, detector))
    if fit:
        check_known(f"fit of {detector}", [fit], here)
    if fit and here != [fit]:
        with building(folder) as part:
            shutil.copytree(folder, part, dirs_exist_ok=True)
            _leave_out(part, params, detector, fit)
        return
    gone = folder.with_name(f".{folder.name}.part")  # at no moment is a part of it called `folder`
    shutil.rmtree(gone, ignore_errors=True)
    os.replace(folder, gone)
    shutil.rmtree(gone)


def template(paths: Paths, params: Params, fit: str, names: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """TEMPLATE: a row a clip that these protocols (none: all) test on a fit, its score to be filled in."""
    check_known("fit", [fit], params.fits)
    clips = score_files.read_tested(paths, params)
    return [(clip, "", "") for clip in clips.loc[match.tested(params, clips, fit, names), "clip"]]


def fits_of(params: Params, names: Iterable[str]) -> list[str]:
    """The fits that these protocols test, in the order they are trained."""
    tested = {fit for trial in protocols.trials(params, list(names)) for fit in trial.fits}
    return [fit for fit in params.fits if fit in tested]


def write_template(rows: Sequence[Sequence[str]], path: Path) -> None:
    """Raises DataError if there is such a file, which may be filled in already."""
    if path.exists():
        raise DataError(f"{path} is there already; move it away, or name another place")
    write_rows(rows, path, TEMPLATE)


# ---- what is written ----------------------------------------------------------------------------------


def _folder(paths: Paths, detector: str) -> Path:
    return paths.results / "scores" / detector


def _protocols_of(params: Params, fit: str) -> list[str]:
    return [name for name in params.protocols if fit in fits_of(params, [name])]


def _said(paths: Paths, params: Params, asked: Asked, here: bool) -> compared.Submission:
    """What is known of the detector: as it was said with its first fit, unless it is said anew."""
    meta = dict(asked.meta or {}) or (compared.about(paths, asked.detector).meta if here else {})
    active = params.active
    try:
        return compared.Submission(corpus=active.corpus, profile=params.profile, seed=active.seed, meta=meta)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise ParamsError(
            f"--meta {shown(first['loc'][1] if len(first['loc']) > 1 else meta)}: a key is 1 to 20 of a-z, 0-9 and _, "
            "a value 1 to 200 characters that can be seen"
        ) from None


def _write(part: Path, params: Params, detector: str, fit: str, table: pd.DataFrame, more: Mapping[str, Any]) -> None:
    """One fit's scores, and the JSON that the contract of score files asks for beside those from elsewhere."""
    file = part / f"{fit}.csv"
    write_csv(table, file, SCORE_COLUMNS)
    about = {
        GIVEN: detector,
        "kind": SCORES,
        "detector": detector,
        "fit": fit,
        "corpus": params.active.corpus,
        "profile": params.profile,
        "files": {file.name: origin.sha256(file)},
    }
    write_json(about | dict(more), file.with_suffix(".json"))


def _leave_out(part: Path, params: Params, detector: str, fit: str) -> None:
    """What stands in the place of a fit that was not submitted: no score, and why."""
    why = f"{detector} was submitted without them"
    _write(part, params, detector, fit, pd.DataFrame(columns=SCORE_COLUMNS), {"absent": why})
