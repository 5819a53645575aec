"""Scores of the fits that were trained under a choice of thb.splits.otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from thb.core.errors import DataError
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.splits.assignment import TEST
from thb.splits.otherwise import FIT, command, place

if TYPE_CHECKING:
    from thb.cells.bench import Results


def read(results: Results, detector: str, choice: str) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """One detector's, and what its fit was; None where there is none.

    Raises DataError if they are not of the clips that test the main fit, or not what would be made now.
    """
    main = results.scores(detector, FIT)
    file = ScoreFile(place(results.paths, results.params, choice), results.params, detector, FIT)
    try:
        if not file.path.is_file() or score_files.absent(file):
            return None
        found, about = score_files.read(file), score_files.about(file)
        if set(found["clip"]) != set(main.loc[main["use"] == TEST, "clip"]):
            raise DataError(f"{file} is not of the clips that test fit {FIT!r}")
    except DataError as fault:  # whose advice is for fits that are trained as all others
        raise DataError(f"{str(fault).partition('; run ')[0]}; run `{command(detector, choice)}`") from fault
    return found, about
