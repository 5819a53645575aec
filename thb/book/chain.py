"""From a number back to the clips: each file on the way, the hash on record, what made it, and what is here now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from thb.book import provenance
from thb.cells import containers
from thb.cells.columns import CELL, CELL_COLUMNS
from thb.cells.questions import MEAN
from thb.core import origin
from thb.core.errors import DataError
from thb.core.origin import Origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import MANIFEST_COLUMNS, TESTED_COLUMNS, read_csv, read_json
from thb.fits import score_files, weights
from thb.fits.score_files import ScoreFile
from thb.reencoded import files
from thb.report.load import TABLE_COLUMNS
from thb.splits import assignment, protocols
from thb.splits.protocols import Trial

SAME, CHANGED, ABSENT, UNRECORDED = "as recorded", "not as recorded", "not here", "no hash on record"
CURRENT, UNSAID = "as checked out", "not said"
SCORES, WEIGHTS, SPLIT = "scores", "weights", "split"


@dataclass(frozen=True)
class Link:
    """One file on the way, as it is on record (`sha256`, `made_by`, `facts`) and as it is here (`state`, `here`).

    `code` says whether the code and settings that are checked out would make it, or in what they differ.
    """

    step: str
    name: str
    sha256: str = ""
    made_by: Mapping[str, Any] = field(default_factory=dict)
    code: str = UNSAID
    facts: Mapping[str, Any] = field(default_factory=dict)
    state: str = UNRECORDED
    here: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """What was asked for, what is said of it in a line, and the links behind it, in order."""

    asked: str
    told: str
    links: Sequence[Link]


@dataclass(frozen=True)
class Tracer:
    """Finds the links, each once. `look`: say of each file whether it is here and as recorded, which hashes it."""

    paths: Paths
    params: Params
    look: bool = True

    # ---- what may be asked for

    def cell(self, protocol: str, detector: str, generator: str, metric: str) -> Chain:
        """One cell, or the mean over the generators. Raises DataError if cells.csv, or metrics.json, lacks it."""
        key = (protocol, detector, generator, metric)
        told, file = self._mean(*key) if generator == MEAN else self._value(key)
        trials = [t for t in protocols.trials(self.params, [protocol]) if generator in (MEAN, t.generator)]
        return Chain(" ".join(key), told, [self.result(file), *self.below(trials, [detector])])

    def exhibit(self, name: str) -> Chain:
        """One exhibit. Raises ParamsError if params.yaml has none of that name."""
        shown = self._cells_shown(name)
        trials = [t for t in protocols.trials(self.params) if not shown or t.protocol in shown[0]]
        detectors = shown[1] if shown else list(self.params.detectors)
        read = [self.paths.cells] if shown else [self.paths.cells, self.paths.comparisons, self.paths.corpus]
        told = (
            "its rows are cells, and rest on these files,"
            if shown
            else "its notebook may read every result: these files,"
        )
        return Chain(name, told, [self._made(name), *map(self.result, read), *self.below(trials, detectors)])

    def below(self, trials: Iterable[Trial], detectors: Iterable[str]) -> list[Link]:
        """What the cells of these trials and detectors rest on: scores, weights, splits, clips and their corpus."""
        trials = list(trials)
        fits = list(dict.fromkeys(fit for trial in trials for fit in trial.fits))
        used = self._sources(trials, fits)
        return [
            *(link for d in detectors for fit in fits for link in self._known(self.fit, d, fit)),
            *(self._known(self._split, fit) for fit in fits),
            *(self._known(self._clips, source) for source in self.params.sources if source in used),
            self._known(self._corpus),
        ]

    @cached_property
    def _known(self) -> Callable[..., Any]:
        """What one of our own questions was answered with, asked once."""
        return cache(lambda question, *about: question(*about))

    def behind(self, path: Path) -> list[Link]:
        """A table of results/, and what it rests on."""
        if path in (self.paths.cells, self.paths.comparisons, self.paths.metrics, files.cells(self.paths)):
            return [self.result(path), *self.below(protocols.trials(self.params), self.params.detectors)]
        return [self.result(path), *map(self._clips, self.params.sources), self._corpus()]

    def result(self, path: Path) -> Link:
        """A table or record of results/, by whichever record vouches for it."""
        for beside, wanted in (
            (self.paths.metrics, origin.of_cells),
            (self.paths.tested_record, origin.of_splits),
            (files.cells(self.paths).with_suffix(".json"), lambda _, params: files.cells_made_by(params)),
            (self.paths.results / containers.RECORD, containers.made_by),
        ):
            found = _record(beside)
            listed = _at(found, "files", path.name) or ""
            if listed or path == beside:
                return self._link("results", path, listed, _at(found, "made_by"), wanted(self.paths, self.params))
        return self._link("results", path, "", None, None)

    def fit(self, detector: str, fit: str) -> list[Link]:
        """The score file, and the weights behind it as it names them."""
        file = ScoreFile(self.paths, self.params, detector, fit)
        about = _record(file.beside)
        listed = self._scored.get(f"{detector}/{fit}") or _at(about, "files", file.path.name) or ""
        facts = _only(about, "statuses", score_files.GIVEN, "absent")
        scores = self._link(SCORES, file.path, listed, _at(about, "made_by"), file.made_by, facts)
        elsewhere = not about or {"absent", score_files.GIVEN} & set(about)
        return [scores] if elsewhere else [scores, self._weights(file, about)]

    # ---- numbers

    def _value(self, key: tuple[str, ...]) -> tuple[str, Path]:
        rows = read_csv(self.paths.cells, CELL_COLUMNS).set_index(CELL)
        if key not in rows.index:
            raise DataError(f"{self.paths.relative(self.paths.cells)} has no cell {' '.join(key)}; run `thb evaluate`")
        row = rows.loc[[key]].iloc[0]
        resolved = row["resolvable"] or "not resolvable"
        printed = "not printed" if pd.isna(row["printed"]) else f"printed {row['printed']:g}"
        return (
            f"{row['value']:.6g} [{row['lo']:.6g}, {row['hi']:.6g}], {resolved}; {row['n_real']:.0f} reals, "
            f"{row['n_fake']:.0f} fakes; {printed}"
        ), self.paths.cells

    def _mean(self, protocol: str, detector: str, generator: str, metric: str) -> tuple[str, Path]:
        file = self.paths.metrics
        found = _at(_record(file), "means", protocol, detector, metric)
        if not found:
            raise DataError(f"{self.paths.relative(file)} has no mean {metric} of {detector} in {protocol}")
        return (
            f"{found['value']:.6g} [{found['lo']:.6g}, {found['hi']:.6g}], mean over {found['generators']} generators",
            file,
        )

    def _cells_shown(self, name: str) -> tuple[set[str], list[str]] | None:
        """The protocols and detectors of an exhibit whose rows are cells and nothing else; None of any other."""
        file = self.paths.executed / f"{name}.csv"
        columns = pd.read_csv(file, nrows=0).columns if file.is_file() else []
        if not {"protocol", "detector"} <= set(columns) <= {*TABLE_COLUMNS, "clips_from"}:
            return None
        rows = pd.read_csv(file, usecols=["protocol", "detector"]).drop_duplicates()
        keys = {entry.printed or key: key for key, entry in self.params.detectors.items()}
        known = [keys[label] for label in dict.fromkeys(rows["detector"]) if label in keys]
        return set(rows["protocol"]), known or [k for k, entry in self.params.detectors.items() if entry.printed]

    @cached_property
    def _tested(self) -> pd.DataFrame:
        file = self.paths.tested
        return read_csv(file, TESTED_COLUMNS) if file.is_file() else pd.DataFrame(columns=TESTED_COLUMNS)

    def _sources(self, trials: Iterable[Trial], fits: Iterable[str]) -> set[str]:
        """Those that these fits learnt from, or that test them."""
        seen = {source for fit in fits for source in self._known(self._seen, fit)}
        return seen | {trial.generator for trial in trials} | set(self.params.of_role("real"))

    def _seen(self, fit: str) -> set[str]:
        clips = self._tested
        return set(clips.loc[assignment.uses(clips, fit).isin(assignment.SEEN), "source"])

    # ---- links

    def _made(self, name: str) -> Link:
        """The exhibit: its notebook and parameters, and whether it was made from the results at hand."""
        paths, entry = self.paths, provenance.entry(self.params, name)
        facts = {**entry, "again": provenance.rerun(self.params, name)}
        path, here, state = paths.executed / f"{name}.ipynb", {}, ABSENT
        if path.is_file():
            here = {"versions": _at(_record(path), "metadata", "thb", "versions") or {}}
            try:
                provenance.made_from(paths, name)
                state = "made from the results at hand"
            except DataError as fault:
                state = str(fault)
        return Link("exhibit", paths.relative(path), facts=facts, state=state, here=here)

    @cached_property
    def _scored(self) -> Mapping[str, str]:
        """detector/fit -> the hash of the score file that the cells were computed from."""
        return _at(_record(self.paths.metrics), "scores") or {}

    def _weights(self, file: ScoreFile, about: Mapping[str, Any]) -> Link:
        imported = weights.is_imported(about)
        folder = self.paths.run(file.detector, file.fit)
        wanted = None if imported else origin.of_fit(self.paths, self.params, file.detector)
        listed, made_by = "".join(about.get("weights_sha256", [])[:1]), _at(about, "fit_made_by")
        said = ("imported_from", "clips", "epochs", "best_epoch", "stopped_by", "val_auc", "parameters", "settings")
        link = self._link(WEIGHTS, folder / weights.FILE, listed, made_by, wanted, _only(about, *said))
        if link.state != SAME:  # what stands beside other weights is of those
            return link
        run, took = _record(folder / weights.RUN), _record(folder / weights.TOOK)
        return replace(link, here=_only(run, "versions", "seen", "start_sha256") | _only(took, "hardware", "seconds"))

    def _split(self, fit: str) -> Link:
        found = _record(self.paths.splits_record) or _record(self.paths.tested_record)
        path, uses = self.paths.split(fit), Counter(assignment.uses(self._tested, fit))
        facts = {use: uses[use] for use in assignment.USES} if len(self._tested) else {}
        wanted = origin.of_splits(self.paths, self.params)
        return self._link(SPLIT, path, _at(found, "files", path.name) or "", _at(found, "made_by"), wanted, facts)

    def _clips(self, source: str) -> Link:
        made_by = _at(_record(self.paths.tested_record), "clips_made_by", "prepare", source)
        listed = _at(_record(self.paths.splits_record), "clips", source) or ""
        wanted = origin.of_store(self.paths, self.params, source)
        return self._link("clips", self.paths.clips(source) / "clips.parquet", listed, made_by, wanted)

    def _corpus(self) -> Link:
        """The manifest, which no record has a hash of: what is looked at are the sizes of the files that it lists."""
        paths, path = self.paths, self.paths.manifest
        made_by = _at(_record(paths.tested_record), "clips_made_by", "fetch")
        link = self._link("manifest", path, "", made_by, origin.of_raw(paths, self.params))
        if not self.look or not path.is_file():
            return link
        rows = read_csv(path, MANIFEST_COLUMNS)
        sizes = zip(rows["path"], rows["bytes"], strict=True)
        found = sum((file := paths.clip_file(name)).is_file() and file.stat().st_size == size for name, size in sizes)
        here = {
            "sha256": origin.sha256(path),
            "files": f"{found:,} of {len(rows):,} here, of the size listed",
            "bytes": f"{sum(rows['bytes']):,}",
            "revision": ", ".join(map(str, rows["revision"].unique())),
        }
        other = made_by and _at(_record(paths.raw_record), "made_by") != made_by
        state = CHANGED if other or found < len(rows) else link.state
        return replace(link, state=state, here=here)

    def _link(
        self,
        step: str,
        path: Path,
        listed: str,
        made_by: Mapping[str, Any] | None,
        wanted: Origin | None,
        facts: Mapping[str, Any] | None = None,
    ) -> Link:
        name = self.paths.relative(path)
        code = _code(made_by, wanted, name) if made_by and wanted else UNSAID
        state = _state(path, listed) if self.look else ""
        return Link(step, name, listed, made_by or {}, code, facts or {}, state)


def _code(made_by: Mapping[str, Any], wanted: Origin, name: str) -> str:
    try:
        origin.check(made_by, wanted, name, "dvc repro")
    except DataError as fault:
        return str(fault)
    return CURRENT


def _state(path: Path, listed: str) -> str:
    if not path.is_file():
        return ABSENT
    return UNRECORDED if not listed else SAME if origin.sha256(path) == listed else CHANGED


def _record(path: Path) -> dict[str, Any]:
    """What a JSON says; nothing where there is none. Raises DataError if it is no JSON."""
    found = read_json(path) if path.is_file() else {}
    return dict(found) if isinstance(found, Mapping) else {}


def _at(found: Any, *keys: str) -> Any:
    """What stands at this place of a record; None where it has no such place."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _only(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names if found.get(name) is not None}
