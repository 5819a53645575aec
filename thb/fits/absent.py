"""What the clips at hand do not allow, fits and control corpora: one printed line says why, and outputs are left empty.

The command line asks before it runs a stage. No stage imports this file, so that editing it retrains nothing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from thb.core import origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import (
    CORPUS_COLUMNS,
    COVERAGE_COLUMNS,
    CURATION_COLUMNS,
    POOL_COLUMNS,
    TESTED_COLUMNS,
    read_json,
    write_csv,
    write_json,
)
from thb.fits import score_files, weights
from thb.fits.score_files import SCORES, ScoreFile

NO_VARIANTS = "control corpora exist for the embedded corpus only; published clips cannot be rendered again"


@dataclass(frozen=True)
class Fit:
    """One fit of one detector, as it is asked for: on true labels, or on shuffled ones."""

    paths: Paths
    params: Params
    detector: str
    name: str
    shuffled: bool = False

    @cached_property
    def why(self) -> str:
        """Why it cannot be trained ('' if it can); what starts from the ffpp fit needs that one too."""
        if why := absent_fits(self.paths).get(self.name):
            return why
        start = absent_fits(Paths(self.paths.root)).get("ffpp") if self._starts_from_ffpp else ""
        return f"it starts from fit 'ffpp', which has {start}" if start else ""

    @property
    def _starts_from_ffpp(self) -> bool:
        settings, given = self.params.detector(self.detector), self.paths.pretrained(self.detector)
        asked = settings.get("start_from") == "ffpp" and self.name != "ffpp" and not self.shuffled
        return asked and not (given / weights.FILE).is_file()

    @property
    def _folder(self) -> Path:
        if self.shuffled:
            return self.paths.run_on_shuffled_labels(self.detector, self.name, 1)
        return self.paths.run(self.detector, self.name)

    def skips_training(self) -> bool:
        """Whether it cannot be trained; prints why. Weights that somebody put there are left."""
        if self.why:
            self._folder.mkdir(parents=True, exist_ok=True)  # DVC needs what other stages depend on to exist
            if not self.shuffled:
                weights.write_start(self.paths, self.params, self.detector, self.name)
            print(f"{self.detector}/{self.name} is not trained: {self.why}")
        return bool(self.why)

    def skips_scoring(self, what: str = SCORES) -> bool:
        """Whether there is nothing to score with; prints why, and writes it where the scores would be."""
        if not self.why:
            return False
        if (self._folder / weights.FILE).is_file():
            print(f"{self.detector}/{self.name} is scored by the weights that are there; untrainable here: {self.why}")
            return False
        print(f"{self.detector}/{self.name} has no {what}: {self.why}")
        score_files.leave_out(ScoreFile(self.paths, self.params, self.detector, self.name, what), self.why)
        return True


def skips_explaining(paths: Paths, params: Params, detector: str) -> bool:
    """Whether a network has a fit without scores, so cannot be explained; prints why, and empties the outputs."""
    whys = {fit: score_files.absent(ScoreFile(paths, params, detector, fit)) for fit in params.fits if fit != "ffpp"}
    lacking = [fit for fit, why in whys.items() if why]
    if not lacking:
        return False
    print(f"{detector} is not explained, as {lacking[0]} has no scores: {whys[lacking[0]]}")
    shutil.rmtree(paths.cams(detector), ignore_errors=True)  # maps of other clips must not be taken for these
    _write_empty(paths.pools(detector), POOL_COLUMNS)
    origin.write_maps(paths, params, detector, [])
    return True


def skips_variant(paths: Paths, params: Params) -> bool:
    """Whether a control corpus is asked for that cannot be made; prints why, and writes its tables empty."""
    if not paths.variant or params.active.corpus == "mini":
        return False
    print(f"{paths.variant} is not made: {NO_VARIANTS}")
    write_json({"all": NO_VARIANTS}, paths.absent_fits)
    write_json({}, paths.seen("all"))
    write_json({"corpus": params.active.corpus, "reals": "", "protocols": {}, "whole": {}}, paths.leakage)
    tables = {
        paths.tested: TESTED_COLUMNS,
        paths.corpus: CORPUS_COLUMNS,
        paths.coverage: COVERAGE_COLUMNS,
        paths.curation: CURATION_COLUMNS,
    }
    for table, columns in tables.items():
        _write_empty(table, columns)
    made_by, written = origin.of_splits(paths, params), [file.name for file in (*tables, paths.leakage)]
    write_json(origin.record(made_by, paths.splits, []), paths.splits_record)
    write_json(origin.record(made_by, paths.results, written), paths.tested_record)
    return True


def absent_fits(paths: Paths) -> dict[str, str]:
    """Fit -> why the clips at hand do not allow it, as `split` found."""
    return read_json(paths.absent_fits) if paths.absent_fits.is_file() else {}


def _write_empty(path: Path, columns: list[str]) -> None:
    write_csv(pd.DataFrame(columns=columns), path, columns)
