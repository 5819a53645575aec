"""One fit trained and scored again, in a place of its own, and held against the reference."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from thb.cells.columns import CELL, CELL_COLUMNS
from thb.core import metrics
from thb.core.errors import DataError, check_known
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, SCORE_COLUMNS, read_csv
from thb.fits import weights
from thb.review import workplace
from thb.review.verify import AGREES, DIFFERS, EXACT, SAME, Check, by_luck
from thb.splits import protocols

START = "ffpp"


def run(paths: Paths, params: Params, reference: Paths, detector: str, fit: str) -> list[Check]:
    """Its scores against the reference's, and the cells that rest on this fit alone against their intervals.

    Raises DataError if there are no clips to train on, if a command fails, or if the reference has no such fit.
    """
    settings = params.detector(detector)
    check_known("fit", [fit], params.fits)
    if not paths.split(fit).is_file():
        raise DataError("a fit is trained on clips, and none are here; run `dvc repro split` first")
    if not reference.scores(detector, fit).is_file():
        raise DataError(f"the reference has no scores of {detector}/{fit}")
    starts = settings.get("start_from") == START and fit != START
    with tempfile.TemporaryDirectory(prefix="thb-") as scratch:
        own = workplace.made(paths, Path(scratch))
        if starts and (paths.pretrained(detector) / weights.FILE).is_file():
            shutil.copytree(paths.pretrained(detector), own.pretrained(detector))
            starts = False
        for name in ([START] if starts else []) + [fit]:
            workplace.thb(own, "train", detector, name)
        workplace.thb(own, "score", detector, fit)
        return list(_compared(params, own, reference, detector, fit))


def _compared(params: Params, own: Paths, reference: Paths, detector: str, fit: str) -> Iterator[Check]:
    name = f"{detector}/{fit}"
    if own.scores(detector, fit).read_bytes() == reference.scores(detector, fit).read_bytes():
        yield Check(name, SAME, "every score the same, to the byte")
        return
    here, there = (read_csv(p.scores(detector, fit), SCORE_COLUMNS) for p in (own, reference))
    try:
        apart = differences(here, there)
    except DataError as fault:
        yield Check(name, DIFFERS, str(fault))
        return
    yield Check(name, AGREES, f"scores differ by {apart.max():.3g} at most, {apart.mean():.3g} on average")
    yield _cells(params, here, reference, detector, fit)


def differences(here: pd.DataFrame, there: pd.DataFrame) -> pd.Series:
    """How far two scores of each clip lie apart; raises DataError where one side alone has a score of a clip."""
    ours, theirs = (rows.loc[rows["status"] == OK].set_index("clip")["score"] for rows in (here, there))
    if odd := ours.index.symmetric_difference(theirs.index).tolist():
        raise DataError(f"other clips are scored, {odd[0]!r} for one ({len(odd)} in all)")
    return (ours - theirs.reindex(ours.index)).abs()


def _cells(params: Params, scored: pd.DataFrame, reference: Paths, detector: str, fit: str) -> Check:
    """Each cell of this fit alone, against the interval of the reference's."""
    known = read_csv(reference.cells, CELL_COLUMNS).set_index(CELL)
    lines, n = [], 0
    for trial in protocols.trials(params):
        if trial.fits != (fit,):
            continue
        for metric, value in _values(params, scored, trial).items():
            there = known.loc[(trial.protocol, detector, trial.generator, metric)]
            n += 1
            if not there["lo"] - EXACT <= value <= there["hi"] + EXACT:
                lines.append(
                    f"{trial.protocol} {detector} {trial.generator} {metric}: {value:.4g}, in the reference "
                    f"{there['value']:.4g} [{there['lo']:.4g}, {there['hi']:.4g}]"
                )
    allowed = by_luck(n, params)
    told = f"{len(lines)} of {n} out of the reference's intervals; luck alone: up to {allowed}"
    return Check("its cells", DIFFERS if len(lines) > allowed else AGREES, told, lines)


def _values(params: Params, scored: pd.DataFrame, trial: protocols.Trial) -> dict[str, float]:
    """metric -> value of one trial; none where a side is empty."""
    protocol, usable = params.protocols[trial.protocol], scored.loc[scored["status"] == OK]
    chosen = usable.loc[protocols.reals(usable, protocol) | protocols.fakes(usable, protocol, trial.generator)]
    if chosen["label"].nunique() < 2:
        return {}
    real, fake = metrics.sides(chosen["label"].to_numpy(), chosen["score"].to_numpy())
    found = metrics.all_of(real, fake, params.metrics.fpr, params.metrics.roc)
    return {name: float(values[0]) for name, values in found.items()}
