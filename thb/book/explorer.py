"""`{explorer}`: every tested clip's score within the page, where a reader chooses a threshold and sees what follows.

What is computed there (book/_static/explorer.js) is defined as in thb.core.metrics, of the clips of thb.cells.trials.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from thb.book import frames
from thb.cells.questions import SHIFTS
from thb.cells.trials import tested
from thb.core.decimals import COARSE, NONE, UNRESOLVABLE
from thb.core.errors import ThbError
from thb.core.metrics import AUC
from thb.core.metrics import COARSE as FEW
from thb.core.paths import find_root
from thb.core.words import corpus_line
from thb.report.load import Results, open_results
from thb.splits import protocols

DIGITS = range(4, 11)  # decimals that a score may have in the page, of the ten significant digits of a score file


class Explorer(SphinxDirective):
    """See this module's docstring; it takes no argument."""

    def run(self) -> list[nodes.Node]:
        try:
            html = render(open_results(find_root(Path(self.env.srcdir))))
        except ThbError as fault:
            raise self.error(str(fault)) from None
        return [nodes.raw("", html, format="html")]


def render(results: Results) -> str:
    """The HTML of the explorer with its data; a sentence where no fit has scored both reals and fakes.

    Raises DataError for scores that cells.csv was not computed from.
    """
    return _TEMPLATE.render(data=data(results), corpus=corpus_line(results.params))


def data(results: Results) -> dict[str, Any]:
    """What the page knows: names, groups of clips, a score a clip and fit, the cells' intervals, and where to start.

    trials: protocol -> generator -> the fit that is tested, and the groups that reals and fakes are. Trials that are
    averaged over several fits have no one threshold and are left out.
    scores: detector -> fit -> group -> a score for each clip of `groups`, null where the clip could not be scored.
    frames: a frame of each clip, as thb.book.frames has them, null where none may be shown.
    """
    params, sides = results.params, list(_sides(results))
    clips: dict[str, set[str]] = {}
    fits: dict[tuple[str, str], dict[str, pd.Series]] = {}
    trials: dict[str, dict[str, dict[str, str]]] = {}
    for one in sides:
        clips.setdefault(one.group, set()).update(one.scores.index)
        fits.setdefault((one.detector, one.fit), {})[one.group] = one.scores
        trial = trials.setdefault(one.protocol, {}).setdefault(one.generator, {"fit": one.fit})
        trial[one.side] = one.group
    groups = {group: sorted(names) for group, names in sorted(clips.items())}
    scores: dict[str, dict[str, dict[str, list]]] = {}
    for (detector, fit), own in fits.items():
        places = _places(np.concatenate(list(own.values())))
        scores.setdefault(detector, {})[fit] = {
            group: [None if pd.isna(s) else round(s, places) for s in one.reindex(groups[group])]
            for group, one in own.items()
        }
    generators = dict.fromkeys(one.generator for one in sides)
    return {
        "detectors": {e.key: {"label": e.label, "control": e.control} for e in results.entrants if e.key in scores},
        "protocols": {name: f"{name}: {params.protocols[name].title}" for name in trials},
        "generators": {name: results.label(name) for name in generators},
        "rates": params.metrics.fpr,
        "roc": params.metrics.roc,
        "confidence": params.metrics.confidence,
        "marks": {"none": NONE, "untold": UNRESOLVABLE, FEW: COARSE},
        "groups": groups,
        "frames": frames.sheet(results, [*params.of_role("real"), *generators], groups),
        "scores": scores,
        "trials": trials,
        "cells": _cells(results, trials),
        "start": _start(results, trials, scores),
    }


class Side(NamedTuple):
    """The reals or the fakes of one trial: the name of that group of clips, and a detector's scores by clip."""

    protocol: str
    generator: str
    fit: str
    detector: str
    side: str
    group: str
    scores: pd.Series


def _sides(results: Results) -> Iterator[Side]:
    """Both sides of every trial of one fit and every detector that scored both."""
    tables: dict[tuple[str, str], pd.DataFrame] = {}
    for trial in (one for one in protocols.trials(results.params) if len(one.fits) == 1):
        protocol, (fit,) = results.params.protocols[trial.protocol], trial.fits
        for detector in (name for name in results.params.detectors if f"{name}/{fit}" not in results.absent):
            if (detector, fit) not in tables:
                tables[detector, fit] = results.scores(detector, fit)
            reals, fakes = tested(tables[detector, fit], protocol, trial.generator)
            if len(reals) and len(fakes):
                where = trial.protocol, trial.generator, fit, detector
                yield Side(*where, "reals", " ".join(["real", *protocol.reals]), _by_clip(reals))
                yield Side(*where, "fakes", " ".join([trial.generator, *protocol.split]), _by_clip(fakes))


def _by_clip(rows: pd.DataFrame) -> pd.Series:
    return pd.Series(rows["score"].to_numpy(float), rows["clip"].to_list())


def _places(scores: np.ndarray) -> int:
    """To how many decimals scores can be rounded without two of them becoming one."""
    distinct = len(np.unique(scores))
    return next((n for n in DIGITS if len(np.unique(scores.round(n))) == distinct), DIGITS[-1])


def _cells(results: Results, trials: dict) -> dict[str, dict[str, list]]:
    """'protocol generator detector' -> metric -> lo, hi, how well it is resolved, and the printed value or null."""
    shown = results.cells.loc[results.cells["metric"].isin([AUC, *results.params.metrics.fpr])]
    found: dict[str, dict[str, list]] = {}
    for row in shown.loc[shown["n_fake"] > 0].to_dict("records"):
        if row["generator"] in trials.get(row["protocol"], {}):
            numbers = [None if pd.isna(row[end]) else round(row[end], 4) for end in ("lo", "hi", "printed")]
            own = found.setdefault(" ".join(row[key] for key in ("protocol", "generator", "detector")), {})
            own[row["metric"]] = [*numbers, row["resolvable"] or "untold"]
    return found


def _start(results: Results, trials: dict, scores: dict) -> dict[str, Any] | None:
    """The first view: the paper's hardest shift, the two detectors that stand it best, what the better misses most."""
    (metric, rate), *_ = results.params.metrics.fpr.items()
    cells = results.cells.loc[(results.cells["metric"] == metric) & (results.cells["n_fake"] > 0)]
    cells = cells.loc[cells["protocol"].isin(trials) & cells["detector"].isin(scores)]
    controls = [e.key for e in results.entrants if e.control]
    for preferred in (cells["protocol"] == SHIFTS[-1], ~cells["detector"].isin(controls)):
        cells = cells.loc[preferred.loc[cells.index]] if preferred.loc[cells.index].any() else cells
    if cells.empty:
        return None
    cells = cells.loc[cells["protocol"] == cells["protocol"].iloc[0]]
    best, *others = (
        cells.groupby("detector", sort=False)["value"].mean().sort_values(ascending=False, kind="stable").index
    )
    own = cells.loc[cells["detector"] == best]
    generator = own.loc[own["value"].idxmin(), "generator"]
    chosen = {"detector": best, "protocol": own["protocol"].iloc[0], "generator": generator}
    return chosen | {"second": others[0] if others else "", "rate": rate}


_ENVIRONMENT = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
_ENVIRONMENT.policies["json.dumps_kwargs"] = {"separators": (",", ":")}  # in the order of params.yaml, without spaces
_TEMPLATE = _ENVIRONMENT.from_string(Path(__file__).with_suffix(".html.j2").read_text(encoding="utf-8"))
