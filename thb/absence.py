"""What the clips at hand do not allow, fits and control corpora: said in one line, and nothing half-made left behind.

Asked by the command line before the stages: those stay as they are, and no fit is trained anew.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from thb.params import Params
from thb.paths import Paths
from thb.records import (
    CORPUS_COLUMNS,
    COVERAGE_COLUMNS,
    CURATION_COLUMNS,
    DRAWN_COLUMNS,
    POOL_COLUMNS,
    SCORE_COLUMNS,
    drawn_columns,
    read_csv,
    read_json,
    write_csv,
    write_json,
)

NO_VARIANTS = "control corpora exist for the embedded corpus only; published clips cannot be rendered again"
SCORES, SHUFFLED, DRAWN = "scores", "scores of shuffled sound", "scores of shuffled labels"


@dataclass(frozen=True)
class Fit:
    """One fit of one detector, as it is asked for: its own labels, or labels that say nothing."""

    paths: Paths
    params: Params
    detector: str
    name: str
    drawn: bool = False

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
        asked = settings.get("start_from") == "ffpp" and self.name != "ffpp" and not self.drawn
        return asked and not (given / "weights.safetensors").is_file()

    @property
    def _folder(self) -> Path:
        if self.drawn:
            return self.paths.run_on_drawn(self.detector, self.name, 1)
        return self.paths.run(self.detector, self.name)

    def skips_training(self) -> bool:
        """Whether it cannot be trained, which is said; weights that somebody put there are left."""
        if self.why:
            self._folder.mkdir(parents=True, exist_ok=True)      # DVC wants what other stages depend on to exist
            print(f"{self.detector}/{self.name} is not trained: {self.why}")
        return bool(self.why)

    def skips_scoring(self, what: str = SCORES) -> bool:
        """Whether there is nothing to score with, which is said, and written where the scores would be."""
        if not self.why:
            return False
        if (self._folder / "weights.safetensors").is_file():
            print(f"{self.detector}/{self.name} is scored by the weights that are there; untrainable here: {self.why}")
            return False
        print(f"{self.detector}/{self.name} has no {what}: {self.why}")
        self._leave_out(what)
        return True

    def _leave_out(self, what: str) -> None:
        """Scores of other clips must not be taken for these: an empty table in their place, the reason beside it."""
        if what == SHUFFLED:
            return _write_empty(self.paths.shuffled(self.detector, self.name), SCORE_COLUMNS)
        if what == DRAWN:
            columns = [*DRAWN_COLUMNS, *drawn_columns(self.params.label_check(self.detector))]
            return _write_empty(self.paths.drawn(self.detector, self.name), columns)
        scores = self.paths.scores(self.detector, self.name)
        _write_empty(scores, SCORE_COLUMNS)
        write_json({"detector": self.detector, "fit": self.name, "absent": self.why}, scores.with_suffix(".json"))


def skips_explaining(paths: Paths, params: Params, detector: str) -> bool:
    """Whether a network has a fit without scores, so that nothing can be shown of it; said, and empty outputs left."""
    whys = {fit: left_out(paths.scores(detector, fit)) for fit in params.fits if fit != "ffpp"}
    lacking = [fit for fit, why in whys.items() if why]
    if not lacking:
        return False
    print(f"{detector} is not explained, as {lacking[0]} has no scores: {whys[lacking[0]]}")
    shutil.rmtree(paths.cams(detector), ignore_errors=True)     # maps of other clips must not be taken for these
    paths.cams(detector).mkdir(parents=True)
    _write_empty(paths.pools(detector), POOL_COLUMNS)
    return True


def skips_variant(paths: Paths, params: Params) -> bool:
    """Whether a control corpus is asked for that cannot be made, which is said; its tables are left empty."""
    if not paths.variant or params.active.corpus == "mini":
        return False
    print(f"{paths.variant} is not made: {NO_VARIANTS}")
    write_json({"all": NO_VARIANTS}, paths.absent_fits)
    write_json({"corpus": params.active.corpus, "reals": "", "protocols": {}, "whole": {}}, paths.leakage)
    for table, columns in ((paths.corpus, CORPUS_COLUMNS), (paths.coverage, COVERAGE_COLUMNS),
                           (paths.curation, CURATION_COLUMNS)):
        _write_empty(table, columns)
    return True


def absent_fits(paths: Paths) -> dict[str, str]:
    """Fit -> why the clips at hand do not allow it, as `split` found."""
    return read_json(paths.absent_fits) if paths.absent_fits.is_file() else {}


def left_out(scores: Path) -> str:
    """Why a score file is empty, as `skips_scoring` wrote ('' if it is not, or nobody said)."""
    beside = scores.with_suffix(".json")
    if not scores.is_file() or not beside.is_file() or len(read_csv(scores, SCORE_COLUMNS)):
        return ""
    return str(read_json(beside).get("absent", ""))


def _write_empty(path: Path, columns: list[str]) -> None:
    write_csv(pd.DataFrame(columns=columns), path, columns)
