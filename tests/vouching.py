"""Records for results that a test wrote or changed: as if the stages of this profile and code had written them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from thb import detectors
from thb.clips import clip_store
from thb.core import origin
from thb.core.params import Params, load
from thb.core.paths import RECORD, Paths
from thb.core.tables import SCORE_COLUMNS, SPLIT_COLUMNS, TESTED_COLUMNS, read_csv, read_json, write_csv, write_json
from thb.fits import weights
from thb.fits.score_files import SCORES, SHUFFLED_LABELS, SHUFFLED_SOUND, ScoreFile
from thb.reencoded import conditions, files
from thb.splits import assignment, otherwise
from thb.splits.clips_of_fit import seen_digest


def with_seed(params: Params, seed: int) -> Params:
    """The same profile with another seed."""
    changed = {params.profile: params.active.model_copy(update={"seed": seed})}
    return params.model_copy(update={"profiles": {**params.profiles, **changed}})


def vouch(paths: Paths, params: Params | None = None) -> None:
    """For all that lies in results/ of a clone, its control corpora too."""
    params = params or load(paths.params)
    for_scores(paths, params)
    if paths.corpus.is_file() or paths.leakage.is_file():
        for_tables(paths, params)
    for_cells(paths, params)
    for name in params.ablations:
        for_cells(Paths(paths.root, name), params)
    for_maps(paths, params)
    for_reencoded(paths, params)


def for_reencoded(paths: Paths, params: Params) -> None:
    """Scores and cells of clips that were encoded again, by the weights behind the other scores."""
    if not files.cells(paths).is_file():
        return
    settings = conditions.load(paths, params)
    fits = files.sources_of_fits(params, settings)
    for name in params.detectors:
        hashes = {fit: read_json(ScoreFile(paths, params, name, fit).beside)["weights_sha256"][0] for fit in fits}
        made = files.scores_record(paths, params, settings, name, weights_sha256=hashes, absent={})
        write_json(made, files.scores(paths, name).with_suffix(".json"))
    said = {name: {"says": one.says, "does": one.does} for name, one in settings.conditions.items()}
    scores = {name: origin.sha256(files.scores(paths, name)) for name in params.detectors}
    file, of = files.cells(paths), {"scores": scores, "conditions": said, "absent": {}}
    made = origin.record(files.cells_made_by(params), file.parent, [file.name], **of)
    write_json(made, file.with_suffix(".json"))


def for_cells(paths: Paths, params: Params) -> None:
    """metrics.json, and what it vouches for."""
    if not paths.cells.is_file():
        return
    written = [file.name for file in (paths.cells, paths.comparisons) if file.is_file()]
    scores = {
        f"{file.parent.name}/{file.stem}": origin.sha256(file) for file in (paths.results / "scores").glob("*/*.csv")
    }
    _add(paths.metrics, origin.record(origin.of_cells(paths, params), paths.results, written, scores=scores))


def for_scores(paths: Paths, params: Params) -> None:
    """The JSON beside every score file, and the list of clips that they are of."""
    kinds = {SCORES: "scores", SHUFFLED_SOUND: "shuffled_sound", SHUFFLED_LABELS: "shuffled_labels"}
    for kind, folder in kinds.items():
        for file in (paths.results / folder).glob("*/*.csv"):
            if file.parent.name in params.detectors and file.stem in params.fits:
                for_score_file(ScoreFile(paths, params, file.parent.name, file.stem, kind))
    for own in (otherwise.place(paths, params, choice) for choice in otherwise.CHOICES):
        for file in (own.results / "scores").glob("*/*.csv"):
            for_score_file(ScoreFile(own, params, file.parent.name, file.stem))


def for_score_file(file: ScoreFile, **more: Any) -> None:
    run = file.paths.run(file.detector, file.fit) / weights.RUN
    here = json.loads(run.read_text())["files"][weights.FILE] if run.is_file() else "0" * 64
    made = origin.record(
        file.made_by,
        file.path.parent,
        [file.path.name],
        kind=file.kind,
        detector=file.detector,
        fit=file.fit,
        weights_sha256=[here],
        fit_made_by=asdict(origin.of_fit(file.paths, file.params, file.detector)),
    )
    _add(file.beside, {**made, **more})


def write_weights(paths: Paths, params: Params, model: Any, detector: str, fit: str, **about: Any) -> Path:
    """A fit as `train` would leave it, of whatever weights the model has; its folder comes back."""
    folder, made_by = paths.run(detector, fit), origin.of_fit(paths, params, detector)
    folder.mkdir(parents=True, exist_ok=True)
    said = {"fit": fit, "draw": 0, "made_by": asdict(made_by), "reads": weights.reads(params.active), **about}
    model.save(folder / weights.FILE, detectors.describe(detector, model.config, **said))
    write_json(
        origin.record(made_by, folder, [weights.FILE], detector=detector, fit=fit, **_learnt_from(paths, params, fit)),
        folder / weights.RUN,
    )
    return folder


def for_run(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """A run.json that fits the weights, the split and the stores as they are now."""
    run = paths.run(detector, fit) / weights.RUN
    _add(run, {"files": {weights.FILE: origin.sha256(run.with_name(weights.FILE))}, **_learnt_from(paths, params, fit)})


def _learnt_from(paths: Paths, params: Params, fit: str) -> dict[str, Any]:
    """Where there is a split: which, and which clips it names."""
    if not paths.split(fit).is_file():
        return {"seen": None, "stores": {}}
    split = read_csv(paths.split(fit), SPLIT_COLUMNS)
    sources = split["source"][split["use"].isin(assignment.SEEN)].unique()
    return {
        "seen": seen_digest(split),
        "stores": {source: clip_store.digest(paths, params, source) for source in sources},
    }


def for_tables(paths: Paths, params: Params, clips: pd.DataFrame | None = None) -> None:
    """clips.csv, of the clips that are given or that have scores, and the tables beside it."""
    if clips is None:
        tables = [read_csv(file, SCORE_COLUMNS) for file in sorted((paths.results / "scores").glob("*/*.csv"))]
        clips = pd.concat(tables).drop_duplicates("clip").assign(driver="", status="ok") if tables else None
    if clips is not None:
        write_csv(clips, paths.tested, TESTED_COLUMNS)
    written = [
        file.name
        for file in (paths.tested, paths.corpus, paths.coverage, paths.curation, paths.leakage)
        if file.is_file()
    ]
    write_json(
        origin.record(origin.of_splits(paths, params), paths.results, written, clips_made_by={}), paths.tested_record
    )


def for_maps(paths: Paths, params: Params) -> None:
    for folder in (paths.results / "cams").glob("*"):
        if (detector := folder.name) in params.detectors:
            names = [file.name for file in folder.iterdir() if file.name != RECORD]
            origin.write_maps(paths, params, detector, names, scores={})


def for_store(paths: Paths, params: Params, source: str) -> None:
    """As `prepare` would."""
    folder = paths.clips(source)
    made = origin.record(
        origin.of_store(paths, params, source), folder, [name for name in clip_store.FILES if (folder / name).is_file()]
    )
    of_clips = Paths(paths.root) if source in paths.shared else paths
    write_json(
        {**params.active.store.model_dump(), **made, "raw": clip_store.raw_digest(of_clips, params, source)},
        folder / clip_store.META,
    )


def for_raw(paths: Paths, params: Params) -> None:
    """As `fetch` would."""
    write_json(origin.record(origin.of_raw(paths, params), paths.raw, []), paths.raw_record)


def _add(path: Path, more: Mapping[str, Any]) -> None:
    """To a JSON file that may be there."""
    found = json.loads(path.read_text()) if path.is_file() else {}
    write_json({**found, **more}, path)
