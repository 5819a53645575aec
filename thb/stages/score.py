"""score: one number per clip that a fit is tested on, or why there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from thb import detectors
from thb.errors import DataError
from thb.params import Params
from thb.paths import Paths
from thb.records import OK, SCORE_COLUMNS, open_clips, write_csv
from thb.roster import roster, soundless_marked


def run(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Score the validation and test clips of `fit`; a clip that cannot be read has a status and a reason instead."""
    model = detectors.restore(paths.run(detector, fit) / "weights.safetensors", detector)
    rows = soundless_marked(roster(paths, fit, ("val", "test")), model.hears)
    ok = rows["status"] == OK
    scorer = _score_facts if model.reads == "facts" else _score_network
    rows["score"] = np.nan
    rows.loc[ok, "score"] = scorer(model, paths, params, rows[ok], f"score {detector}/{fit}")
    _check(rows[ok], f"{detector}/{fit}")
    write_csv(rows, paths.scores(detector, fit), SCORE_COLUMNS)


def _score_facts(model: Any, paths: Paths, params: Params, rows: pd.DataFrame, title: str) -> np.ndarray:
    return model.score(rows)


def _score_network(model: Any, paths: Paths, params: Params, rows: pd.DataFrame, title: str) -> np.ndarray:
    from thb import loop
    from thb.feed import Feed

    device = loop.prepare_torch(params.active.seed)
    feed = Feed(open_clips(paths, sorted(set(rows["source"]))), rows, device, model)
    return loop.score(model, feed, title).numpy()


def _check(rows: pd.DataFrame, fit: str) -> None:
    """No score that is not a probability reaches the file."""
    bad = rows[~rows["score"].between(0, 1)]
    if len(bad):
        raise DataError(f"{fit} scored clip {bad['clip'].iloc[0]!r} {bad['score'].iloc[0]}, which is no "
                        f"number in [0, 1] ({len(bad)} of {len(rows)} clips)")
