"""What heat maps say: shares of heat against shares of the picture, and whether maps point at faults.

Everywhere people are resampled, not clips, and two sides of a difference are of the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE, judge
from thb.cells.questions import MEAN
from thb.cells.trials import drawn_as
from thb.core import metrics
from thb.core.errors import check_known
from thb.core.params import Params
from thb.core.tables import REGIONS
from thb.splits import protocols

MASS, AREA = ([f"{kind}_{region}" for region in REGIONS] for kind in ("mass", "area"))
ONE_FIT = ("all", "no-generator")  # protocols with one fit a generator; others are not explained
Clips = Mapping[str, pd.DataFrame]  # detector -> CAM_COLUMNS

BY, REALS = ("protocol", "generator"), "reals"
MEASURES = ("mass", "area", "focus", "difference")
MORE, LESS, AS_LARGE = "above its area", "below its area", "as its area"
MARKS = {MORE: "▲", LESS: "▼", AS_LARGE: "="}  # beside a share of the heat
ATTENTION_COLUMNS = [
    "detector",
    "protocol",
    "group",
    "region",
    *MEASURES,
    *(f"{m}_{end}" for m in MEASURES for end in ("lo", "hi")),
    "verdict",
    "clips",
    "cold",
]

CENTRE, CHANCE, HEAT = "pointing, centre", "pointing, chance", "heat on faults, area"
SANITY_FIT, SANITY = "all", "sanity"  # the fit whose maps are compared with those of random weights
# measure -> (column of clips.csv, the column that it must beat)
AGAINST = {
    CENTRE: ("pointed", "centre_pointed"),
    CHANCE: ("pointed", "random_pointed"),
    HEAT: ("fault_mass", "fault_area"),
}
POINTING_COLUMNS = [
    "detector",
    "protocol",
    "generator",
    "measure",
    "value",
    "lo",
    "hi",
    "baseline",
    "difference",
    "difference_lo",
    "difference_hi",
    "clips",
    "without",
    "verdict",
]
BETTER, NOT_BETTER = "better than both", "not better than both"
HOTTER, NOT_HOTTER = "more than their area", "no more than their area"
CHANGES, HARDLY, ALIKE = "the map changes", "the map hardly changes", 0.5


def explained(params: Params, names: Sequence[str]) -> list[str]:
    """The protocols named; ParamsError where a score is a mean over several fits, each with a map of its own."""
    known = [name for name, protocol in params.protocols.items() if protocol.fit in ONE_FIT]
    check_known("explained protocol", names, known)
    return list(names)


# ── Regions ──────────────────────────────────────────────────────────────────────────────────────


def attention(params: Params, clips: Clips, names: Sequence[str], by: str = "protocol") -> pd.DataFrame:
    """ATTENTION_COLUMNS: detector x protocol x (mean of fakes, reals; or each generator) x region.

    Raises ParamsError for an unknown `by` or a protocol that is not explained.
    """
    check_known("by", [by], BY)
    names = explained(params, names)
    rows = [
        {"detector": detector, "protocol": name, "group": group, **row}
        for detector, own in clips.items()
        for name in names
        for group, measured in _groups(params, own, name, by)
        for row in _regions(params, measured)
    ]
    return pd.DataFrame(rows, columns=ATTENTION_COLUMNS)


def _groups(params: Params, clips: pd.DataFrame, name: str, by: str) -> Iterator[tuple[str, dict]]:
    """(mean, reals or a generator, what was measured of its clips)."""
    generators = params.of_role(*params.protocols[name].fakes)
    own = {g: shares_of(params, fakes_of(params, clips, name, g)) for g in generators}
    if by == "generator":
        yield from own.items()
        return
    yield MEAN, _averaged(list(own.values()), sum)
    fits = {_fit(params, name, g): g for g in generators}
    yield REALS, _averaged([shares_of(params, reals_of(params, clips, name, g)) for g in fits.values()], max)


def shares_of(params: Params, clips: pd.DataFrame) -> dict:
    """Replicates [1 + bootstrap, regions] of mass and area; a clip without heat has no shares and is counted apart."""
    warm = clips.loc[clips[MASS].notna().all(axis=1)]
    mass, area = np.split(replicates_of(params, warm, [*MASS, *AREA]), 2, axis=1)
    return {"mass": mass, "area": area, "clips": len(clips), "cold": len(clips) - len(warm)}


def _averaged(measured: list[dict], count: Callable) -> dict:
    """The mean over generators, whose clips add up, or over fits, which share their clips; none without heat."""
    known = [m for m in measured if m["clips"] > m["cold"]] or measured[:1]
    return {
        **{k: np.mean([m[k] for m in known], axis=0) for k in ("mass", "area")},
        **{k: count(m[k] for m in measured) for k in ("clips", "cold")},
    }


def _regions(params: Params, measured: dict) -> Iterator[dict]:
    mass, area = measured["mass"], measured["area"]
    focus = np.divide(mass, area, out=np.full_like(mass, np.nan), where=area > 0)
    for i, region in enumerate(REGIONS):
        row = {"region": region, "clips": measured["clips"], "cold": measured["cold"]}
        for name, values in zip(MEASURES, (mass, area, focus, mass - area), strict=True):
            row |= _bounds(params, values[:, i], name, f"{name}_lo", f"{name}_hi")
        yield row | {"verdict": leaning(row["difference_lo"], row["difference_hi"])}


def leaning(lo: float, hi: float) -> str:
    """Judged by the interval of mass minus area: whether it lies above 0, below it, or holds it."""
    if np.isnan([lo, hi]).any():
        return INCONCLUSIVE
    return {ABOVE: MORE, BELOW: LESS, INCONCLUSIVE: AS_LARGE}[judge(lo, hi)]


# ── Pointing ─────────────────────────────────────────────────────────────────────────────────────


def pointing(params: Params, clips: Clips, checked: Clips, names: Sequence[str]) -> pd.DataFrame:
    """POINTING_COLUMNS: detector x protocol x (generator, mean) x measure, and the sanity check of each detector.

    `checked`: detector -> SANITY_COLUMNS. Raises ParamsError for a protocol that is not explained.
    """
    names, rows = explained(params, names), []
    for detector, own in clips.items():
        pointed = [row for name in names for row in _judged(list(_pointed(params, own, name)))]
        rows += [{"detector": detector, **row} for row in (*pointed, _sanity(params, own, checked[detector]))]
    return pd.DataFrame(rows, columns=POINTING_COLUMNS)


def _pointed(params: Params, clips: pd.DataFrame, name: str) -> Iterator[dict]:
    """A row a generator and measure, and a measure of the mean over generators."""
    own = {g: fakes_of(params, clips, name, g) for g in params.of_role(*params.protocols[name].fakes)}
    for measure, columns in AGAINST.items():
        known = {g: fakes.loc[fakes[list(columns)].notna().all(axis=1)] for g, fakes in own.items()}
        found = {g: replicates_of(params, rows, columns) for g, rows in known.items()}
        counts = {g: (len(rows), len(own[g]) - len(rows)) for g, rows in known.items()}
        found[MEAN] = np.mean([found[g] for g in known if counts[g][0]] or list(found.values()), axis=0)
        total, without = map(sum, zip(*counts.values(), strict=True))
        counts[MEAN] = total, without
        for generator, replicates in found.items():
            value, baseline = replicates.T
            yield {
                "protocol": name,
                "generator": generator,
                "measure": measure,
                **_bounds(params, value, "value", "lo", "hi"),
                **_bounds(params, value - baseline, "difference", "difference_lo", "difference_hi"),
                "baseline": float(baseline[0]),
                **dict(zip(("clips", "without"), counts[generator], strict=True)),
            }


def _judged(rows: list[dict]) -> Iterator[dict]:
    """The rows with their verdict: pointing must beat both of its baselines, heat its one."""
    ends = {(row["generator"], row["measure"]): row["difference_lo"] for row in rows}
    for row in rows:
        heat = row["measure"] == HEAT
        lowest = [ends[row["generator"], m] for m in ((HEAT,) if heat else (CENTRE, CHANCE))]
        better, not_better = (HOTTER, NOT_HOTTER) if heat else (BETTER, NOT_BETTER)
        yield row | {"verdict": INCONCLUSIVE if np.isnan(lowest).any() else better if min(lowest) > 0 else not_better}


def _sanity(params: Params, clips: pd.DataFrame, checked: pd.DataFrame) -> dict:
    """How alike maps are before and after training: mean |rank correlation|, constant maps left out.

    The map changes if the whole interval of likeness lies below ALIKE.
    """
    people = clips.loc[clips["fit"] == SANITY_FIT, ["clip", "portrait", "video"]]
    joined = checked.merge(people, on="clip", how="left").fillna({"portrait": "", "video": ""})
    known = joined[joined["empty"] == 0].assign(alike=lambda rows: rows["rank_correlation"].abs())
    row = _bounds(params, replicates_of(params, known, ["alike"])[:, 0], "value", "lo", "hi")
    return {
        "protocol": "",
        "generator": "",
        "measure": SANITY,
        **row,
        "clips": len(known),
        "without": len(joined) - len(known),
        "verdict": INCONCLUSIVE if np.isnan(row["hi"]) else CHANGES if row["hi"] < ALIKE else HARDLY,
    }


# ── Clips and draws ──────────────────────────────────────────────────────────────────────────────


def _fit(params: Params, name: str, generator: str) -> str:
    """The one fit that an explained protocol tests on a generator."""
    (fit,) = protocols.fits_of(params.protocols[name], generator, list(params.generators))
    return fit


def fakes_of(params: Params, clips: pd.DataFrame, name: str, generator: str) -> pd.DataFrame:
    """The explained fakes of one generator under one protocol."""
    mask = protocols.fakes(clips, params.protocols[name], generator)
    return clips.loc[mask & (clips["fit"] == _fit(params, name, generator))]


def reals_of(params: Params, clips: pd.DataFrame, name: str, generator: str) -> pd.DataFrame:
    """The explained reals under the fit that this generator is tested on."""
    return clips.loc[protocols.reals(clips, params.protocols[name]) & (clips["fit"] == _fit(params, name, generator))]


def replicates_of(params: Params, clips: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """float [1 + bootstrap, columns]: means over these clips, then over resamples of the people in them; nan if none.

    The same people are drawn for every column, so differences between columns are paired.
    """
    m = params.metrics
    if clips.empty:
        return np.full((1 + m.bootstrap, len(columns)), np.nan)
    weights = np.array(metrics.resamples(drawn_as(clips), m.bootstrap, m.seed))
    return weights.T @ clips[list(columns)].to_numpy(float) / weights.sum(axis=0)[:, None]


def _bounds(params: Params, values: np.ndarray, *names: str) -> dict[str, float]:
    """Under these names the value, and the ends of its interval, of replicates [1 + bootstrap]."""
    return dict(zip(names, (float(values[0]), *metrics.interval(values[1:], params.metrics.confidence)), strict=True))
