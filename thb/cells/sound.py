"""Does a detector that hears use the sound? The same clips scored with their own and with each other's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thb.cells.questions import MEAN
from thb.cells.trials import Measured, Scored, estimates, measure
from thb.core.metrics import AUC
from thb.core.params import Params
from thb.splits import protocols

PROTOCOL = "P1"  # the fit whose sound is shuffled is tested as P1 tests it
COLUMNS = [
    "generator",
    "driven_by",
    *(f"{number}{end}" for number in ("own", "shuffled", "fall") for end in ("", "_lo", "_hi")),
    "n_real",
    "n_fake",
]


def falls(params: Params, own: pd.DataFrame, shuffled: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS: AUC with each clip's own sound and with another's, and the paired fall between them.

    A row for every generator that was scored, then the mean over those that sound drives. `own` and `shuffled` are
    scores of one fit.
    """
    fits = [Scored(params.metrics, table) for table in (own, shuffled)]
    found = {t.generator: [measure(params, t, [fit]) for fit in fits] for t in protocols.trials(params, [PROTOCOL])}
    scored = {generator: [pair] for generator, pair in found.items() if pair[0]["n_fake"]}
    driven = [scored[name][0] for name in scored if params.sources[name].driven_by == "audio"]
    scored |= {MEAN: driven} if driven else {}
    return pd.DataFrame([_row(params, name, pairs) for name, pairs in scored.items()], columns=COLUMNS)


def _row(params: Params, generator: str, pairs: Sequence[Sequence[Measured]]) -> dict:
    """The mean of these generators with either sound, and the difference."""
    driven_by = "audio" if generator == MEAN else params.sources[generator].driven_by or ""
    n_fake = sum(own["n_fake"] for own, _ in pairs)
    row = {"generator": generator, "driven_by": driven_by, "n_real": pairs[0][0]["n_real"], "n_fake": n_fake}
    one = np.repeat(np.eye(2), len(pairs), axis=1) / len(pairs)
    both = [side[i] for i in (0, 1) for side in pairs]
    found = zip(*estimates(params, [(one, AUC) for one in both]).sums(np.vstack([one, one[0] - one[1]])), strict=True)
    for name, ends in zip(("own", "shuffled", "fall"), found, strict=True):
        row |= dict(zip((name, f"{name}_lo", f"{name}_hi"), map(float, ends), strict=True))
    return row
