"""Rows of anybody's scores, held against the clips that test a fit: which is which, what is missing, what is odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from thb.core.errors import CoverageError, DataError, ParamsError, unknown
from thb.core.params import Params
from thb.core.ranges import shown
from thb.core.tables import MISSING, OK, SCORE_COLUMNS, STATUSES
from thb.splits import assignment, protocols
from thb.submitted.score_rows import NUMBER, Row

VIDEO = {".mp4", ".avi", ".mov", ".mkv", ".webm"}


@dataclass(frozen=True)
class Matched:
    """SCORE_COLUMNS, as `score` would have written them, and how much of what tests the fit was scored."""

    table: pd.DataFrame
    scored: int
    of: int  # the usable clips that the protocols in question test
    passed_over: int  # rows of clips that do not test this fit


def tested(params: Params, clips: pd.DataFrame, fit: str, names: Sequence[str]) -> pd.Series:
    """Mask of the usable clips that these protocols (none: all) test on a fit.

    Raises ParamsError for a protocol that is unknown, or that this fit has no part in.
    """
    every = list(protocols.trials(params, list(names)))
    trials = [trial for trial in every if fit in trial.fits]
    if odd := [name for name in names if name not in {trial.protocol for trial in trials}]:
        rest = {trial.protocol for trial in protocols.trials(params) if fit in trial.fits}
        raise ParamsError(
            unknown(f"protocol of fit {fit}", odd[0], [name for name in params.protocols if name in rest])
        )
    mask = pd.Series(False, index=clips.index)
    for trial in trials:
        protocol = params.protocols[trial.protocol]
        mask |= protocols.reals(clips, protocol) | protocols.fakes(clips, protocol, trial.generator)
    return mask & (clips.loc[:, "status"] == OK)


def match(
    params: Params, clips: pd.DataFrame, fit: str, rows: Sequence[Row], names: Sequence[str], allowed: float
) -> Matched:
    """The scores of one fit, in the order of the clips (TESTED_COLUMNS).

    Raises DataError for a row that names no clip, one twice, or says of it what is not so; CoverageError if a larger
    share than `allowed` of what these protocols test has no score.
    """
    listed = clips.assign(use=assignment.uses(clips, fit))
    listed = listed.assign(wanted=tested(params, clips, fit, names)).set_index("clip", drop=False)
    given = _by_clip(params, listed, rows)
    own = listed.loc[listed["use"].isin((assignment.VAL, assignment.TEST))]
    values = {clip: _score(row, str(own.at[clip, "label"])) for clip, row in given.items() if clip in own.index}
    status = [given[c].status or (OK if given[c].score else MISSING) if c in values else MISSING for c in own.index]
    table = own.assign(
        score=[values.get(clip, np.nan) for clip in own.index],
        status=status,
        reason=["" if one == OK else "no score was given" for one in status],
    )
    table = table.loc[(own["status"] == OK) | own.index.isin(list(values))]
    _check_coverage(table, allowed)
    wanted = table["wanted"].to_numpy(bool)
    scored = wanted & (table["status"] == OK).to_numpy()
    passed_over = len(given) - len(values)
    return Matched(table.loc[:, SCORE_COLUMNS], int(scored.sum()), int(wanted.sum()), passed_over)


def _check_coverage(table: pd.DataFrame, allowed: float) -> None:
    wanted = table.loc[table["wanted"].to_numpy(bool)]
    without = wanted.loc[wanted["status"] != OK]
    if len(without) > allowed * len(wanted):
        share = np.ceil(1000 * len(without) / len(wanted)) / 1000
        raise CoverageError(
            f"{len(without)} of {len(wanted)} clips have no score, {without.index[0]!r} for one; "
            f"score them, or allow that share: --missing {share:g}"
        )
    labels = set(wanted.loc[wanted["status"] == OK, "label"])
    if lacking := [kind for label, kind in enumerate(("real", "fake")) if label not in labels]:
        raise CoverageError(f"no {lacking[0]} clip has a score: nothing can be told")


# ---- one row ------------------------------------------------------------------------------------------


def _by_clip(params: Params, listed: pd.DataFrame, rows: Sequence[Row]) -> dict[str, Row]:
    """Clip -> the row that names it; raises DataError for rows that name none, or one that another names too."""
    known = _Names(params, listed.loc[:, "clip"])
    found: dict[str, Row] = {}
    if strange := [row for row in rows if known.clip(row.name) is None]:
        first = strange[0]
        raise DataError(
            f"{first.where}: {shown(first.name)} is no clip of the corpus ({len(strange)} of {len(rows)} rows); "
            f"a clip is called {listed.index[0]!r}, or by its path below data/raw"
        )
    for row in rows:
        clip = known.clip(row.name)
        assert clip is not None
        if clip in found:
            raise DataError(f"{row.where}: clip {clip!r} stands in {found[clip].where} already")
        found[clip] = row
    return found


class _Names:
    """The words by which a clip may be called: its name, its path or the end of it, its file's name if one bears it."""

    def __init__(self, params: Params, clips: pd.Series) -> None:
        self.folders = {source: f"/{entry.folder}/" for source, entry in params.sources.items()}
        self.clips = set(clips)
        self.alone = clips.groupby(clips.str.partition("/")[2]).agg(lambda own: own.iloc[0] if len(own) == 1 else None)

    def clip(self, name: str) -> str | None:
        if name in self.clips:
            return name
        path = PurePosixPath(name.strip().replace("\\", "/"))
        path = path.with_suffix("") if path.suffix.lower() in VIDEO else path
        if str(path) in self.clips:
            return str(path)
        if path.name == str(path):
            return self.alone.get(path.name)
        for source, folder in self.folders.items():
            if folder in f"/{path}" and f"{source}/{path.name}" in self.clips:
                return f"{source}/{path.name}"
        return None


def _score(row: Row, label: str) -> float:
    """A row's score, nan if it gives none; raises DataError for a score that cannot be, or a label that is not so."""
    if row.status not in ("", *STATUSES):
        raise DataError(f"{row.where}: " + unknown("status", row.status[:80], STATUSES))
    if row.label not in ("", label):
        raise DataError(f"{row.where}: label {shown(row.label)}, but the clip's is {label} (0 real, 1 fake)")
    if row.score == "" and row.status != OK:
        return float("nan")
    if row.status not in ("", OK):
        raise DataError(f"{row.where}: status {row.status}, and yet a score; leave one of them out")
    value = float(row.score) if NUMBER.fullmatch(row.score) else float("nan")
    if not 0 <= value <= 1:
        raise DataError(f"{row.where}: score {shown(row.score)} is no number from 0 (real) to 1 (fake)")
    return abs(value)
