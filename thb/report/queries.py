"""What notebooks ask of the results of the clone that they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import pandas as pd

from thb.cells.columns import CELL
from thb.cells.printed import CELLS, LATER, printed_cells
from thb.cells.questions import MEAN
from thb.core.errors import DataError, check_known
from thb.core.metrics import AUC
from thb.core.params_schema import Protocol
from thb.report.load import MAIN, NAN, NO_CELL, open_results
from thb.report.verdicts import Verdicts

REFERENCES = {"v1": CELLS, "later": LATER}  # versions of the paper


def cells(protocol: str, metrics: Sequence[str] = (), corpus: str = MAIN) -> pd.DataFrame:
    """A row a detector, generator (their mean, too) and metric of one protocol; no metrics: those the paper prints.

    The columns are TABLE_COLUMNS: our value with its interval, the clips behind it, and the printed number. Of a
    control corpus (`corpora` names them) there are the detectors that were fitted to it.
    """
    results = open_results()
    rows = results.table(protocol, corpus)
    if not any(rows["n_fake"]) and not results.absent:
        raise DataError(f"no detector has a score under {protocol}; run `dvc repro`")
    wanted = [results.check_metric(name) for name in metrics or (AUC, *results.params.metrics.fpr)]
    return rows.loc[rows["metric"].isin(wanted)].reset_index(drop=True)


def corpora() -> dict[str, str]:
    """The main corpus and each control corpus, with what is switched off in it; no control can be had of real clips."""
    params = open_results().params
    parts = {"fingerprint": "fingerprint", "artefacts": "visible faults"}
    known = {
        name: ", ".join(
            f"{parts[part]} off" if strength == 0 else f"{parts[part]} × {strength:g}"
            for part, strength in ablation.model_dump(exclude_none=True).items()
        )
        for name, ablation in params.ablations.items()
        if params.active.corpus == "mini"
    }
    return {MAIN: "main corpus", **known}


def rates() -> dict[str, float]:
    """The metrics at a fixed false-positive rate, and that rate."""
    return dict(open_results().params.metrics.fpr)


def protocol(name: str) -> Protocol:
    """A protocol of params.yaml: its title, the fit it tests, its reals and fakes."""
    return open_results().protocol(name)


def label(generator: str) -> str:
    """A source as the paper names it; 'Mean' for their mean."""
    return open_results().label(generator)


def detector(name: str) -> str:
    """A detector as the paper names it; as params.yaml does if the paper has none such."""
    return open_results().params.detectors[name].printed or name


def scores(detector: str, fit: str, kind: str = "") -> pd.DataFrame:
    """A clip a row (SCORE_COLUMNS): what a fit made of the clips, refused unless cells.csv was computed from it.

    `kind` as of `Results.scores`: SHUFFLED_SOUND, to hear the clips with another's sound.
    """
    return open_results().scores(detector, fit, kind)


def printed_beside(reference: str, metrics: Sequence[str] = (), protocols: Sequence[str] = ()) -> pd.DataFrame:
    """A row a cell that one version of the paper printed, ours beside it where there is one.

    The reference is one of REFERENCES; no metrics or protocols: all that it has. Raises ParamsError for others.
    """
    results = open_results()
    check_known("reference", [reference], REFERENCES)
    theirs = printed_cells(results.paths.published, REFERENCES[reference])
    of = {name: p.printed or "" for name, p in results.params.protocols.items()}
    there = {(protocol, generator) for protocol, _, generator, _ in theirs}
    places = {name: [g for g in results.generators(name) if (of[name], results.label(g)) in there] for name in of}
    shown = _chosen("metric", metrics, dict.fromkeys(key[3] for key in theirs))
    chosen = _chosen("protocol", protocols, [name for name in places if places[name]])
    keys = {entry.printed: key for key, entry in results.params.detectors.items() if entry.printed}
    ours = results.cells.set_index(CELL).to_dict("index")
    rows = []
    for protocol, detector in product(chosen, dict.fromkeys(key[1] for key in theirs)):
        for generator, metric in product(places[protocol], shown):
            if (printed := theirs.get((of[protocol], detector, results.label(generator), metric))) is not None:
                own = ours.get((protocol, keys.get(detector), generator, metric), NO_CELL)
                key = {"protocol": protocol, "detector": detector, "generator": generator, "metric": metric}
                rows.append(key | {"printed": printed} | {column: own[column] for column in NO_CELL})
    return pd.DataFrame(rows)


def rank_correlation(rows: pd.DataFrame) -> float:
    """Spearman's, between `printed` and `value` of the rows that have both; nan below three, or where one is constant.

    The cells share reals and detectors, so it has no interval here.
    """
    both = rows.loc[:, ["printed", "value"]].dropna()
    varied = len(both) > 2 and all(len(set(both[column])) > 1 for column in both)
    return float(both.corr("spearman").loc["printed", "value"]) if varied else NAN


def _chosen(kind: str, wanted: Sequence[str], known: Iterable[str]) -> list[str]:
    """What was asked for, all that is known if nothing was."""
    known = list(known)
    check_known(kind, wanted, known)
    return list(wanted) or known


def verdicts() -> Verdicts:
    """Which of two lies above the other, for every such question that `evaluate` answered."""
    return open_results().verdicts


def clips_behind(rows: pd.DataFrame) -> str:
    """'130 real clips and 28 to 80 fakes a generator', of rows as `cells` gives them."""
    scored = rows.loc[(rows["n_fake"] > 0) & (rows["generator"] != MEAN)]
    fakes = sorted({int(n) for n in scored["n_fake"]})
    span = f"{fakes[0]} to {fakes[-1]}" if len(fakes) > 1 else "".join(map(str, fakes)) or "no"
    return f"Reproduced on {int(scored['n_real'].max()) if fakes else 0} real clips and {span} fakes a generator."
