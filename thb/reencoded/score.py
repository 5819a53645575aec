"""reencode-score: the clips of every condition, scored by the fits that are there; nothing is trained."""

from __future__ import annotations

import numpy as np
import pandas as pd

from thb import detectors
from thb.clips.clip_store import ClipStore
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, write_csv, write_json
from thb.fits import score_files, weights
from thb.fits.picture_measures import measured
from thb.fits.score_files import ScoreFile
from thb.reencoded import conditions, files, store
from thb.splits.clips_of_fit import soundless_marked


def run(paths: Paths, params: Params, detector: str) -> None:
    """Score each condition's clips by each fit that a protocol tests on them; one file, a column a fit."""
    settings = conditions.load(paths, params)
    stores = {name: store.open_store(paths, params, settings, name) for name in settings.conditions}
    hears = detectors.kind(detector).hears
    rows = pd.concat(
        [soundless_marked(table, hears).assign(condition=name) for name, (table, _) in stores.items()],
        ignore_index=True,
    )
    absent, hashes = {}, {}
    for fit, sources in files.sources_of_fits(params, settings).items():
        rows[fit] = np.nan
        if why := score_files.absent(ScoreFile(paths, params, detector, fit)):
            absent[fit] = why
            continue
        trained = weights.of_fit(paths, params, detector, fit)
        hashes[fit] = trained.run["files"][weights.FILE]
        for name, (_, held) in stores.items():
            asked = (rows["condition"] == name) & (rows["status"] == OK) & rows["source"].isin(sources)
            title = f"score {detector}/{fit}, {name}"
            rows.loc[asked, fit] = _scores(trained.model, held, rows.loc[asked], params.active.seed, title)
    file = files.scores(paths, detector)
    file.with_suffix(".json").unlink(missing_ok=True)  # until all is written, nothing vouches for it
    write_csv(rows, file, files.score_columns(params, settings))
    write_json(
        files.scores_record(paths, params, settings, detector, weights_sha256=hashes, absent=absent),
        file.with_suffix(".json"),
    )
    print(f"{len(rows)} clips of {len(stores)} conditions -> {paths.relative(file)}")


def _scores(model: detectors.Detector, held: ClipStore, rows: pd.DataFrame, seed: int, title: str) -> np.ndarray:
    """float [rows], each a probability; DataError for one that is none."""
    if rows.empty:
        return np.zeros(0)
    if model.reads == "frames":
        from thb.fits import loop
        from thb.fits.feed import Feed

        found = loop.score(model, Feed(held, rows, loop.prepare_torch(seed), model), title).numpy()
    else:
        found = model.score(measured(held, rows, model))
    if len(odd := np.flatnonzero(~((found >= 0) & (found <= 1)))):
        raise DataError(f"{title}: clip {rows['clip'].iloc[odd[0]]!r} has {found[odd[0]]}, no number in [0, 1]")
    return found
