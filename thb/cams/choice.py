"""Which clips are shown: chosen by their scores under a written rule, never by hand (no torch).

Of the clips that a protocol tests: the fake of highest score and the one of lowest, for each generator; the real of
highest score and the one of lowest, for each fit. Clips of equal score go by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from thb.core import metrics
from thb.core.params import Params, Protocol
from thb.core.tables import OK, PANEL_COLUMNS
from thb.splits import protocols

FAKE_RULES = {"caught_fake": -1, "missed_fake": 0}  # -> place in order of score
REAL_RULES = {"accused_real": -1, "cleared_real": 0}
Scores = Mapping[str, pd.DataFrame]  # fit -> SCORE_COLUMNS


def shown_protocols(params: Params) -> list[str]:
    """Those that test generators on the fit that has seen all of them, or all others."""
    return [name for name, p in params.protocols.items() if p.fakes == ["generator"] and p.fit != "ffpp"]


def choose(params: Params, detector: str, own: Scores, reference: Scores) -> pd.DataFrame:
    """PANEL_COLUMNS of the clips to be shown of one detector, by its own scores and by the reference's."""
    rows = []
    for trial in protocols.trials(params, shown_protocols(params)):
        protocol, fit = params.protocols[trial.protocol], trial.fits[0]
        tested = _tested(own[fit], protocol, [trial.generator])
        about = {"fit": fit, "protocol": trial.protocol, "generator": trial.generator}
        rows += _picked(params, tested, detector, about, FAKE_RULES)
        if detector != params.explain.reference:
            theirs = _tested(reference[fit], protocol, [trial.generator])
            rows += _borrowed(params, tested, theirs.loc[theirs["clip"].isin(tested["clip"])], about)
        if fit != "all":
            rows += _picked(params, tested, detector, about, REAL_RULES)
    for name in shown_protocols(params):
        if params.protocols[name].fit == "all":
            tested = _tested(own["all"], params.protocols[name], list(params.generators))
            rows += _picked(params, tested, detector, {"fit": "all", "protocol": name, "generator": ""}, REAL_RULES)
    return pd.DataFrame(rows, columns=PANEL_COLUMNS)


def _tested(scores: pd.DataFrame, protocol: Protocol, generators: list[str]) -> pd.DataFrame:
    """The scored clips that a protocol tests, in order of score."""
    fakes = [protocols.fakes(scores, protocol, generator) for generator in generators]
    used = (np.any(fakes, axis=0) | protocols.reals(scores, protocol)) & (scores["status"] == OK)
    return scores.loc[used].sort_values(["score", "clip"], kind="stable")


def _picked(
    params: Params, tested: pd.DataFrame, detector: str, about: dict[str, str], rules: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """A row a rule; none where there is no such clip."""
    clips = tested.loc[tested["label"] == (1 if rules is FAKE_RULES else 0)]
    for rule, place in rules.items() if len(clips) else ():
        yield _row(params, tested, clips.iloc[place], {"chosen_by": detector, **about, "rule": rule})


def _borrowed(
    params: Params, tested: pd.DataFrame, theirs: pd.DataFrame, about: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The fake that the reference detector is surest of, with this detector's own score."""
    rule = next(iter(FAKE_RULES))
    fakes = theirs.loc[theirs["label"] == 1]
    if len(fakes):
        clip = tested[tested["clip"] == fakes.iloc[FAKE_RULES[rule]]["clip"]].iloc[0]
        yield _row(params, tested, clip, {"chosen_by": params.explain.reference, **about, "rule": rule})


def _row(params: Params, tested: pd.DataFrame, clip: pd.Series, about: dict[str, str]) -> dict[str, Any]:
    threshold = _threshold(params, tested)
    called = "" if np.isnan(threshold) else bool(clip.at["score"] >= threshold)
    shown = {name: clip.at[name] for name in ("clip", "source", "label", "score")}
    return {**about, **shown, "threshold": threshold, "called": called}


def _threshold(params: Params, tested: pd.DataFrame) -> float:
    """That of the headline's false-positive rate; NaN where so few reals cannot resolve it."""
    labels = tested["label"].to_numpy()
    if len(np.unique(labels)) < 2:
        return np.nan
    point = metrics.tpr_at_fpr(labels, tested["score"].to_numpy(), params.metrics.first_fpr)
    return point.threshold if point.resolvable else np.nan
