"""What the page for reviewers states: answers that only a run gives, the checklist's counts, measured times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from thb.cells.claims import ledger
from thb.cells.columns import COMPARISON_COLUMNS
from thb.cells.comparisons import INCONCLUSIVE
from thb.cells.questions import SHIFTS
from thb.core.decimals import NONE, decimal
from thb.core.metrics import AUC
from thb.core.tables import OK, read_csv, read_json
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.report import vouched
from thb.report.load import Results

FIT, TEST = "all", "test"
CELLS, COMPARISONS, LEAKAGE, SCORES = (
    f"results/{name}" for name in ("cells.csv", "comparisons.csv", "leakage.json", "scores")
)
CLAIMS, TIMES = "paper/claims.yaml", "benchmarks/commands.csv"
TIME_COLUMNS = ["name", "command", "seconds", "memory_mb", "written_mb", "cores", "processor", "python", "commit"]
TIMED = ("recompute", "verify", "spot", "bundle")
HASH = 16  # digits shown of a hash of weights


def stated(results: Results) -> dict[str, tuple[str, str]]:
    """name -> what is shown and the file it is from; a dash for what is not known here."""
    shown = {**dict(_answers(results)), **dict(_checklist(results)), **dict(_times(results))}
    return {name: (words or NONE, source) for name, (words, source) in shown.items()}


Stated = Iterator[tuple[str, tuple[str, str]]]


def _answers(results: Results) -> Stated:
    """The ten questions: of the detector of the best mean AUC under the first protocol, and of all cells."""
    means = {
        protocol: {e.label: results.mean(protocol, e.key, AUC)["value"] for e in results.entrants if e.key}
        for protocol in SHIFTS
    }
    first, *_, last = SHIFTS
    keys = {entrant.label: entrant.key for entrant in results.entrants}
    known = {label: value for label, value in means[first].items() if not math.isnan(value)}
    best = max(known, key=known.__getitem__) if known else ""
    yield "q_best", (best, CELLS)
    yield "q_best_auc", (decimal(known[best], 4) if best else "", CELLS)
    yield "q_fall", (decimal(known[best] - means[last][best], 4) if best else "", CELLS)
    cells = results.cells
    own = cells.loc[(cells["protocol"] == last) & (cells["detector"] == keys.get(best)) & (cells["metric"] == AUC)]
    lowest = own.loc[own["value"].notna()].nsmallest(1, "value")
    yield "q_hardest", ("".join(results.label(name) for name in lowest["generator"]), CELLS)
    yield "q_unresolved", (f"{sum(~cells['resolvable'].astype(bool)):,} of {len(cells):,}", CELLS)
    told = _compared(results)["verdict"].dropna()
    yield "q_inconclusive", (f"{sum(told == INCONCLUSIVE):,} of {sum(told != ''):,}", COMPARISONS)
    yield from _of_fit(results, keys[best] or "") if best else ((name, ("", SCORES)) for name in OF_FIT)


OF_FIT = ("q_score", "q_real", "q_missed", "q_epoch", "q_weights")


def _of_fit(results: Results, detector: str) -> Stated:
    """What one fit's score file, and the record beside it, say."""
    file = ScoreFile(results.paths, results.params, detector, FIT)
    about, table = score_files.about(file), results.scores(detector, FIT)
    source = results.paths.relative(file.path)
    usable = table.loc[(table["split"] == TEST) & (table["status"] == OK)]
    fakes, reals = (usable.loc[usable["label"] == label] for label in (1, 0))
    top = reals.nlargest(1, "score")
    yield "q_score", (_named(fakes.nsmallest(1, "score")), source)
    yield "q_real", (_named(top), source)
    yield "q_missed", (f"{sum(fakes['score'] <= top['score'].max()):,} of {len(fakes):,}", source)
    yield "q_epoch", (str(about.get("best_epoch", "")), source)
    yield "q_weights", (", ".join(str(one)[:HASH] for one in about.get("weights_sha256", ())), source)


def _named(rows: pd.DataFrame) -> str:
    return "".join(f"{clip} ({score:.4f})" for clip, score in zip(rows["clip"], rows["score"], strict=True))


def _compared(results: Results) -> pd.DataFrame:
    return vouched.cells(results.paths, results.params, results.paths.comparisons, COMPARISON_COLUMNS)


def _checklist(results: Results) -> Stated:
    cells, paths = results.cells, results.paths
    valued = cells.dropna(subset="value")
    bounded = valued[["lo", "hi"]].notna().all(axis=1)
    yield "with_interval", (f"{int(np.count_nonzero(bounded)):,} of {len(valued):,}", CELLS)
    yield "with_training_luck", (f"{int(np.count_nonzero(cells['n_seeds'].to_numpy() > 1)):,} of {len(cells):,}", CELLS)
    yield "n_compared", (f"{len(_compared(results)):,}", COMPARISONS)
    yield "n_claims", (str(len(ledger.read(paths.claims))), CLAIMS)
    shared = [one for kinds in vouched.leakage(paths, results.params)["protocols"].values() for one in kinds.values()]
    promised = [one for one in shared if one["promised"]]
    yield "promises_kept", (f"{sum(not one['count'] for one in promised)} of {len(promised)}", LEAKAGE)
    records: list[dict[str, Any]] = [read_json(file) for file in sorted((paths.results / "scores").glob("*/*.json"))]
    told = sum(all(key in record for key in ("made_by", "fit_made_by", "weights_sha256")) for record in records)
    yield "scores_with_origin", (f"{told} of {len(records)}", SCORES)


def _times(results: Results) -> Stated:
    """What benchmarks/commands.py measured, by the name that it was given there."""
    file = results.paths.root / TIMES
    rows = read_csv(file, TIME_COLUMNS).to_dict("records") if file.is_file() else []
    known = {row["name"]: row for row in rows}
    for name in TIMED:
        row = known.get(name)
        yield f"time_{name}", (_duration(row["seconds"]) if row else "", TIMES)
        for what in ("memory", "written"):
            yield f"{what}_{name}", (f"{row[f'{what}_mb']:,.0f} MB" if row else "", TIMES)
    yield "timed_on", ("; ".join(sorted({f"{row['cores']} cores, {row['processor']}" for row in rows})), TIMES)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
