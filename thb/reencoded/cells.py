"""reencode-cells: what each detector loses by re-encoding, held against the very same clips before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from thb.cells.comparisons import INCONCLUSIVE, judge
from thb.cells.questions import MEAN
from thb.cells.trials import Measured, Scored, estimates, measure, nothing, resolvable
from thb.core import intervals, origin
from thb.core.metrics import AUC, weakest
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, write_csv, write_json
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.reencoded import conditions, files
from thb.reencoded.conditions import Reencoding
from thb.reencoded.files import NUMBERS
from thb.splits import protocols
from thb.splits.protocols import Trial

DIGITS = 6  # enough for any page, and the file stays small


class Pair(NamedTuple):
    """One trial after and before, and how many clips were lost in between."""

    after: Measured
    before: Measured
    lost: int


def run(paths: Paths, params: Params) -> None:
    """Write every condition's cells, and beside them what they are of."""
    settings = conditions.load(paths, params)
    rows, absent = [], {}
    for detector in params.detectors:
        again, why = files.read_scores(paths, params, settings, detector)
        absent |= {f"{detector}/{fit}": said for fit, said in why.items()}
        fits = [fit for fit in files.sources_of_fits(params, settings) if fit not in why]
        own = {fit: score_files.read(ScoreFile(paths, params, detector, fit)) for fit in fits}
        rows += _of_detector(params, settings, detector, again, own)
    table, file = judged(pd.DataFrame(rows), params.metrics.confidence), files.cells(paths)
    file.with_suffix(".json").unlink(missing_ok=True)  # until all is written, nothing vouches for it
    write_csv(table, file, files.CELL_COLUMNS, DIGITS)
    read = {name: origin.sha256(files.scores(paths, name)) for name in params.detectors}
    said = {name: {"says": one.says, "does": one.does} for name, one in settings.conditions.items()}
    write_json(
        origin.record(
            files.cells_made_by(params), file.parent, [file.name], scores=read, conditions=said, absent=absent
        ),
        file.with_suffix(".json"),
    )
    print(f"{len(table)} cells -> {paths.relative(file)}")


def _of_detector(
    params: Params, settings: Reencoding, detector: str, again: pd.DataFrame, own: Mapping[str, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    """The rows of one detector, without p-values; `own` are the scores of each fit's clips before."""
    metrics = (AUC, next(iter(params.metrics.fpr)))
    for condition in settings.conditions:
        rows = again.loc[again["condition"] == condition]
        fits = {fit: Both(params, *paired(table, rows, fit)) for fit, table in own.items()}
        for protocol in settings.reencoded:
            trials = protocols.trials(params, [protocol])
            pairs = {trial.generator: _measured(params, trial, fits) for trial in trials}
            head = {"condition": condition, "protocol": protocol, "detector": detector}
            yield from (head | row for metric in metrics for row in _rows(params, metric, pairs))


class Both:
    """The same clips of one fit after and before."""

    def __init__(self, params: Params, after: pd.DataFrame, before: pd.DataFrame, lost: int) -> None:
        self.after, self.before, self.lost = Scored(params.metrics, after), Scored(params.metrics, before), lost


def _measured(params: Params, trial: Trial, fits: Mapping[str, Both]) -> Pair:
    """No number where a fit is absent."""
    if not set(trial.fits) <= set(fits):
        return Pair(nothing(params), nothing(params), 0)
    of = [fits[fit] for fit in trial.fits]
    after, before = (measure(params, trial, side) for side in ([one.after for one in of], [one.before for one in of]))
    return Pair(after, before, of[0].lost)


def paired(own: pd.DataFrame, again: pd.DataFrame, fit: str) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """A fit's clips with their scores after and before, and how many could be scored before only."""
    score, status = (again.set_index("clip")[column] for column in (fit, "status"))
    before = own.loc[(own["status"] == OK) & own["clip"].isin(again["clip"])]
    there = before["clip"].map(status) == OK
    before = before.loc[there].reset_index(drop=True)
    return before.assign(score=before["clip"].map(score)), before, int((~there).sum())


def _rows(params: Params, metric: str, pairs: Mapping[str, Pair]) -> Iterator[dict[str, Any]]:
    """A row a generator, and one of their mean over those that were scored."""
    there = {name: pair for name, pair in pairs.items() if pair.after["n_fake"]}
    means = {**{name: {name: pair} for name, pair in pairs.items()}, MEAN: there}
    known = dict(zip([*there, MEAN], _differences(params, metric, list(there.values())), strict=False))
    for name, of in means.items():
        counts = [(pair.after["n_real"], pair.after["n_fake"]) for pair in of.values()]
        yield {
            "generator": name,
            "metric": metric,
            **dict(zip(NUMBERS, known.get(name, [np.nan] * len(NUMBERS)), strict=True)),
            "n_real": max((real for real, _ in counts), default=0),
            "n_fake": sum(fake for _, fake in counts),
            "lost": max((pair.lost for pair in of.values()), default=0),
            "resolvable": weakest([resolvable(params, metric, *count) for count in counts]),
        }


def _differences(params: Params, metric: str, pairs: Sequence[Pair]) -> np.ndarray:
    """float [pairs + 1, NUMBERS]: of each, and last of their mean; nothing of none."""
    if not pairs:
        return np.zeros((0, len(NUMBERS)))
    each = np.vstack([np.eye(len(pairs)), np.full(len(pairs), 1 / len(pairs))])
    weights = np.vstack([np.hstack([after * each, before * each]) for after, before in ((1, 0), (0, 1), (1, -1))])
    sides = [*(pair.after for pair in pairs), *(pair.before for pair in pairs)]
    found = np.stack(estimates(params, [(side, metric) for side in sides]).sums(weights))  # [3 ends, 3 x each]
    return found.reshape(3, 3, len(each)).transpose(2, 1, 0).reshape(len(each), -1)


def judged(rows: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """The rows with p-values and verdicts, by Holm's method over all that is asked alike.

    That is by one metric under one protocol, of the means, or of single generators.
    """
    told = rows["resolvable"].astype(bool)
    ends = rows[["change", "change_lo", "change_hi"]].where(told).to_numpy(float)
    p = pd.Series([intervals.p_value(change, lo, hi, confidence) for change, lo, hi in ends], rows.index)
    family = [rows["protocol"], rows["metric"], rows["generator"] == MEAN]
    raised = p.groupby(family).transform(lambda own: intervals.holm(own.to_numpy()))
    verdicts = [
        judge(lo, hi) if p < 1 - confidence else INCONCLUSIVE for p, (_, lo, hi) in zip(raised, ends, strict=True)
    ]
    return rows.assign(p_holm=raised, verdict=verdicts)
