"""score: one number per clip that a fit is tested on, or why there is none; and what the fit was, beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from thb import detectors
from thb.errors import DataError, ParamsError
from thb.params import Params
from thb.paths import Paths
from thb.pictures import seen
from thb.records import (
    DRAWN_COLUMNS,
    OK,
    SCORE_COLUMNS,
    drawn_columns,
    open_clips,
    read_json,
    write_csv,
    write_json,
)
from thb.roster import roster, soundless_marked

# Of a fit's run.json, what is the same on every machine: results/ is in git, and hardware and seconds are not there.
SAID = ("detector", "fit", "profile", "seed", "settings", "clips", "parameters", "trainable", "best_epoch", "val_auc")


def run(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Score the validation and test clips of `fit`; a clip that cannot be read has a status and a reason instead."""
    model = detectors.restore(paths.run(detector, fit) / "weights.safetensors", detector)
    rows = _scored(model, paths, params, detector, fit)
    write_csv(rows, paths.scores(detector, fit), SCORE_COLUMNS)
    about = read_json(paths.run(detector, fit) / "run.json")
    counts = {status: int(n) for status, n in rows["status"].value_counts().sort_index().items()}
    write_json({**{key: about[key] for key in SAID if key in about}, "statuses": counts},
               paths.scores(detector, fit).with_suffix(".json"))


def run_shuffled(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Score the same clips with each other's sound: what a detector that listens should no longer manage."""
    model = detectors.restore(paths.run(detector, fit) / "weights.safetensors", detector)
    if not model.hears:
        hearing = [name for name in detectors.names() if detectors.load(name).Detector.hears]
        raise ParamsError(f"detector {detector!r} hears nothing, so shuffled sound changes nothing; "
                          f"those that do: {', '.join(hearing)}")
    write_csv(_scored(model, paths, params, detector, fit, shuffled=True), paths.shuffled(detector, fit), SCORE_COLUMNS)


def run_on_drawn(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Score the test clips, whose labels are true, by each fit on labels that say nothing."""
    tables = {}
    for draw, column in enumerate(drawn_columns(params.label_check(detector)), 1):
        model = detectors.restore(paths.run_on_drawn(detector, fit, draw) / "weights.safetensors", detector)
        tables[column] = _scored(model, paths, params, detector, fit, uses=("test",))
    rows = tables[column].assign(**{name: table["score"] for name, table in tables.items()})
    write_csv(rows, paths.drawn(detector, fit), [*DRAWN_COLUMNS, *tables])


def _scored(model: Any, paths: Paths, params: Params, detector: str, fit: str, shuffled: bool = False,
            uses: Sequence[str] = ("val", "test")) -> pd.DataFrame:
    rows = soundless_marked(roster(paths, fit, uses), model.hears)
    ok = rows["status"] == OK
    rows["score"] = np.nan
    if model.reads == "frames":
        title = f"score {detector}/{fit}" + (" with shuffled sound" if shuffled else "")
        rows.loc[ok, "score"] = _by_network(model, paths, params, rows[ok], title, shuffled)
    else:
        rows.loc[ok, "score"] = model.score(seen(paths, rows[ok], model))
    _check(rows[ok], f"{detector}/{fit}")
    return rows


def _by_network(model: Any, paths: Paths, params: Params, rows: pd.DataFrame, title: str, shuffled: bool) -> np.ndarray:
    from thb import loop
    from thb.feed import Feed

    device = loop.prepare_torch(params.active.seed)
    feed = Feed(open_clips(paths, sorted(set(rows["source"]))), rows, device, model)
    if shuffled:
        feed.swap_sound(others(rows, params.active.seed))
    return loop.score(model, feed, title).numpy()


def others(rows: pd.DataFrame, seed: int) -> np.ndarray:
    """int [n]: for each row another one of its source, or itself where it is the only one.

    Within a source, so that codec and loudness stay what they were and only the match is lost.
    """
    rng, order = np.random.default_rng(seed), np.arange(len(rows))
    for _, places in sorted(rows.reset_index(drop=True).groupby("source").groups.items()):
        ring = rng.permutation(np.asarray(places))
        order[ring] = np.roll(ring, 1)
    return order


def _check(rows: pd.DataFrame, fit: str) -> None:
    """No score that is not a probability reaches the file."""
    bad = rows[~rows["score"].between(0, 1)]
    if len(bad):
        raise DataError(f"{fit} scored clip {bad['clip'].iloc[0]!r} {bad['score'].iloc[0]}, which is no "
                        f"number in [0, 1] ({len(bad)} of {len(rows)} clips)")
