"""evaluate: scores and printed numbers -> cells.csv and metrics.json, in seconds and without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd

from thb.cells import comparisons, training_luck
from thb.cells.columns import CELL_COLUMNS, COMPARISON_COLUMNS
from thb.cells.printed import printed_cells, printed_value
from thb.cells.training_luck import Luck
from thb.cells.trials import Evaluated, Measured, Scored, mean_of, measure, nothing, resolvable
from thb.core import intervals, origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, write_csv, write_json
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.splits import protocols
from thb.submitted.compared import compared

COMPARED = ["clip", "source", "role", "split", "portrait", "video", "status"]  # columns by which clips are chosen
ALONE = Luck()  # one training, about whose luck nothing is known
DIGITS = 6  # of what is compared: enough for any page, and the file stays small


def run(paths: Paths, params: Params) -> None:
    """Write every protocol's cells; of a control corpus, those that the `all` fits of some detectors allow."""
    params = params if paths.variant else compared(paths, params)
    wanted = (
        [(d, "all") for d in params.ablated]
        if paths.variant
        else ([(d, f) for d in params.detectors for f in params.fits])
    )
    files = {(detector, fit): ScoreFile(paths, params, detector, fit) for detector, fit in wanted}
    left_out = {key: why for key, file in files.items() if (why := score_files.absent(file))}
    known = {file.path for file in files.values()}
    if extra := sorted(set((paths.results / "scores").glob("*/*.csv")) - known):
        raise DataError(f"{paths.relative(extra[0])} belongs to no detector and fit of params.yaml; remove it")
    scores = _read_scores(paths, params, {key: file for key, file in files.items() if key not in left_out})
    absent = {**left_out, **_without_reals(params, scores)}
    luck = training_luck.read(paths, params)
    evaluated = of_scores(params, scores, absent, luck)
    cells = pd.DataFrame(_cells(paths, params, evaluated, luck))
    paths.metrics.unlink(missing_ok=True)  # until all is written, nothing vouches for it
    write_csv(cells, paths.cells, CELL_COLUMNS)
    written = [paths.cells.name]
    if not paths.variant:
        write_csv(comparisons.table(params, evaluated), paths.comparisons, COMPARISON_COLUMNS, DIGITS)
        written.append(paths.comparisons.name)
    read = {"/".join(key): origin.sha256(file.path) for key, file in files.items()}
    made_by = origin.of_cells(paths, params)
    write_json(
        summary(params, evaluated, absent) | origin.record(made_by, paths.results, written, scores=read),
        paths.metrics,
    )
    print(f"{len(cells)} cells -> {paths.relative(paths.cells)}")
    if absent:
        print(f"{len(absent)} of {len(wanted)} fits have no numbers; metrics.json says why")


def _read_scores(
    paths: Paths, params: Params, files: Mapping[tuple[str, str], ScoreFile]
) -> dict[tuple[str, str], pd.DataFrame]:
    """(detector, fit) -> score rows, held against the corpus's clips."""
    if not files:
        return {}
    clips = score_files.read_tested(paths, params)
    return {key: score_files.read_against(file, clips) for key, file in files.items()}


def _without_reals(params: Params, scores: Mapping) -> dict[tuple[str, str], str]:
    """(detector, fit) -> why it has no numbers, where only fakes are scored; a rendered corpus has its reals."""
    if params.active.corpus == "mini":
        return {}
    return {
        key: "no real clip is among its scores"
        for key, table in scores.items()
        if not ((table["role"] == "real") & (table["status"] == OK)).any()
    }


def of_scores(params: Params, scores: Mapping, absent: Mapping, luck: Luck = ALONE) -> list[Evaluated]:
    """Each trial whose fits are at hand, or known to be absent, with each detector, and the `luck` of its training.

    One detector after the other, since what is summed of its reals is kept until all of its trials are through.
    """
    # values of text are compared more quickly one by one than as pandas' columns of text
    scores = {
        key: table.astype(dict.fromkeys(table.columns.intersection(COMPARED), object)) for key, table in scores.items()
    }
    found: dict[tuple[int, str], Evaluated] = {}
    trials = list(protocols.trials(params))
    for detector in params.detectors:
        fits = {fit: Scored(params.metrics, table) for (of, fit), table in scores.items() if of == detector}
        for i, trial in enumerate(trials):
            if any((detector, fit) in absent for fit in trial.fits):
                found[i, detector] = trial, detector, nothing(params)
            elif all(fit in fits for fit in trial.fits):
                found[i, detector] = trial, detector, measure(params, trial, [fits[fit] for fit in trial.fits])
    for trial, detector, one in found.values():
        for metric, (value, *_) in one["trained"].items():
            one["trained"][metric] = luck.trained((trial.protocol, detector, trial.generator, metric), value)
    return [found[key] for key in product(range(len(trials)), params.detectors) if key in found]


def _cells(paths: Paths, params: Params, evaluated: list[Evaluated], luck: Luck = ALONE) -> Iterator[dict[str, object]]:
    printed = printed_cells(paths.published)
    for trial, detector, measured in evaluated:
        for metric, replicates in measured["replicates"].items():
            by_seed = measured["trained"][metric]
            lo, hi = intervals.widened(replicates[0], measured["ends"][metric], by_seed, params.metrics.confidence)
            sd, n = luck.spread((trial.protocol, detector, trial.generator, metric), replicates[0])
            yield {
                "corpus": params.active.corpus,
                "profile": params.profile,
                "protocol": trial.protocol,
                "detector": detector,
                "generator": trial.generator,
                "metric": metric,
                "value": replicates[0],
                "lo": lo,
                "hi": hi,
                "sd_seed": sd,
                "n_seeds": n,
                "n_real": measured["n_real"],
                "n_fake": measured["n_fake"],
                "resolvable": resolvable(params, metric, measured["n_real"], measured["n_fake"]),
                "printed": printed_value(printed, params, trial.protocol, detector, trial.generator, metric),
            }


def summary(params: Params, evaluated: list[Evaluated], absent: Mapping[tuple[str, str], str] | None = None) -> dict:
    """Means over a protocol's generators, with their intervals; ranges over fits.

    With why fits are absent, where some are.
    """
    means: dict = {}
    for protocol in params.protocols:
        for detector in params.detectors:
            rows = [m for t, d, m in evaluated if (t.protocol, d) == (protocol, detector)]
            if rows:
                means.setdefault(protocol, {})[detector] = _mean_of(params, rows)
    ranges = {
        f"{t.protocol}/{d}/{t.generator}/{name}": [_round(min(values)), _round(max(values))]
        for t, d, m in evaluated
        if len(t.fits) > 1 and m["n_fake"]
        for name, values in m["per_fit"].items()
    }
    found = {"corpus": params.active.corpus, "profile": params.profile, "means": means, "range_over_fits": ranges}
    return found | ({"absent": {"/".join(key): why for key, why in absent.items()}} if absent else {})


def _mean_of(params: Params, rows: list[Measured]) -> dict:
    """metric -> value, lo, hi of the mean over generators that have scores."""
    scored = [row for row in rows if row["n_fake"]]
    out = {}
    for metric in scored[0]["replicates"] if scored else ():
        value, lo, hi = mean_of(params, scored, metric)
        out[metric] = {"value": _round(value), "lo": _round(lo), "hi": _round(hi), "generators": len(scored)}
    return out


def _round(value: float) -> float | None:
    """Ten significant digits, as in cells.csv; null where there is no number."""
    return None if np.isnan(value) else float(f"{value:.10g}")
