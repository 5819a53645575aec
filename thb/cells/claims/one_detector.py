"""What the paper says of detectors in general, put to one detector by itself: one that is here as scores alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product

import pandas as pd

from thb.cells.answers import VERDICTS, Verdicts, by_machine
from thb.cells.claims.cells import Chosen, Estimate, Key, OwnCells
from thb.cells.claims.ledger import ELSEWHERE, Claim, Evidence, Judged, in_print, judge, read
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths

COLUMNS = ["id", "claim", "reading", "detector", "verdict", "recomputed", "rests_on"]


class Unscored(DataError):
    """A check asks for cells that the detector has no score for; the message names their protocols."""


@dataclass(frozen=True)
class OneDetector(OwnCells):
    """The cells of one detector, every one of which a number needs that is asked for."""

    def mean(self, metric: str, chosen: Chosen) -> Estimate:
        """As of several detectors, but raises Unscored where a cell has no clip, instead of leaving it out."""
        if gone := [key for key in product(*self._of(metric, chosen)) if key in self.unscored]:
            raise Unscored(f"no score {', '.join(self._places(gone))}")
        return super().mean(metric, chosen)

    def _places(self, gone: Iterable[Key]) -> Iterable[str]:
        """'under P2' where a protocol has no score at all, 'of Hallo under P2' where some of its generators have."""
        scored = {key[0] for key in self.known}
        return dict.fromkeys(f"of {g} under {p}" if p in scored else f"under {p}" for p, _, g, _ in gone)


def judged(params: Params, paths: Paths, cells: pd.DataFrame, answers: Verdicts, detector: str) -> pd.DataFrame:
    """COLUMNS, a row a claim of claims.yaml that speaks of any one detector, and a row each of its other readings.

    `params` are those of `thb.submitted.compared`, `cells` and `answers` what `evaluate` computed with them. Raises
    DataError if a file of the paper is missing and ParamsError if claims.yaml asks for what is not there.
    """
    own = _evidence(params, paths, cells, answers, detector)
    rows = []
    for claim in read(paths.claims):
        for reading, checks in claim.of_one_detector.items():
            one = _judge(claim, checks, own, params.active.corpus)
            rows.append([claim.id, claim.claim, reading, detector, one.verdict, one.text, by_machine(one.told)])
    return pd.DataFrame(rows, columns=COLUMNS)


def _evidence(params: Params, paths: Paths, cells: pd.DataFrame, answers: Verdicts, detector: str) -> Evidence:
    """Its cells in the place of the paper's detectors', under its own name."""
    printed = in_print(params, paths)
    axes = {"every": printed.cells.every, "names": printed.cells.names}
    theirs = replace(printed.cells, **{kind: {**names, "detector": [detector]} for kind, names in axes.items()})
    entry = params.detectors[detector].model_copy(update={"printed": detector})
    alone = params.model_copy(update={"detectors": {detector: entry}})
    return replace(printed, cells=OneDetector.of(alone, theirs, cells.loc[cells["detector"] == detector], answers))


def _judge(claim: Claim, checks: list, own: Evidence, corpus: str) -> Judged:
    """As in the ledger: of another corpus than the paper's only a shape can be judged, and `here` says who has one."""
    if corpus == "mini" and not claim.here:
        return Judged(ELSEWHERE)
    try:
        return judge(checks, own)
    except Unscored as lacking:
        return Judged(VERDICTS[None], str(lacking))
