"""evaluate: scores and printed numbers -> cells.csv and metrics.json, in seconds and without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from thb import metrics, protocols
from thb.errors import DataError
from thb.measure import measure, resolvable
from thb.params import Params
from thb.paths import Paths
from thb.protocols import Trial
from thb.published import printed_cells, printed_value
from thb.records import CELL_COLUMNS, SCORE_COLUMNS, read_csv, write_csv, write_json


def run(paths: Paths, params: Params) -> None:
    """Write every protocol's cells; a control corpus has the `all` fit of some detectors, and what needs no more."""
    wanted = [(d, "all") for d in params.ablated] if paths.variant else (
        [(d, f) for d in params.detectors for f in params.fits])
    evaluated = list(_evaluate(params, read_scores(paths, wanted)))
    cells = pd.DataFrame(_cells(paths, params, evaluated))
    write_csv(cells, paths.cells, CELL_COLUMNS)
    write_json(summary(params, evaluated), paths.metrics)
    print(f"{len(cells)} cells -> {paths.relative(paths.cells)}")


def read_scores(paths: Paths, wanted: list[tuple[str, str]]) -> dict[tuple[str, str], pd.DataFrame]:
    """(detector, fit) -> score rows; exactly the files that params.yaml asks for, no more and no fewer."""
    files = {key: paths.scores(*key) for key in wanted}
    found = set((paths.results / "scores").glob("*/*.csv"))
    if extra := sorted(found - set(files.values())):
        raise DataError(f"{paths.relative(extra[0])} belongs to no detector and fit of params.yaml; remove it")
    return {key: read_csv(path, SCORE_COLUMNS) for key, path in files.items()}


def _evaluate(params: Params, scores: Mapping) -> Iterator[tuple[Trial, str, dict]]:
    """(trial, detector, what was measured) for each trial whose fits are at hand."""
    for trial in protocols.trials(params):
        for detector in params.detectors:
            if all((detector, fit) in scores for fit in trial.fits):
                yield trial, detector, measure(params, trial, [scores[detector, fit] for fit in trial.fits])


def _cells(paths: Paths, params: Params, evaluated: list) -> Iterator[dict]:
    printed = printed_cells(paths.published)
    for trial, detector, measured in evaluated:
        for metric, replicates in measured["replicates"].items():
            lo, hi = metrics.interval(replicates[1:], params.metrics.confidence)
            yield {"corpus": params.active.corpus, "profile": params.profile, "protocol": trial.protocol,
                   "detector": detector, "generator": trial.generator, "metric": metric,
                   "value": replicates[0], "lo": lo, "hi": hi,
                   "n_real": measured["n_real"], "n_fake": measured["n_fake"],
                   "resolvable": resolvable(params, metric, measured["n_real"], measured["n_fake"]),
                   "printed": printed_value(printed, params, trial.protocol, detector, trial.generator, metric)}


def summary(params: Params, evaluated: list) -> dict:
    """Means over a protocol's generators, with intervals from the paired replicates; ranges over fits."""
    means: dict = {}
    for protocol in params.protocols:
        for detector in params.detectors:
            rows = [m for t, d, m in evaluated if (t.protocol, d) == (protocol, detector)]
            if rows:
                means.setdefault(protocol, {})[detector] = _mean_of(params, rows)
    ranges = {f"{t.protocol}/{d}/{t.generator}/{name}": [_round(min(values)), _round(max(values))]
              for t, d, m in evaluated if len(t.fits) > 1 and m["n_fake"]
              for name, values in m["per_fit"].items()}
    return {"corpus": params.active.corpus, "profile": params.profile, "means": means, "range_over_fits": ranges}


def _mean_of(params: Params, rows: list[dict]) -> dict:
    """metric -> value, lo, hi of the mean over generators that have scores."""
    scored = [row["replicates"] for row in rows if row["n_fake"]]
    out = {}
    for metric in scored[0] if scored else ():
        mean = np.mean([r[metric] for r in scored], axis=0)
        lo, hi = metrics.interval(mean[1:], params.metrics.confidence)
        out[metric] = {"value": _round(mean[0]), "lo": _round(lo), "hi": _round(hi), "generators": len(scored)}
    return out


def _round(value: float) -> float | None:
    """Ten significant digits, as in cells.csv; null where there is no number."""
    return None if np.isnan(value) else float(f"{value:.10g}")
