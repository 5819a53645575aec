"""Sure hits that become misses, counted: every detector on every generator, the printed counts beside ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from numbers import Real
from statistics import NormalDist

import pandas as pd

from thb.cells.trials import tested
from thb.core import metrics
from thb.core.errors import DataError, ParamsError, unknown
from thb.core.tables import read_csv
from thb.report import vouched
from thb.report.load import MEAN, Entrant, Results
from thb.splits import protocols

BEFORE, AFTER, SURE, THRESHOLD = "P1", "P3", 0.9, 0.5
PRINTED = ("P1", "P3", 0.9)  # what the paper's table compares, and how sure; its own threshold it does not say
PRINTED_COLUMNS = ["detector", "generator", "tps_p1", "fns_p3", "drop_pct"]
COLUMNS = [
    "detector",
    "control",
    "generator",
    "before",
    "after",
    "sure",
    "threshold",
    "resolvable",
    "n_fake",
    "sure_hits",
    "people",
    "misses",
    "drop_percent",
    "lo",
    "hi",
    "printed_sure_hits",
    "printed_misses",
    "printed_drop_percent",
]
NAN = float("nan")
Scores = Callable[[str], pd.DataFrame]  # fit -> the score file of one detector


def transitions(
    results: Results, before: str = BEFORE, after: str = AFTER, sure: float = SURE, threshold: float | str = THRESHOLD
) -> pd.DataFrame:
    """COLUMNS: every entrant with every generator that both protocols test, and all of these together (mean)."""
    generators = _shared(results, before, after)
    _check(results, sure, threshold)
    asked = (before, after, sure, threshold)
    printed = _printed(results) if (before, after, sure) == PRINTED else {}
    rows = [row for entrant in results.entrants for row in _of(results, entrant, generators, asked, printed)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shared(results: Results, before: str, after: str) -> list[str]:
    """The generators that both protocols test, refused unless they test the same clips, each with one fit."""
    first, second = results.protocol(before), results.protocol(after)
    for name, protocol in ((before, first), (after, second)):
        if protocol.fit == "every-no":
            raise ParamsError(
                f"{name} gives a clip several scores; hits and misses need a protocol with one: "
                f"{', '.join(n for n, p in results.params.protocols.items() if p.fit != 'every-no')}"
            )
    shared = [g for g in results.generators(before) if g in results.generators(after)]
    if not shared or sorted(first.split) != sorted(second.split):
        raise ParamsError(
            f"{before} and {after} test different clips; {before} shares its clips with: "
            f"{', '.join(_partners(results, before)) or 'none'}"
        )
    return shared


def _partners(results: Results, before: str) -> list[str]:
    first = results.protocol(before)
    return [
        n
        for n, p in results.params.protocols.items()
        if n != before
        and p.fit != "every-no"
        and set(p.fakes) & set(first.fakes)
        and sorted(p.split) == sorted(first.split)
    ]


def _check(results: Results, sure: float, threshold: float | str) -> None:
    rates = results.params.metrics.fpr
    if not is_score(sure):
        raise ParamsError(unknown("sure", sure, ["a score from 0 to 1"]))
    if not is_score(threshold) and threshold not in rates:
        raise ParamsError(unknown("threshold", threshold, ["a score from 0 to 1", *rates]))


def is_score(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= value <= 1


def _of(results: Results, entrant: Entrant, generators: list[str], asked: tuple, printed: dict) -> list[dict]:
    """One entrant's rows: a generator each, then all together."""
    scores = cache(lambda fit: vouched.scores(results.paths, results.params, entrant.key, fit))
    joined = {g: _joined(results, scores, g, asked) for g in generators} if entrant.key else {}
    theirs = [printed.get((entrant.printed, results.label(g)), (NAN, NAN, NAN)) for g in generators]
    head = {
        "detector": entrant.label,
        "control": entrant.control,
        **dict(zip(("before", "after", "sure", "threshold"), asked, strict=True)),
    }
    rows = [
        head | {"generator": g} | _counted(results, joined.get(g), asked) | _beside(one)
        for g, one in zip(generators, theirs, strict=True)
    ]
    every = pd.concat(joined.values()) if joined else None
    return [*rows, head | {"generator": MEAN} | _counted(results, every, asked) | _beside(_together(theirs))]


def _joined(results: Results, scores: Scores, generator: str, asked: tuple) -> pd.DataFrame:
    """A row per fake: its scores under both protocols, the person it shows, and the threshold after."""
    before, after, _, threshold = asked
    (first, _), (second, reals) = (_scored(results, scores, p, generator) for p in (before, after))
    if off := sorted(set(first.index) ^ set(second.index)):
        raise DataError(f"clip {off[0]} is scored under only one of {before} and {after}; run `dvc repro`")
    limit = threshold if is_score(threshold) else _limit(results, threshold, reals, second)
    return pd.DataFrame(
        {
            "before": first["score"],
            "after": second["score"],
            "person": protocols.identity(first.reset_index()).set_axis(first.index),
            "limit": limit,
        }
    )


def _scored(results: Results, scores: Scores, name: str, generator: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scored fakes, by clip, and reals that a protocol tests with one generator."""
    protocol = results.params.protocols[name]
    (fit,) = protocols.fits_of(protocol, generator, list(results.params.generators))
    reals, fakes = tested(scores(fit), protocol, generator)
    return fakes.set_index("clip"), reals


def _limit(results: Results, rate: str, reals: pd.DataFrame, fakes: pd.DataFrame) -> float:
    """The threshold of a rate on these reals; nan where they are too few to tell it."""
    if fakes.empty:
        return NAN
    both = pd.concat([reals, fakes])
    found = metrics.tpr_at_fpr(both["label"].to_numpy(), both["score"].to_numpy(), results.params.metrics.fpr[rate])
    return found.threshold if found.resolvable else NAN


def _counted(results: Results, clips: pd.DataFrame | None, asked: tuple) -> dict:
    """Counts of one cell and its drop, with an interval in which each person counts once."""
    if clips is None:
        clips = pd.DataFrame({"before": [], "after": [], "person": [], "limit": []})
    hits = clips[clips["before"] >= asked[2]]
    told, people = bool(clips["limit"].notna().all()), hits["person"].nunique()
    misses = int((hits["after"] < hits["limit"]).sum()) if told else NAN
    share = misses / len(hits) if len(hits) else NAN
    lo, hi = wilson(share, people, results.params.metrics.confidence)
    return {
        "resolvable": told,
        "n_fake": len(clips),
        "sure_hits": len(hits),
        "people": people,
        "misses": misses,
        "drop_percent": 100 * share,
        "lo": 100 * lo,
        "hi": 100 * hi,
    }


def wilson(share: float, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share of n; not of no width where all or none are counted, as a bootstrap's is."""
    if not n or math.isnan(share):
        return NAN, NAN
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre, scale = share + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return round(max(0.0, (centre - half) / scale), 9), round(min(1.0, (centre + half) / scale), 9)


def _printed(results: Results) -> dict[tuple[str, str], tuple[float, float, float]]:
    """(detector, generator) as printed -> sure hits, misses, drop in per cent."""
    table = read_csv(results.paths.published / "table8_tp_to_fn.csv", PRINTED_COLUMNS)
    return {tuple(row[:2]): tuple(map(float, row[2:])) for row in table.itertuples(index=False)}


def _together(theirs: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The printed counts of all generators; nan unless the paper prints each."""
    hits, misses = (sum(one[i] for one in theirs) for i in (0, 1))
    return hits, misses, 100 * misses / hits


def _beside(printed: tuple[float, float, float]) -> dict:
    return dict(zip(("printed_sure_hits", "printed_misses", "printed_drop_percent"), printed, strict=True))
