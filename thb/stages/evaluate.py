"""evaluate: scores and printed numbers -> cells.csv and metrics.json, in seconds and without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from thb import metrics, protocols
from thb.errors import DataError
from thb.params import Params
from thb.paths import Paths
from thb.protocols import Trial
from thb.published import printed_cells, printed_value
from thb.records import CELL_COLUMNS, OK, SCORE_COLUMNS, read_csv, write_csv, write_json

Replicates = dict[str, np.ndarray]          # metric -> float [1 + bootstrap]; the first is the value itself
REAL_SEED, FAKE_SEED = 0, 1                 # reals and fakes are resampled apart


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


def measure(params: Params, trial: Trial, tables: list[pd.DataFrame]) -> dict:
    """Counts and replicates of one trial; several fits are averaged, and their range is kept."""
    protocol = params.protocols[trial.protocol]
    per_fit = [_replicates(params, *_tested(table, protocol, trial.generator)) for table in tables]
    n_real, n_fake = (len(part) for part in _tested(tables[0], protocol, trial.generator))
    names = per_fit[0].keys()
    return {"n_real": n_real, "n_fake": n_fake,
            "replicates": {m: np.mean([r[m] for r in per_fit], axis=0) for m in names},
            "per_fit": {m: [float(r[m][0]) for r in per_fit] for m in names}}


def _tested(table: pd.DataFrame, protocol, generator: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scored reals and fakes of one trial."""
    scored = table[table["status"] == OK]
    reals, fakes = scored[protocols.reals(scored, protocol)], scored[protocols.fakes(scored, protocol, generator)]
    if reals.empty:
        raise DataError(f"no scored real clip in splits {', '.join(protocol.reals)}: nothing to set a threshold on")
    return reals, fakes


def _replicates(params: Params, reals: pd.DataFrame, fakes: pd.DataFrame) -> Replicates:
    """Each metric's value, then its bootstrap replicates; nan where no fake was scored (no audio, say)."""
    m = params.metrics
    if fakes.empty:
        return {name: np.full(1 + m.bootstrap, np.nan) for name in (metrics.AUC, *m.fpr, metrics.BRIER, metrics.EER)}
    weights = np.hstack([metrics.draws(protocols.identity(part).to_numpy(), m.bootstrap, m.seed + seed)
                         for part, seed in ((reals, REAL_SEED), (fakes, FAKE_SEED))])
    both = pd.concat([reals, fakes])
    counts = metrics.count(both["label"].to_numpy(), both["score"].to_numpy(), weights)
    return metrics.all_of(counts, m.fpr, m.roc)


def _cells(paths: Paths, params: Params, evaluated: list) -> Iterator[dict]:
    printed = printed_cells(paths.published)
    for trial, detector, measured in evaluated:
        for metric, replicates in measured["replicates"].items():
            lo, hi = metrics.interval(replicates[1:], params.metrics.confidence)
            yield {"corpus": params.active.corpus, "profile": params.profile, "protocol": trial.protocol,
                   "detector": detector, "generator": trial.generator, "metric": metric,
                   "value": replicates[0], "lo": lo, "hi": hi,
                   "n_real": measured["n_real"], "n_fake": measured["n_fake"],
                   "resolvable": _resolvable(params, metric, measured),
                   "printed": printed_value(printed, params, trial.protocol, detector, trial.generator, metric)}


def _resolvable(params: Params, metric: str, measured: dict) -> bool:
    """Whether this many clips can tell the metric at all."""
    if not measured["n_fake"]:
        return False
    return metric not in params.metrics.fpr or metrics.is_resolvable(params.metrics.fpr[metric], measured["n_real"])


def summary(params: Params, evaluated: list) -> dict:
    """Means over a protocol's generators, with intervals from the paired replicates; ranges over fits."""
    means: dict = {}
    for protocol in params.protocols:
        for detector in params.detectors:
            rows = [m for t, d, m in evaluated if (t.protocol, d) == (protocol, detector)]
            if rows:
                means.setdefault(protocol, {})[detector] = _mean_of(params, rows)
    ranges = {f"{t.protocol}/{d}/{t.generator}/{name}": [min(values), max(values)]
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
