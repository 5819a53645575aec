"""Scores of the fits that were trained under a choice of thb.splits.otherwise."""

from __future__ import annotations

from typing import Any

import pandas as pd

from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.splits.assignment import TEST
from thb.splits.otherwise import FIT, command, place


def read(
    paths: Paths, params: Params, main: pd.DataFrame, detector: str, choice: str
) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """One detector's, and what its fit was; None where there is none, or none of the main fit, whose scores `main` are.

    Raises DataError if they are not of the clips that test the main fit, or not what would be made now.
    """
    file = ScoreFile(place(paths, params, choice), params, detector, FIT)
    try:
        if main.empty or not file.path.is_file() or score_files.absent(file):
            return None
        found, about = score_files.read(file), score_files.about(file)
        if set(found["clip"]) != set(main.loc[main["use"] == TEST, "clip"]):
            raise DataError(f"{file} is not of the clips that test fit {FIT!r}")
    except DataError as fault:  # whose advice is for fits that are trained as all others
        raise DataError(f"{str(fault).partition('; run ')[0]}; run `{command(detector, choice)}`") from fault
    return found, about
