"""What the stages left in results/, joined with what the paper printed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thb.cells import other_fits
from thb.cells.columns import CELL_COLUMNS, COMPARISON_COLUMNS
from thb.cells.printed import printed_cells
from thb.cells.questions import MEAN, averaged
from thb.core.errors import DataError, ParamsError, check_known, entry, unknown
from thb.core.metrics import UNTOLD, weakest
from thb.core.params import Params, load
from thb.core.params_schema import Protocol
from thb.core.paths import Paths, find_root
from thb.fits.score_files import SHUFFLED_SOUND
from thb.report import vouched
from thb.report.verdicts import Verdicts
from thb.splits.otherwise import FIT
from thb.submitted.compared import ABOUT, compared

MAIN = "main"
LOWER_IS_BETTER = {"Brier", "EER"}
NAN = float("nan")
NO_CELL = {"value": NAN, "lo": NAN, "hi": NAN, "n_real": 0, "n_fake": 0, "resolvable": UNTOLD}
TABLE_COLUMNS = ["protocol", "detector", "control", "generator", "metric", *NO_CELL, "printed"]


@dataclass(frozen=True)
class Entrant:
    """One row of a table: a detector of the paper, of ours, or both."""

    label: str
    key: str | None  # its name in params.yaml; None: the paper tested it, this package does not yet
    printed: str | None  # its name in the paper; None: the paper has no such row
    control: bool = False
    sees: str | None = None  # what a control goes by

    @property
    def aside(self) -> str:
        """What a sentence says of a control after its name, commas and all."""
        return f", which sees {self.sees}," if self.sees else ""


@dataclass(frozen=True)
class Results:
    """params.yaml and results/ of one clone."""

    paths: Paths
    params: Params

    @cached_property
    def cells(self) -> pd.DataFrame:
        return self.cells_of(self.paths)

    def cells_of(self, paths: Paths) -> pd.DataFrame:
        """One corpus's cells, refused if they were computed under another profile than the active one."""
        return vouched.cells(paths, self.params, paths.cells, CELL_COLUMNS)

    @cached_property
    def verdicts(self) -> Verdicts:
        """Which of two lies above the other, for every such question."""
        names = {**self.params.detectors, **self.params.sources}
        return Verdicts(
            vouched.cells(self.paths, self.params, self.paths.comparisons, COMPARISON_COLUMNS),
            {key: entry.printed or key for key, entry in names.items()},
            self.params.metrics.confidence,
        )

    def variant(self, name: str) -> Paths:
        """Where a control corpus keeps its results."""
        return Paths(self.paths.root, name)

    @cached_property
    def means(self) -> dict[str, Any]:
        return self.means_of(self.paths)

    @cached_property
    def absent(self) -> dict[str, str]:
        """detector/fit -> why it has no numbers; empty where all have."""
        return vouched.metrics(self.paths, self.params).get("absent", {})

    def said_absent(self) -> list[str]:
        """A sentence a reason why fits have no numbers; none where all have."""
        whys = Counter(self.absent.values())
        return [f"{n} fits have no numbers of ours: {why}." for why, n in whys.most_common()]

    def scores(self, detector: str, fit: str, kind: str = "") -> pd.DataFrame:
        """The scores that cells.csv was computed from; `kind`, of score_files: those of shuffled sound or labels.

        Raises ParamsError for the sound of a detector that `sound_checks` does not name.
        """
        if kind == SHUFFLED_SOUND and detector not in self.params.sound_checks:
            raise ParamsError(unknown("detector under sound_checks", detector, self.params.sound_checks))
        if kind:
            return vouched.other_scores(self.paths, self.params, detector, fit, kind)
        return vouched.scores(self.paths, self.params, detector, fit)

    def scores_under(self, choice: str, detector: str) -> tuple[pd.DataFrame, dict[str, Any]] | None:
        """Scores of a fit trained under a choice of thb.splits.otherwise, and what it was; None where there is none."""
        return other_fits.read(self.paths, self.params, self.scores(detector, FIT), detector, choice)

    def pools(self, detector: str) -> pd.DataFrame | None:
        """Scores of fit `all`, had its units been pooled otherwise; None where no unit was kept."""
        found = self.paths.pools(detector).is_file()
        return vouched.pools(self.paths, self.params, detector) if found else None

    def means_of(self, paths: Paths) -> dict[str, Any]:
        """protocol -> detector -> metric -> {value, lo, hi}, of one corpus."""
        return vouched.metrics(paths, self.params)["means"]

    @cached_property
    def printed(self) -> dict[tuple[str, str, str, str], float]:
        return printed_cells(self.paths.published)

    @cached_property
    def entrants(self) -> list[Entrant]:
        """The paper's detectors in its order, then ours, then the controls."""
        keys = {entry.printed: key for key, entry in self.params.detectors.items() if entry.printed}
        paper = [Entrant(name, keys.get(name), name) for name in dict.fromkeys(k[1] for k in self.printed)]
        known = {entrant.key for entrant in paper}
        own = [
            Entrant(key, key, None, entry.control, entry.sees)
            for key, entry in self.params.detectors.items()
            if key not in known
        ]
        return paper + sorted(own, key=lambda entrant: entrant.control)

    @cached_property
    def tested(self) -> list[Entrant]:
        """The detectors, controls apart, that have numbers of ours."""
        return [e for e in self.entrants if e.key and not e.control]

    @cached_property
    def averaged(self) -> list[Entrant]:
        """The detectors that a mean over detectors is of: the paper's."""
        return [e for e in self.entrants if e.key in averaged(self.params)]

    def generators(self, protocol: str) -> list[str]:
        return self.params.of_role(*self.protocol(protocol).fakes)

    def protocol(self, name: str) -> Protocol:
        return entry("protocol", name, self.params.protocols)

    @property
    def metric_names(self) -> list[str]:
        return list(dict.fromkeys(self.cells["metric"]))

    def check_metric(self, name: str) -> str:
        check_known("metric", [name], self.metric_names)
        return name

    def label(self, generator: str) -> str:
        return "Mean" if generator == MEAN else self.params.source(generator).printed

    def mean(self, protocol: str, detector: str, metric: str, means: dict | None = None) -> dict[str, float]:
        """value, lo, hi of the mean over a protocol's generators; nan where nothing was scored."""
        chosen = self.means if means is None else means
        found = chosen.get(protocol, {}).get(detector, {}).get(metric, {})
        return {k: NAN if found.get(k) is None else float(found[k]) for k in ("value", "lo", "hi")}

    def printed_cell(self, protocol: str, detector: str | None, generator: str, metric: str) -> float:
        """nan where the paper has no such cell, or no such protocol or detector."""
        places = self.params.protocols[protocol].printed, detector, self.params.sources[generator].printed
        return self.printed.get((places[0] or "", places[1] or "", places[2], metric), NAN)

    def table(self, protocol: str, corpus: str = MAIN) -> pd.DataFrame:
        """TABLE_COLUMNS: every entrant x (generator, mean) x metric; nan and 0 clips where unknown.

        Of a control corpus, those entrants that were fitted to it.
        """
        self.protocol(protocol)
        paths = self.paths if corpus == MAIN else self.variant(corpus)
        entrants = [e for e in self.entrants if corpus == MAIN or e.key in self.params.ablated]
        own = self.cells if corpus == MAIN else self.cells_of(paths)
        rows = own.query("protocol == @protocol").set_index(["detector", "generator", "metric"])
        known = rows.filter(items=list(NO_CELL)).to_dict("index")
        means = self.means if corpus == MAIN else self.means_of(paths)
        out = []
        for entrant in entrants:
            for metric in self.metric_names:
                cells = [self._cell(known, protocol, entrant, g, metric, corpus) for g in self.generators(protocol)]
                out += [*cells, self._mean_cell(protocol, entrant, metric, cells, means)]
        return pd.DataFrame(out, columns=TABLE_COLUMNS)

    def _cell(
        self, rows: Mapping[Hashable, Any], protocol: str, entrant: Entrant, generator: str, metric: str, corpus: str
    ) -> dict:
        printed = self.printed_cell(protocol, entrant.printed, generator, metric)
        base = _blank(protocol, entrant, generator, metric, printed)
        if entrant.key is None:
            return base
        key = (entrant.key, generator, metric)
        if key not in rows:
            name = "cells.csv" if corpus == MAIN else f"cells.csv of {corpus}"
            raise DataError(f"{name} lacks {protocol}, {', '.join(key)}; run `dvc repro`")
        return base | rows[key]

    def _mean_cell(
        self, protocol: str, entrant: Entrant, metric: str, cells: list[dict], means: dict | None = None
    ) -> dict:
        """The mean is resolved as well as its least resolved cell; cells without a score are not in it.

        The printed mean is nan unless the paper printed every cell.
        """
        scored = [cell for cell in cells if cell["n_fake"]]
        base = _blank(protocol, entrant, MEAN, metric, float(np.mean([cell["printed"] for cell in cells])))
        if entrant.key is None or not scored:
            return base
        return (
            base
            | self.mean(protocol, entrant.key, metric, means)
            | {
                "n_real": max(c["n_real"] for c in scored),
                "n_fake": sum(c["n_fake"] for c in scored),
                "resolvable": weakest([c["resolvable"] for c in scored]),
            }
        )


def _blank(protocol: str, entrant: Entrant, generator: str, metric: str, printed: float) -> dict[str, Any]:
    """A row of TABLE_COLUMNS without a number of ours."""
    which = {"protocol": protocol, "detector": entrant.label, "control": entrant.control, "generator": generator}
    return {**which, "metric": metric, **NO_CELL, "printed": printed}


def open_results(root: Path | None = None) -> Results:
    """The results of the clone we stand in; opened once for as long as its files stay what they are."""
    paths = Paths(root or find_root())
    return _opened(paths.root, (_state(paths.params.stat()), *_states(paths.results), *_submitted(paths)))


def _states(folder: Path) -> list[tuple[str, int, int]]:
    """Name, time and size of every file in a folder, by what is quick: it is asked for with every label."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted((entry.name, *_state(entry.stat())) for entry in entries if entry.is_file())


def _submitted(paths: Paths) -> list[tuple[str, int, int]]:
    return [(str(file), *_state(file.stat())) for file in sorted((paths.results / "scores").glob(f"*/{ABOUT}"))]


def _state(about: os.stat_result) -> tuple[int, int]:
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=2)
def _opened(root: Path, state: tuple) -> Results:
    paths = Paths(root)
    return Results(paths, compared(paths, load(paths.params)))
