"""Scores that know nothing of a clip but its name: what a detector has to be better than."""

from __future__ import annotations

import hashlib
from pathlib import Path

from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_rows
from thb.fits import score_files
from thb.leaderboard.editions import FOLDER
from thb.submitted import match

NAME, SEED = "random", 20250524
COLUMNS = ["clip", "score"]


def score(clip: str, seed: int = SEED) -> float:
    """Drawn evenly from 0 to 1 by the seed and the clip's name, whatever other clips there are."""
    drawn = hashlib.sha256(f"{seed} {clip}".encode()).digest()
    return int.from_bytes(drawn[:6], "big") / (1 << 48)


def write(paths: Paths, params: Params) -> Path:
    """Write a score for each clip that tests any fit; the file."""
    clips = score_files.read_tested(paths, params)
    tested = sum(match.tested(params, clips, fit, ()).astype(int) for fit in params.fits) > 0
    file = paths.root / FOLDER / "scores" / NAME / "scores.csv"
    write_rows([(clip, f"{score(clip):.6f}") for clip in clips.loc[tested, "clip"]], file, COLUMNS)
    return file
