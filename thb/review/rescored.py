"""An entry of the leaderboard scored anew from the weights that are here, and held against the scores entered."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from thb.core import origin
from thb.core.errors import DataError
from thb.core.tables import SCORE_COLUMNS, read_csv, write_json
from thb.fits import weights
from thb.leaderboard.judge import Judge, Judged
from thb.review import workplace
from thb.review.spot import differences


def run(judge: Judge, one: Judged) -> dict[str, float]:
    """Fit -> how far a score lies from the one entered, at most; kept in leaderboard/verified.

    Raises DataError for an entry that is not in order, whose weights or clips are not here, or if a command fails.
    """
    entry, paths = one.entry, judge.paths
    if one.state or entry is None:
        raise DataError(f"{one.name} is {one.state}: {one.why}")
    missing = [fit for fit in entry.fits if not (paths.run(entry.detector, fit) / weights.FILE).is_file()]
    if entry.baseline or missing:
        where = paths.relative(paths.run(entry.detector, missing[0] if missing else "all"))
        raise DataError(f"{one.name} cannot be scored anew: no weights in {where}; train or import them there")
    if not paths.data.is_dir():
        raise DataError("scores are made of clips, and none are here; run `dvc repro split` first")
    largest, weights_read = {}, {}
    with tempfile.TemporaryDirectory(prefix="thb-") as scratch:
        own = workplace.made(paths, Path(scratch))
        for fit, table in one.scores.items():
            shutil.copytree(paths.run(entry.detector, fit), own.run(entry.detector, fit))
            workplace.thb(own, "score", entry.detector, fit)
            anew = read_csv(own.scores(entry.detector, fit), SCORE_COLUMNS)
            try:
                largest[fit] = float(differences(anew, table).max())
            except DataError as fault:
                raise DataError(f"{one.name}, fit {fit}: {fault}") from None
            weights_read[fit] = origin.sha256(paths.run(entry.detector, fit) / weights.FILE)
    said = {"entry": entry.hash, "evaluator": judge.evaluator, "largest": largest, "weights_sha256": weights_read}
    write_json(said, judge.verified_file(one.name))
    return largest
