"""The two boards of an edition, computed from the entries' scores by the code that computes every cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from thb.cells import comparisons, evaluate, training_luck
from thb.cells.answers import Verdicts
from thb.cells.trials import Evaluated, Measured, resolvable
from thb.core import intervals
from thb.core.metrics import UNTOLD, weakest
from thb.core.params import Params
from thb.core.tables import read_json
from thb.leaderboard.judge import Judge, Judged
from thb.submitted.compared import ENTRY

KINDS = DETECTOR, CONTROL, BASELINE = "detector", "control", "baseline"
NAN = float("nan")
NOTHING = {"value": NAN, "lo": NAN, "hi": NAN, "n_real": 0, "n_fake": 0, "resolvable": UNTOLD}
# A row an entry and protocol: the mean over the edition's generators with its interval, the places it may hold (`first`
# to `last`: above it stand those that are told to be), and how many others cannot be told from it.
DETECTOR_COLUMNS = [
    *("edition", "entry", "detector", "label", "kind", "state", "why", "date", "verified"),
    *("protocol", "metric", *NOTHING, "first", "last", "untold"),
    *("scored", "of", "parameters", "visits"),
]
# A row a generator and protocol: what the detector that finds most of it finds, and the mean over all that rank.
GENERATOR_COLUMNS = [
    *("edition", "generator", "label", "taken_in", "retired", "protocol", "metric"),
    *("best", *NOTHING, "mean", "n_detectors"),
]


@dataclass(frozen=True)
class Board:
    """An edition, as the clone of `judge` has it."""

    judge: Judge
    edition: str

    @classmethod
    def of(cls, judge: Judge, edition: str = "") -> Board:
        """Of this edition, the newest for ''. Raises ParamsError for one that is not known."""
        return cls(judge, judge.editions.check(edition))

    @property
    def metric(self) -> str:
        return self.judge.editions.ranked.metric

    @property
    def protocols(self) -> list[str]:
        return self.judge.editions.ranked.protocols

    @cached_property
    def entries(self) -> list[Judged]:
        return list(self.judge.every(self.edition))

    @cached_property
    def shown(self) -> dict[str, Judged]:
        """Detector -> its entry, of those that have numbers."""
        return {one.entry.detector: one for one in self.entries if one.entry and not one.state}

    @cached_property
    def params(self) -> Params:
        """The settings with the board's detectors and protocols, the edition's generators and the reals alone."""
        every, present = self.judge.params, self.judge.editions.present(self.edition)
        sources = {name: one for name, one in every.sources.items() if name in present or one.role == "real"}
        rates = {name: rate for name, rate in every.metrics.fpr.items() if name == self.metric}
        detectors = [name for name in every.detectors if name in self.shown]
        detectors += [name for name in self.shown if name not in detectors]
        return every.model_copy(
            update={
                "sources": sources,
                "protocols": {name: every.protocols[name] for name in self.protocols},
                "metrics": every.metrics.model_copy(update={"fpr": rates}),
                "detectors": {name: every.detectors.get(name, ENTRY) for name in detectors},
            }
        )

    @cached_property
    def evaluated(self) -> list[Evaluated]:
        scores = {(name, fit): rows for name, one in self.shown.items() for fit, rows in one.scores.items()}
        every = [(name, fit) for name in self.shown for fit in self.judge.params.fits]
        absent = {key: "not entered" for key in every if key not in scores}
        luck = training_luck.read(self.judge.paths, self.judge.params)
        found = evaluate.of_scores(self.params, scores, absent, luck)
        return [(trial, detector, self._by_metric(one)) for trial, detector, one in found]

    def _by_metric(self, one: Measured) -> Measured:
        """The same with the numbers by the board's metric alone: nothing else is compared here."""
        return {**one, "replicates": {self.metric: one["replicates"][self.metric]}}

    @cached_property
    def means(self) -> dict[str, Any]:
        """protocol -> detector -> metric -> value, lo, hi and of how many generators."""
        return evaluate.summary(self.params, self.evaluated)["means"]

    @cached_property
    def verdicts(self) -> Verdicts:
        rows = comparisons.table(self.params, self.evaluated)
        return Verdicts(rows, {name: name for name in self.params.detectors}, self.params.metrics.confidence)

    # ---- detectors

    def detectors(self) -> pd.DataFrame:
        """DETECTOR_COLUMNS: those that rank, the best first; controls and the baseline; then what does not rank."""
        rows = [row for one in self.entries for row in self._rows(one)]
        order = {row["entry"]: row["value"] for row in rows if row["protocol"] == self.protocols[-1]}
        rows.sort(key=lambda row: (bool(row["state"]), KINDS.index(row["kind"]), _falling(order[row["entry"]])))
        return pd.DataFrame(rows, columns=DETECTOR_COLUMNS)

    def _rows(self, one: Judged) -> list[dict[str, Any]]:
        entry = one.entry
        base = {
            "edition": self.edition,
            "entry": one.name,
            "detector": entry.detector if entry else one.name,
            "label": self._label(entry.detector) if entry else one.name,
            "kind": self._kind(one),
            "state": one.state,
            "why": one.why,
            "date": entry.date if entry else "",
            "verified": one.verified,
            "metric": self.metric,
            "scored": one.scored,
            "of": one.of,
            **(self._size(one) if entry and not one.state else {"parameters": NAN, "visits": NAN}),
        }
        if not entry or one.state:
            return [
                {**base, "protocol": p, **NOTHING, "first": NAN, "last": NAN, "untold": NAN} for p in self.protocols
            ]
        return [{**base, "protocol": p, **self._mean(p, entry.detector), **self._rank(p, one)} for p in self.protocols]

    def _label(self, detector: str) -> str:
        known = self.judge.params.detectors.get(detector)
        return (known.printed if known else None) or detector

    def _kind(self, one: Judged) -> str:
        known = self.judge.params.detectors.get(one.entry.detector) if one.entry else None
        return BASELINE if one.entry and one.entry.baseline else CONTROL if known and known.control else DETECTOR

    def _size(self, one: Judged) -> dict[str, Any]:
        """Parameters, and how often training visited a clip, by the record beside the scores or by the entry."""
        assert one.entry is not None
        file = self.judge.paths.scores(one.entry.detector, "all").with_suffix(".json")
        said = read_json(file) if file.is_file() and not one.entry.baseline else {}
        visits = NAN
        if "clips" in said and "epochs" in said:
            visits = said["clips"]["train"] * said["epochs"] * said.get("settings", {}).get("repeats", 1)
        return {"parameters": said.get("parameters", one.entry.parameters or NAN), "visits": visits}

    def _mean(self, protocol: str, detector: str) -> dict[str, Any]:
        """The mean over every generator of the edition; nothing where one lacks a score."""
        found = self.means.get(protocol, {}).get(detector, {}).get(self.metric, {})
        own = [one for trial, name, one in self.evaluated if (trial.protocol, name) == (protocol, detector)]
        if found.get("generators") != len(self.judge.editions.present(self.edition)):
            return dict(NOTHING)
        return {
            **{end: found[end] for end in ("value", "lo", "hi")},
            "n_real": max(one["n_real"] for one in own),
            "n_fake": sum(one["n_fake"] for one in own),
            "resolvable": weakest([self._resolved(one) for one in own]),
        }

    def _resolved(self, one: Measured) -> str:
        return resolvable(self.params, self.metric, one["n_real"], one["n_fake"])

    def _rank(self, protocol: str, one: Judged) -> dict[str, Any]:
        """The places that a detector may hold: only what is told to stand above or below it narrows them."""
        others = self._ranking(protocol)
        if not one.entry or one.entry.detector not in others:
            return {"first": NAN, "last": NAN, "untold": NAN}
        told = [
            self.verdicts.better(self.metric, one.entry.detector, other, protocol=protocol).above
            for other in others
            if other != one.entry.detector
        ]
        return {"first": 1 + told.count(False), "last": len(others) - told.count(True), "untold": told.count(None)}

    def _ranking(self, protocol: str) -> list[str]:
        """The detectors that rank under a protocol: no control, no baseline, and none whose mean cannot be resolved."""
        return [
            name
            for name, one in self.shown.items()
            if self._kind(one) == DETECTOR and self._mean(protocol, name)["resolvable"]
        ]

    # ---- generators

    def generators(self) -> pd.DataFrame:
        """GENERATOR_COLUMNS, those of which least is found under the last protocol first; last those that are gone."""
        every = [name for name, one in self.judge.editions.generators.items() if one.taken_in <= self.edition]
        rows = [
            {"edition": self.edition, "protocol": p, "metric": self.metric, **self._about(g), **self._found(p, g)}
            for g in every
            for p in self.protocols
        ]
        order = {row["generator"]: row["value"] for row in rows if row["protocol"] == self.protocols[-1]}
        rows.sort(key=lambda row: (bool(row["retired"]), -_falling(order[row["generator"]])))
        return pd.DataFrame(rows, columns=GENERATOR_COLUMNS)

    def _about(self, generator: str) -> dict[str, Any]:
        when = self.judge.editions.generators[generator]
        gone = when.retired if when.retired and when.retired <= self.edition else ""  # what came later is not known yet
        label = self.judge.params.sources[generator].printed
        return {"generator": generator, "label": label, "taken_in": when.taken_in, "retired": gone}

    def _found(self, protocol: str, generator: str) -> dict[str, Any]:
        """How much of a generator the detector that finds most of it finds."""
        ranking = self._ranking(protocol)
        own = {
            name: one
            for trial, name, one in self.evaluated
            if (trial.protocol, trial.generator) == (protocol, generator) and name in ranking
        }
        values = {name: float(one["replicates"][self.metric][0]) for name, one in own.items()}
        if not values:
            return {**NOTHING, "best": "", "mean": NAN, "n_detectors": 0}
        best = max(values, key=values.__getitem__)
        one, value = own[best], values[best]
        confidence = self.params.metrics.confidence
        lo, hi = intervals.widened(value, one["ends"][self.metric], one["trained"][self.metric], confidence)
        counts = {"n_real": one["n_real"], "n_fake": one["n_fake"], "resolvable": self._resolved(one)}
        mean = sum(values.values()) / len(values)
        found = {"best": self._label(best), "value": value, "lo": lo, "hi": hi, **counts}
        return found | {"mean": mean, "n_detectors": len(values)}


def _falling(value: float) -> float:
    """What sorts the largest first, and no number as if it were the least."""
    return 1.0 if math.isnan(value) else -value
