"""Choices of the paper that other training or validation clips answer: which clips those are, and where their fits lie.

Clips are only put aside, so that no promise of a protocol can be broken, and none that tests is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from thb.core.errors import check_known
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK
from thb.splits import assignment

FIT = "all"  # P1's, the one fit that is trained otherwise
# Of a profile, the networks that are trained so, as each is a fit more a choice; of one that stands not here, all.
FEW = {"smoke": ("tall",), "mini": ("tall", "df_adapter")}


@dataclass(frozen=True)
class Fewer:
    """Of the clips of one use, `most` reals and as many fakes are kept; the others are of no use."""

    use: str
    most: Callable[[pd.DataFrame], int]  # of those clips


def _rarer(clips: pd.DataFrame) -> int:
    """As many as there are of the class that has fewer."""
    return min(len(clips.loc[clips["label"] == label]) for label in (0, 1))


def _of_a_generator(clips: pd.DataFrame) -> int:
    """As many as there are of one generator's fakes; where they differ, of the one that has fewest."""
    return min(map(len, clips.loc[clips["label"] == 1].groupby("source").groups.values()))


# balance: sections 4.1 and B.1.3. validation: for P1, B.1.3 has as many clips of each class as the release card has
# fakes of one generator.
CHOICES = {
    "balance": Fewer(assignment.TRAIN, _rarer),
    "validation": Fewer(assignment.VAL, _of_a_generator),
}


@dataclass(frozen=True)
class Otherwise(Paths):
    """Where the fits under one choice lie, whose name `variant` is; their clips are the main corpus's.

    What made them bears the choice, as a control corpus's fits bear its name: none is taken for another choice's.
    """

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def _runs(self) -> Path:
        return self.root / "runs" / "choices" / self.variant

    @property
    def results(self) -> Path:
        return self.root / "results" / "choices" / self.variant


def place(paths: Paths, params: Params, choice: str) -> Otherwise:
    """Where one choice's fits lie; raises ParamsError for a choice that is not known."""
    check_known("choice", [choice], CHOICES)
    return Otherwise(paths.root, choice, frozenset(params.sources))


def trained(params: Params) -> list[str]:
    """The networks that the active profile trains under each choice."""
    return [name for name in params.explained if name in FEW.get(params.profile, params.explained)]


def command(detector: str, choice: str) -> str:
    """What makes a fit under a choice, and its scores."""
    return f"thb choice {detector} {choice}"


def kept(rows: pd.DataFrame, choice: str, seed: int) -> pd.DataFrame:
    """The rows without the clips that a choice puts aside, in their order; sources stay in proportion."""
    fewer, rng = CHOICES[choice], np.random.default_rng(seed)
    found = rows.loc[(rows["use"] == fewer.use) & (rows["status"] == OK)]
    if found["label"].nunique() < 2:
        return rows  # nothing to be trained on, as whoever trains says
    most = fewer.most(found)
    aside = [clip for _, own in found.groupby("label") for clip in _spread(own, rng)[most:]]
    return rows.loc[~rows["clip"].isin(aside)].reset_index(drop=True)


def _spread(clips: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """Their names in an order of which every beginning holds its share of each source."""
    shuffled = clips.iloc[rng.permutation(len(clips))]
    of_source = shuffled.groupby("source")["clip"]
    reached = (of_source.cumcount() + 0.5) / of_source.transform("size")
    return shuffled["clip"].iloc[np.argsort(reached.to_numpy(), kind="stable")].tolist()
