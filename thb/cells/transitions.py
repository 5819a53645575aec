"""Sure hits that become misses, counted of the same clips under two protocols, and the printed counts (Table 8)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import pandas as pd

from thb.cells.questions import MEAN
from thb.cells.trials import tested
from thb.core import metrics
from thb.core.errors import DataError, ParamsError, check_known, unknown
from thb.core.params import Params
from thb.core.tables import read_csv
from thb.splits import protocols

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
Scores = Callable[[str], pd.DataFrame]  # fit -> SCORE_COLUMNS of one detector


def lost(
    params: Params, scores: Scores | None, before: str, after: str, sure: float, threshold: float | str
) -> pd.DataFrame:
    """One detector's rows: a generator that both protocols test each, then all of them together (mean).

    Columns as in COLUMNS, from generator to hi; counts of nothing where there are no scores. Raises ParamsError for a
    value that is unknown or protocols that test other clips, DataError for a clip scored under one of both only.
    """
    generators = _shared(params, before, after)
    if not is_score(sure):
        raise ParamsError(unknown("sure", sure, ["a score from 0 to 1"]))
    if not is_score(threshold) and threshold not in params.metrics.fpr:
        raise ParamsError(unknown("threshold", threshold, ["a score from 0 to 1", *params.metrics.fpr]))
    nothing = pd.DataFrame({"before": [], "after": [], "person": [], "limit": []})
    clips = {g: _joined(params, scores, g, before, after, threshold) if scores else nothing for g in generators}
    clips[MEAN] = pd.concat(clips.values())
    asked = {"before": before, "after": after, "sure": sure, "threshold": threshold}
    return pd.DataFrame([{"generator": g, **asked, **_counted(params, own, sure)} for g, own in clips.items()])


def printed(params: Params, published: Path, before: str, after: str, sure: float) -> pd.DataFrame:
    """detector as printed, generator, and the three printed numbers; no row if the paper asks another question.

    A mean over generators is there for a detector of which the paper prints every generator.
    """
    names = ["printed_sure_hits", "printed_misses", "printed_drop_percent"]
    table = read_csv(published / "table8_tp_to_fn.csv", PRINTED_COLUMNS).set_axis(
        ["detector", "generator", *names], axis=1
    )
    keys = {source.printed: key for key, source in params.sources.items()}
    table["generator"] = table.loc[:, "generator"].map(keys)
    table[names] = table[names].astype(float)
    for detector, own in table.groupby("detector", sort=False):
        if set(own["generator"]) >= set(params.generators):
            hits, misses = own[names[:2]].sum()
            table.loc[len(table)] = [detector, MEAN, hits, misses, 100 * misses / hits]
    return table if (before, after, sure) == PRINTED else table.iloc[:0]


def _shared(params: Params, before: str, after: str) -> list[str]:
    """The generators that both protocols test; ParamsError unless they test the same clips, each with one fit."""
    for name in (before, after):
        check_known("protocol", [name], params.protocols)
        if params.protocols[name].fit == "every-no":
            raise ParamsError(
                f"{name} gives a clip several scores; hits and misses need a protocol with one: "
                f"{', '.join(n for n, p in params.protocols.items() if p.fit != 'every-no')}"
            )
    if not _same_clips(params, before, after):
        partners = ", ".join(n for n in params.protocols if n != before and _same_clips(params, before, n)) or "none"
        raise ParamsError(f"{before} and {after} test different clips; {before} shares its clips with: {partners}")
    others = params.of_role(*params.protocols[after].fakes)
    return [g for g in params.of_role(*params.protocols[before].fakes) if g in others]


def _same_clips(params: Params, before: str, after: str) -> bool:
    """Whether two protocols test clips of the same splits, of a generator at least, with one fit each."""
    first, second = params.protocols[before], params.protocols[after]
    shared = set(params.of_role(*first.fakes)) & set(params.of_role(*second.fakes))
    return bool(shared) and second.fit != "every-no" and sorted(first.split) == sorted(second.split)


def is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _joined(
    params: Params, scores: Scores, generator: str, before: str, after: str, threshold: float | str
) -> pd.DataFrame:
    """A row per fake: its scores under both protocols, the person it shows, and the threshold after."""
    (_, first, one), (reals, second, other) = (_scored(params, scores, name, generator) for name in (before, after))
    if one and other and (off := sorted(one ^ other)):
        raise DataError(f"clip {off[0]} is scored under only one of {before} and {after}; run `dvc repro`")
    both = first.index.intersection(second.index)  # of a submitted detector, either may lack a score
    first, second = first.loc[both], second.loc[both]
    limit = threshold if is_score(threshold) else _limit(params, str(threshold), reals, second)
    person = protocols.identity(first.reset_index()).set_axis(first.index)
    return pd.DataFrame({"before": first["score"], "after": second["score"], "person": person, "limit": limit})


def _scored(params: Params, scores: Scores, name: str, generator: str) -> tuple[pd.DataFrame, pd.DataFrame, set[str]]:
    """The scored reals, and fakes by clip, that a protocol tests with one generator; and all fakes that were to be."""
    protocol = params.protocols[name]
    (fit,) = protocols.fits_of(protocol, generator, list(params.generators))
    table = scores(fit)
    reals, fakes = tested(table, protocol, generator)
    return reals, fakes.set_index("clip"), set(table.loc[protocols.fakes(table, protocol, generator), "clip"])


def _limit(params: Params, rate: str, reals: pd.DataFrame, fakes: pd.DataFrame) -> float:
    """The threshold of a rate on these reals; nan where they are too few to tell it."""
    if fakes.empty:
        return NAN
    both = pd.concat([reals, fakes])
    found = metrics.tpr_at_fpr(both["label"].to_numpy(), both["score"].to_numpy(), params.metrics.fpr[rate])
    return found.threshold if found.resolvable else NAN


def _counted(params: Params, clips: pd.DataFrame, sure: float) -> dict:
    """Counts of one cell and its drop, with an interval in which each person counts once."""
    hits = clips.loc[clips["before"] >= sure]
    told, people = bool(clips["limit"].notna().all()), hits["person"].nunique()
    misses = int((hits["after"] < hits["limit"]).sum()) if told else NAN
    share = misses / len(hits) if len(hits) else NAN
    lo, hi = wilson(share, people, params.metrics.confidence)
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
