"""score: one number per clip that a fit is tested on, or why there is none; and what the fit was, beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thb import detectors
from thb.clips.clip_store import open_clips
from thb.core.errors import DataError, ParamsError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, shuffled_columns
from thb.fits import score_files, weights
from thb.fits.picture_measures import seen
from thb.splits.clips_of_fit import clips_of_fit, soundless_marked

if TYPE_CHECKING:
    from thb.detectors.base import Network

# Of a fit's run.json, what is the same on every machine: results/ is in git.
SAID = (
    "settings",
    "clips",
    "parameters",
    "trainable",
    "epochs",
    "stopped_by",
    "best_epoch",
    "val_auc",
    "imported_from",
)


def run(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Score the validation and test clips of `fit`; a clip that cannot be read has a status and a reason instead."""
    trained = weights.of_fit(paths, params, detector, fit)
    rows = _scored(trained.model, paths, params, detector, fit)
    counts = {status: int(n) for status, n in rows["status"].value_counts().sort_index().items()}
    score_files.write(
        score_files.ScoreFile(paths, params, detector, fit),
        rows,
        [trained],
        **{key: trained.run[key] for key in SAID if key in trained.run},
        statuses=counts,
    )


def run_shuffled_sound(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Score the same clips with each other's sound: a detector that compares sound and lips should fail at it."""
    trained = weights.of_fit(paths, params, detector, fit)
    if not trained.model.hears:
        hearing = [name for name in detectors.names() if detectors.kind(name).hears]
        raise ParamsError(
            f"detector {detector!r} hears nothing, so shuffled sound changes nothing; "
            f"those that do: {', '.join(hearing)}"
        )
    rows = _scored(trained.model, paths, params, detector, fit, shuffled=True)
    score_files.write(score_files.ScoreFile(paths, params, detector, fit, score_files.SHUFFLED_SOUND), rows, [trained])


def run_shuffled_labels(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Score the test clips, whose labels are true, by each fit on shuffled labels."""
    columns = shuffled_columns(params.label_check(detector))
    fits = [weights.of_fit(paths, params, detector, fit, draw) for draw in range(1, len(columns) + 1)]
    tables = [_scored(each.model, paths, params, detector, fit, uses=("test",)) for each in fits]
    rows = tables[-1].assign(**{name: table["score"] for name, table in zip(columns, tables, strict=True)})
    score_files.write(score_files.ScoreFile(paths, params, detector, fit, score_files.SHUFFLED_LABELS), rows, fits)


def _scored(
    model: detectors.Detector,
    paths: Paths,
    params: Params,
    detector: str,
    fit: str,
    shuffled: bool = False,
    uses: Sequence[str] = ("val", "test"),
) -> pd.DataFrame:
    rows = soundless_marked(clips_of_fit(paths, params, fit, uses), model.hears)
    ok = rows["status"] == OK
    rows["score"] = np.nan
    if model.reads == "frames":
        title = f"score {detector}/{fit}" + (" with shuffled sound" if shuffled else "")
        rows.loc[ok, "score"] = _by_network(model, paths, params, rows.loc[ok], title, shuffled)
    else:
        rows.loc[ok, "score"] = model.score(seen(paths, params, rows.loc[ok], model))
    _check(rows.loc[ok], f"{detector}/{fit}")
    return rows


def _by_network(
    network: Network, paths: Paths, params: Params, rows: pd.DataFrame, title: str, shuffled: bool
) -> np.ndarray:
    from thb.fits import loop
    from thb.fits.feed import Feed

    device = loop.prepare_torch(params.active.seed)
    feed = Feed(open_clips(paths, params, sorted(set(rows["source"]))), rows, device, network)
    if shuffled:
        feed.swap_sound(others(rows, params.active.seed))
    return loop.score(network, feed, title).numpy()


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
    """Raises DataError for a score that is no probability."""
    bad = rows.loc[~rows["score"].between(0, 1)]
    if len(bad):
        raise DataError(
            f"{fit} scored clip {bad['clip'].iloc[0]!r} {bad['score'].iloc[0]}, which is no "
            f"number in [0, 1] ({len(bad)} of {len(rows)} clips)"
        )
