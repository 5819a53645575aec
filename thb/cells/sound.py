"""Does a detector that hears use the sound? The same clips scored with their own and with each other's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from thb.cells import trials
from thb.cells.comparisons import MEAN, compare
from thb.core import metrics
from thb.core.params import Params

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
    found, both = {}, [table.set_index("clip")["score"] for table in (own, shuffled)]
    for generator in params.of_role(*params.protocols[PROTOCOL].fakes):
        reals, fakes = trials.tested(own, params.protocols[PROTOCOL], generator)
        if fakes.empty:
            continue
        rows, weights = pd.concat([reals, fakes]), trials.resamples(params.metrics, reals, fakes)
        counts = [metrics.count(rows["label"].to_numpy(), score.loc[rows["clip"]], weights) for score in both]
        found[generator] = np.stack([metrics.auc_of(one) for one in counts]), len(reals), len(fakes)
    if driven := [found[name] for name in found if params.sources[name].driven_by == "audio"]:
        replicates, n_real, n_fake = zip(*driven, strict=True)
        found[MEAN] = np.mean(replicates, axis=0), n_real[0], sum(n_fake)
    return pd.DataFrame([_row(params, name, *one) for name, one in found.items()], columns=COLUMNS)


def _row(params: Params, generator: str, replicates: np.ndarray, n_real: int, n_fake: int) -> dict:
    driven_by = "audio" if generator == MEAN else params.sources[generator].driven_by or ""
    row = {"generator": generator, "driven_by": driven_by, "n_real": n_real, "n_fake": n_fake}
    for name, values in zip(("own", "shuffled"), replicates, strict=True):
        lo, hi = metrics.interval(values[1:], params.metrics.confidence)
        row |= {name: values[0], f"{name}_lo": lo, f"{name}_hi": hi}
    fall = compare(replicates[0], replicates[1], params.metrics.confidence)
    return row | {"fall": fall.difference, "fall_lo": fall.lo, "fall_hi": fall.hi}
