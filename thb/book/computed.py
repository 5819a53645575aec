"""Small tables of the prose that no file holds as they stand: each function returns rows and where they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pandas as pd
from markupsafe import Markup

from thb.cells.claims import one_detector
from thb.core.errors import DataError
from thb.core.metrics import AUC
from thb.core.tables import read_csv
from thb.core.words import text
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.report.cell import Cell, plain
from thb.report.load import Entrant, Results
from thb.status import cost as costs
from thb.status.full_size import RATES, measured
from thb.submitted import compared
from thb.submitted.compared import outside

COUNTS, TABLE4 = "paper/published/release_counts.csv", "paper/published/table4_stats.csv"
COVERAGE = "benchmarks/coverage.csv"
COST_RECORDS = f"{costs.STAGES}, runs, dvc.lock"
NEIGHBOURS = "paper/neighbours.csv"
MARKS = {  # its columns of yes, in part, no or nothing -> what a dataset does that has a yes there
    "whole_heads": "generates whole heads",
    "sound": "has sound",
    "inspected": "clips were looked at",
    "unseen_generator": "tests on unseen generators",
    "person_and_generator": "tests on both, unseen people and generators",
}
ITSELF = "itself"  # in column `compared`: the dataset that the others are compared with
FIT = "all"  # the fit that a card tells of


def model_cards(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a detector: what was run, what it started from, what it learnt from, and its mean AUC."""
    rows = [_card(results, entrant) for entrant in results.entrants if entrant.key]
    return pd.DataFrame(rows), "params.yaml, results/metrics.json, results/scores"


def _card(results: Results, entrant: Entrant) -> dict[str, Any]:
    detector = entrant.key or ""
    published = results.params.detectors[detector].parameters
    about = score_files.about(ScoreFile(results.paths, results.params, detector, FIT))
    means = {protocol: results.mean(protocol, detector, AUC) for protocol in ("P1", "P3")}
    return {
        "detector": f"{entrant.label} (control)" if entrant.control else entrant.label,
        "control": entrant.control,
        "parameters": _size(about.get("parameters"), about.get("trainable")) if published else "",
        "published": _size(published.total, published.trainable) if published else "",
        "started": _start(results.params.detector(detector)) if published else "",
        "learnt": _learnt(about),
        **{p: one["value"] for p, one in means.items()},
        **{f"{p}_{end}": one[end] for p, one in means.items() for end in ("lo", "hi")},
    }


def _size(total: int | None, trained: int | None) -> str:
    if total is None or trained is None:
        return ""
    return f"{total:,}" if trained == total else f"{total:,}, {trained:,} of them trained"


def _learnt(about: dict[str, Any]) -> str:
    """How many clips the fit on every generator saw, and what ended it; scores from elsewhere need not say."""
    if "clips" not in about:
        return "not said by who scored the clips"
    ended = f"; {about['epochs']} epochs, stopped by {about['stopped_by']}" if "stopped_by" in about else ""
    return f"{about['clips']['train']:,} clips; {about['clips']['val']:,} more chose the checkpoint{ended}"


def _start(settings: dict[str, Any]) -> Markup:
    """Where a detector's weights come from before its fits."""
    weights = settings.get("init_weights", "none")
    first = Markup("random weights") if weights == "none" else Markup(f"<code>{text(weights)}</code>")
    return first + ", then the fit on face swaps" if settings.get("start_from") == "ffpp" else first


def release_counts(results: Results) -> tuple[pd.DataFrame, str]:
    """How many clips of each source there are: Table 4's, and those that were released."""
    released = read_csv(results.paths.root / COUNTS, ["source", "clips", "when", "from"])
    printed = read_csv(results.paths.root / TABLE4, ["generator", "train", "test"])
    rows = released.merge(printed, how="left", left_on="source", right_on="generator")
    return rows.astype({"train": "Int64", "test": "Int64"}), f"{COUNTS}, {TABLE4}"


def full_size(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a machine and network, as benchmarks/on_gpu.py measured them: words, and numbers as that prints them."""
    rows = measured(results.paths.root)
    whole = ("batch", "step", "alone", "plain", "free", "published", "memory", "scored")
    shown = {name: rows[name].map("{:,.0f}".format, na_action="ignore") for name in whole}
    shares = {name: rows[name].map("{:.0%}".format, na_action="ignore") for name in ("share", "idle")}
    return rows.assign(**shown, **shares), RATES


def coverage(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a metric and simulated setting, whose name says what was tested; the share of intervals with the truth."""
    columns = ["what", "reals", "fakes", "people", "spread", "metric", "true_auc", "covered", "runs"]
    rows = read_csv(results.paths.root / COVERAGE, columns)
    spread = {"equal": "spread equal", "fakes twice": "fakes twice as wide"}
    setting = [
        f"{r['what']}, {r['reals']} + {r['fakes']}, people {r['people']}, {spread[r['spread']]}"
        for r in rows.to_dict("records")
    ]
    return rows.assign(setting=setting), COVERAGE


def coverage_least(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a metric and kind of number: where its intervals held the truth least often, of how many settings."""
    rows, name = coverage(results)
    by = rows.groupby(["metric", "what"], sort=False)["covered"]
    least = rows.loc[by.idxmin()].assign(settings=by.size().to_list())
    least = least.assign(at=least["true_auc"].map("{:g}".format), least=least["covered"].map("{:.3f}".format))
    return least.astype({"runs": str, "settings": str}), name


def alone(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a mark of paper/neighbours.csv that the paper's own dataset has, and one for all: how many others have it.

    `all` is yes where every mark is, and no or in part where one is that. Raises DataError for a word that is no mark.
    """
    rows = read_csv(results.paths.root / NEIGHBOURS, ["dataset", "compared", *MARKS]).fillna("")
    marks = rows[list(MARKS)]
    if odd := sorted(set(marks.to_numpy().ravel()) - {"yes", "in part", "no", ""}):
        raise DataError(f"{NEIGHBOURS} says {odd[0]!r} where only yes, in part, no or nothing may stand")
    least = marks.apply(lambda row: next((word for word in ("no", "in part", "") if word in set(row)), "yes"), axis=1)
    own, out = rows["compared"] == ITSELF, []
    for name, words in {**MARKS, "all": "all of these"}.items():
        column = least if name == "all" else marks[name]
        if set(column[own]) == {"yes"}:
            others = Counter(column[~own])
            answers = {"n_yes": "yes", "n_in_part": "in part", "n_no": "no", "n_unknown": ""}
            counts = {key: others[word] for key, word in answers.items()}
            out.append({"what": words, **counts, "alone": "shared" if counts["n_yes"] else "alone, as far as known"})
    return pd.DataFrame(out), NEIGHBOURS


def submitted(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a submitted detector: the clips that each fit was scored on, its mean AUC, and what is said of it."""
    rows = []
    for name in sorted(outside(results.params)):
        scored = compared.coverage(results.paths, results.params, name)
        said = compared.about(results.paths, name).meta
        means = {protocol: results.mean(protocol, name, AUC) for protocol in ("P1", "P3")}
        rows.append(
            {
                "detector": name,
                "scored": "; ".join(f"{fit}: {n:,} of {of:,} clips" for fit, (n, of) in scored.items()),
                **{protocol: one["value"] for protocol, one in means.items()},
                **{f"{protocol}_{end}": one[end] for protocol, one in means.items() for end in ("lo", "hi")},
                "said": "; ".join(f"{key}: {value}" for key, value in said.items()),
            }
        )
    columns = ["detector", "scored", "P1", "P1_lo", "P1_hi", "P3", "P3_lo", "P3_hi", "said"]
    return pd.DataFrame(rows, columns=columns), "results/scores, results/metrics.json"


def claims_alone(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a submitted detector and statement of the paper about any detector, with the verdict on that one alone."""
    paths, params = results.paths, results.params
    told = [
        one_detector.judged(params, paths, results.cells, results.verdicts, name) for name in sorted(outside(params))
    ]
    rows = pd.concat(told) if told else pd.DataFrame(columns=one_detector.COLUMNS)
    reading = rows["reading"].map("; {}".format).where(rows["reading"] != "", "")
    return rows.assign(claim=rows["id"] + reading + ": " + rows["claim"]), "paper/claims.yaml, results/cells.csv"


def cost(results: Results) -> tuple[pd.DataFrame, str]:
    """What the paper says of cost beside what the records here say."""
    return costs.beside_printed(results.paths, results.params), f"{costs.PRINTED}, {COST_RECORDS}"


def cost_fits(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a fit whose record lies here."""
    return _amounts(costs.fits(results.paths, results.params)), COST_RECORDS


def cost_stages(results: Results) -> tuple[pd.DataFrame, str]:
    """A row a kind of stage in dvc.lock."""
    return _amounts(costs.stages(results.paths, results.params)), COST_RECORDS


def _amounts(rows: pd.DataFrame) -> pd.DataFrame:
    """The same with minutes to a tenth and whole megabytes, as cells that sort by the number."""
    shown = {"minutes": "{:,.1f}", "processor_minutes": "{:,.1f}", "memory_mb": "{:,.0f}", "disk_mb": "{:,.1f}"}
    cells = {
        name: [plain(None) if pd.isna(value) else Cell(how.format(value), float(value)) for value in rows[name]]
        for name, how in shown.items()
    }
    return rows.assign(**cells)


TABLES: dict[str, Callable[[Results], tuple[pd.DataFrame, str]]] = {
    "model_cards": model_cards,
    "release_counts": release_counts,
    "full_size": full_size,
    "coverage": coverage,
    "coverage_least": coverage_least,
    "alone": alone,
    "submitted": submitted,
    "claims_alone": claims_alone,
    "cost": cost,
    "cost_fits": cost_fits,
    "cost_stages": cost_stages,
}
