"""A clone as it looks after a run, without the run: plausible results from arithmetic alone."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cams_made
import numpy as np
import pandas as pd
from filelock import FileLock
from vouching import for_scores, for_tables, vouch

from thb.cells import comparisons, containers, evaluate
from thb.cells.columns import CELL_COLUMNS, COMPARISON_COLUMNS
from thb.cells.printed import printed_cells, printed_value
from thb.cells.questions import MEAN
from thb.core import metrics, origin
from thb.core.params import Params, load, switch_profile
from thb.core.paths import Paths
from thb.core.tables import (
    CORPUS_COLUMNS,
    COVERAGE_COLUMNS,
    CURATION_COLUMNS,
    SCORE_COLUMNS,
    SHUFFLED_COLUMNS,
    TESTED_COLUMNS,
    read_csv,
    shuffled_columns,
    write_csv,
    write_json,
)
from thb.leaderboard import baseline, entries, submission
from thb.leaderboard.judge import Judge
from thb.reencoded import conditions, files
from thb.splits import assignment, leakage, otherwise, protocols

PROFILE = "mini"
REALS, FAKES, DRAWS = 310, 28, 60
BASE = {"P1": 0.92, "P2": 0.83, "P3": 0.78, "unseen_P1": 0.80, "unseen_P3": 0.75, "ffpp": 0.66}
FEW = 100  # resamples that notebooks and `evaluate` draw here: a thousand take ten times as long and test no more
# What was once made of a params.yaml is copied from then on: to make it takes seconds. Test processes that run side by
# side share the folder (conftest.py says where).
_HOME = tempfile.TemporaryDirectory(prefix="thb-made-")
home = Path(_HOME.name)


def edit_cells(paths: Paths, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Put other cells in the place of those that are there, and what they compare to."""
    write_csv(change(read_csv(paths.cells, CELL_COLUMNS)), paths.cells, CELL_COLUMNS)
    compare_cells(paths, load(paths.params))
    vouch(paths)


def compare_cells(paths: Paths, params: Params) -> None:
    """The comparisons of the cells that are there: every cell drawn by itself, as widely as its interval."""
    cells, rng = read_csv(paths.cells, CELL_COLUMNS), np.random.default_rng(5)
    noise, found = rng.normal(0, 1 / (2 * 1.96), (len(cells), 1 + DRAWS)), {}
    noise[:, 0] = 0
    for row, drawn in zip(cells.to_dict("records"), noise, strict=True):
        key = (row["protocol"], row["generator"], row["detector"])
        one = found.setdefault(
            key, {"n_real": row["n_real"], "n_fake": row["n_fake"], "replicates": {}, "ends": {}, "trained": {}}
        )
        one["replicates"][row["metric"]] = row["value"] + drawn * (row["hi"] - row["lo"])
        one["ends"][row["metric"]] = row["lo"], row["hi"]
        one["trained"][row["metric"]] = np.array([row["value"]])
    evaluated = [
        (protocols.Trial(protocol, generator, ()), detector, one)
        for (protocol, generator, detector), one in found.items()
    ]
    write_csv(comparisons.table(params, evaluated), paths.comparisons, COMPARISON_COLUMNS)


def clone(repo: Path, root: Path) -> Paths:
    """Everything but results copied from the repository; few resamples are drawn there."""
    for name in ("params.yaml", "reencode.yaml"):
        shutil.copy(repo / name, root)
    few_draws(Paths(root))
    shutil.copy(repo / "CITATION.cff", root)
    (root / "benchmarks").mkdir()
    for name in ("faces.csv", "face_resolution.csv", "coverage.csv", "commands.csv"):
        shutil.copy(repo / "benchmarks" / name, root / "benchmarks")
    shutil.copytree(repo / "benchmarks" / "results", root / "benchmarks" / "results")
    (root / "thb" / "curate").mkdir(parents=True)
    shutil.copy(repo / "thb" / "curate" / "reasons.csv", root / "thb" / "curate")
    shutil.copytree(repo / "paper", root / "paper")
    shutil.copytree(repo / "notebooks", root / "notebooks")
    shutil.copytree(repo / "leaderboard", root / "leaderboard")
    shutil.copytree(repo / "book", root / "book", ignore=shutil.ignore_patterns("_build", "_executed"))
    return Paths(root)


def few(params: Params, detectors: Sequence[str]) -> Params:
    """These detectors, two generators, the paper's protocols and few resamples."""
    generators = {name: params.generators[name] for name in ("hallo", "hallo2")}
    return params.model_copy(
        update={
            "generators": generators,
            "sources": {**generators, **{name: params.sources[name] for name in ("ffpp", "celebvhq", "faceswap")}},
            "protocols": {name: params.protocols[name] for name in ("P1", "P2", "P3")},
            "detectors": {name: params.detectors[name] for name in detectors},
            "ablated": [],
            "metrics": params.metrics.model_copy(update={"bootstrap": 20}),
        }
    )


def score(repo: Path, paths: Paths, params: Params, draw: Callable[[np.random.Generator, str, pd.Series], Any]) -> None:
    """The clips of the committed results with made-up scores, evaluated; `draw` gives a detector's, by the labels."""
    shutil.copytree(repo / "paper", paths.root / "paper")
    shutil.copy(repo / "params.yaml", paths.root)
    clips = read_csv(repo / "results" / "clips.csv", TESTED_COLUMNS)
    clips = clips[clips["source"].isin(params.sources)]
    for d, detector in enumerate(params.detectors):
        for f, fit in enumerate(params.fits):
            own = clips.assign(use=assignment.uses(clips, fit), reason="")
            own = own[own["use"].isin(["val", "test"])]
            drawn = draw(np.random.default_rng([d, f]), detector, own["label"])
            write_csv(own.assign(score=drawn), paths.scores(detector, fit), SCORE_COLUMNS)
    for_tables(paths, params, clips)
    for_scores(paths, params)
    evaluate.run(paths, params)


def fill_cells(paths: Paths, p3: float = BASE["P3"]) -> Params:
    """Only what `evaluate` writes of the main corpus, for tests that read no scores."""
    if load(paths.params).profile != PROFILE:
        switch_profile(paths.params, PROFILE)
    params = load(paths.params)

    def make() -> None:
        _cells(paths, params, {**BASE, "P3": p3}, params.fits)
        compare_cells(paths, params)
        vouch(paths, params)

    if paths.results.is_dir():  # whose other files metrics.json has to name
        make()
    else:
        _once(paths, "cells", p3, make)
    return params


def fill(paths: Paths, p3: float = BASE["P3"]) -> Params:
    """Write results/ of the main corpus and its control corpora; `p3` is TALL's level there."""
    if load(paths.params).profile != PROFILE:
        switch_profile(paths.params, PROFILE)  # whichever profile the repository stands on
    params = load(paths.params)
    _once(paths, "all", p3, lambda: _fill(paths, params, p3))
    return params


def few_draws(paths: Paths, n: int = FEW) -> None:
    """Let the clone's params.yaml ask for `n` resamples; what lies in results/ is not vouched for anew."""
    text, times = re.subn(r"bootstrap: \d+", f"bootstrap: {n}", paths.params.read_text(encoding="utf-8"))
    assert times == 1
    paths.params.write_text(text, encoding="utf-8")


def _once(paths: Paths, what: str, p3: float, make: Callable[[], None]) -> None:
    """Make results in a clone, or copy what was made of the same params.yaml before, by whichever process."""
    kept = home / hashlib.sha256(f"{what} {p3} {paths.params.read_text(encoding='utf-8')}".encode()).hexdigest()[:16]
    with FileLock(f"{kept}.lock"):
        if kept.is_dir():
            return _copy(kept, paths.root)
        make()
        _copy(paths.root, part := kept.with_suffix(".part"))
        part.rename(kept)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target / "leaderboard" / "entries", ignore_errors=True)  # of the repository's own scores
    for folder in (name for name in ("results", "data", "leaderboard") if (source / name).is_dir()):
        shutil.copytree(source / folder, target / folder, dirs_exist_ok=True)


def _fill(paths: Paths, params: Params, p3: float) -> None:
    _cells(paths, params, {**BASE, "P3": p3}, params.fits)
    compare_cells(paths, params)
    for name in params.ablations:
        _cells(Paths(paths.root, name), params, {**BASE, "P1": 0.7}, ["all"])
    _corpus(paths, params)
    _every_score(paths, params)
    _otherwise(paths, params)
    _fits(paths, params)
    _drawn(paths, params)
    _reencoded(paths, params)
    cams_made.write(paths, params)
    _leakage(paths, params)
    frames = np.zeros((len(params.sources), 3, 2, 16, 16, 3), np.uint8)
    paths.contact.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        paths.contact,
        frames=frames,
        sources=list(params.sources),
        clips=[[f"{s}-{i}" for i in range(3)] for s in params.sources],
        made_by=json.dumps(asdict(origin.of_contact(paths, params))),
    )
    _kinds_of_file(paths, params)
    vouch(paths, params)
    _entered(paths, params)


def _entered(paths: Paths, params: Params) -> None:
    """An entry of each detector and of the baseline, in the place of those of other clips."""
    for file in (entries.folder(paths), entries.ledger(paths)):
        shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
    judge = Judge.of(paths, params)
    for name in (*params.detectors, baseline.NAME):
        said = submission.Said(name, ["A. Author"], "2025-06-01", {}, baseline=name == baseline.NAME)
        submission.enter(judge, said)


def _kinds_of_file(paths: Paths, params: Params) -> None:
    """As `containers` writes them: of two kinds in turn, and LivePortrait's clips of one that no real has."""
    clips = read_csv(paths.scores("tall", "all"), SCORE_COLUMNS)
    kinds = [
        "10 fps" if row.source == "liveportrait" else f"{25 + i % 2} fps" for i, row in enumerate(clips.itertuples())
    ]
    containers.write(paths, params, pd.DataFrame({"clip": clips["clip"], "kind": kinds}))


def _every_score(paths: Paths, params: Params) -> None:
    """The scores of every detector and fit: as many test clips as the cells say, and some of the other splits."""
    rng = np.random.default_rng(4)
    clips = pd.concat(
        [
            _scores(rng, s, e.role, e.label, 0.0, n, split)
            for s, e in params.sources.items()
            for split, n in _clips(e.role).items()
        ]
    )
    for detector in params.detectors:
        for fit in params.fits:
            score = 1 / (1 + np.exp(-rng.normal(2.5 * clips["label"], 1)))
            rows = clips.assign(score=score, use=assignment.uses(clips, fit))
            write_csv(rows[rows["use"].isin(["val", "test"])], paths.scores(detector, fit), SCORE_COLUMNS)


def _otherwise(paths: Paths, params: Params) -> None:
    """Scores under choices that need other fits: lower ones of fakes under the first, the same under the second."""
    for choice, shift in zip(otherwise.CHOICES, (1.5, 0.0), strict=True):
        for detector in otherwise.trained(params):
            rows = read_csv(paths.scores(detector, otherwise.FIT), SCORE_COLUMNS).query("use == 'test'")
            logit = np.log(rows["score"] / (1 - rows["score"])) - shift * rows["label"]
            file = otherwise.place(paths, params, choice).scores(detector, otherwise.FIT)
            write_csv(rows.assign(score=1 / (1 + np.exp(-logit))), file, SCORE_COLUMNS)
            seen = {use: {"real": 20, "fake": 20} for use in ("train", "val")}
            write_json({"seen": seen, "best_epoch": 2}, file.with_suffix(".json"))


def _clips(role: str) -> dict[str, int]:
    """split -> clips of one source."""
    learnt = {} if role == "unseen" else {"train": 12, "val": 6}
    return learnt | {"test": REALS // 2 if role == "real" else FAKES}


def _fits(paths: Paths, params: Params) -> None:
    """What stands beside each `all` fit's scores, and the scores of those that hear had the sound been another's."""
    trained = {"parameters": 1234, "trainable": 1000, "clips": {"train": 72, "val": 24}}
    for name, entry in params.detectors.items():
        ended = {} if entry.control else {"epochs": 4, "best_epoch": 3, "stopped_by": "patience"}
        write_json({"detector": name, "fit": "all", **trained, **ended}, paths.scores(name, "all").with_suffix(".json"))
    rng = np.random.default_rng(3)
    for name in params.sound_checks:
        write_csv(
            pd.concat(
                [
                    _scores(rng, s, e.role, e.label, 0.5, n, split)
                    for s, e in params.sources.items()
                    for split, n in _clips(e.role).items()
                ]
            ),
            paths.shuffled_sound(name, "all"),
            SCORE_COLUMNS,
        )


def _drawn(paths: Paths, params: Params) -> None:
    """Scores of fits on labels that say nothing: by chance a little up or down for all the fakes of a fit."""
    for d, (name, fits) in enumerate(params.label_checks.items()):
        rng = np.random.default_rng([8, d])
        rows = pd.concat([_scores(rng, s, e.role, e.label, 0.0) for s, e in params.sources.items()])
        shifts = np.linspace(-0.8, 0.9, fits)
        drawn = {
            c: 1 / (1 + np.exp(-rng.normal(shift * rows["label"], 1)))
            for c, shift in zip(shuffled_columns(fits), shifts, strict=True)
        }
        write_csv(rows.assign(**drawn), paths.shuffled_labels(name, "all"), [*SHUFFLED_COLUMNS, *drawn])


def _scores(
    rng: np.random.Generator, source: str, role: str, label: int, shift: float, n: int = 20, split: str = "test"
) -> pd.DataFrame:
    number = [f"{i + 1000 * ['test', 'val', 'train'].index(split):05d}" for i in range(n)]
    return pd.DataFrame(
        {
            "clip": [f"{source}/{i}" for i in number],
            "source": source,
            "role": role,
            "label": label,
            "split": split,
            "portrait": number if label else "",
            "video": number,
            "use": "val" if split == "val" else "test",
            "score": 1 / (1 + np.exp(-rng.normal(shift * label, 1, n))),
            "status": "ok",
            "reason": "",
        }
    )


def _reencoded(paths: Paths, params: Params) -> None:
    """Each condition takes a little more than the one before; a single clip's scores stand for all that it rests on."""
    settings, cells = conditions.load(paths, params), read_csv(paths.cells, CELL_COLUMNS)
    columns, names = files.score_columns(params, settings), list(settings.conditions)
    scores = pd.DataFrame({"condition": names}).reindex(columns=columns, fill_value=0.5)
    for detector in params.detectors:
        own = scores.assign(clip="hallo/00000", source="hallo", status="ok", reason="")
        write_csv(own, files.scores(paths, detector), columns)
    asked = cells["protocol"].isin(settings.reencoded) & cells["metric"].isin([metrics.AUC, *params.metrics.fpr][:2])
    own = cells[asked].groupby(["protocol", "detector", "metric"], sort=False)
    cells = pd.concat([cells[asked], own.first().reset_index().assign(generator=MEAN)])
    taken = [0.02 * i for i in range(len(names))]
    rows = [
        cells.assign(condition=name, change=-less, before=cells["value"])
        for name, less in zip(names, taken, strict=True)
    ]
    table = pd.concat(rows).assign(lost=1, p_holm=0.5, resolvable=metrics.FIRM)
    table["value"] = table["before"] + table["change"]
    for name in ("before", "change"):
        table[f"{name}_lo"], table[f"{name}_hi"] = table[name] - 0.03, table[name] + 0.03
    table["verdict"] = np.where(table["change_hi"] < 0, "below", "cannot be told")
    write_csv(table, files.cells(paths), files.CELL_COLUMNS)


def value(metric: str, level: float) -> float:
    return {"AUC": level, "T1": level / 2, "T0.1": level / 4, "Brier": (1 - level) / 2, "EER": 1 - level}[metric]


def _cells(paths: Paths, params: Params, base: dict[str, float], fits: list[str]) -> None:
    printed, rows, means = printed_cells(paths.published), [], {}
    for trial in (t for t in protocols.trials(params) if set(t.fits) <= set(fits)):
        for detector in params.detectors:
            level = base[trial.protocol] - 0.02 * len(rows) / 1000 - 0.2 * params.detectors[detector].control
            level = 0.99 if trial.generator == "faceswap" else level
            rows += [
                _cell(params, printed, trial, detector, metric, level)
                for metric in ("AUC", *params.metrics.fpr, "Brier", "EER")
            ]
    table = pd.DataFrame(rows)
    write_csv(table, paths.cells, CELL_COLUMNS)
    for (protocol, detector, metric), group in table.groupby(["protocol", "detector", "metric"]):
        mean = float(group["value"].mean())
        means.setdefault(protocol, {}).setdefault(detector, {})[metric] = {
            "value": mean,
            "lo": mean - 0.02,
            "hi": mean + 0.02,
            "generators": len(group),
        }
    write_json({"corpus": params.active.corpus, "profile": params.profile, "means": means}, paths.metrics)


def _cell(params: Params, printed: dict, trial, detector: str, metric: str, level: float) -> dict:
    own = value(metric, level)
    alpha = params.metrics.fpr.get(metric)
    return {
        "corpus": params.active.corpus,
        "profile": params.profile,
        "protocol": trial.protocol,
        "detector": detector,
        "generator": trial.generator,
        "metric": metric,
        "value": own,
        "lo": own - 0.05,
        "hi": own + 0.05,
        "sd_seed": np.nan,
        "n_seeds": 1,
        "n_real": REALS,
        "n_fake": FAKES,
        "resolvable": metrics.FIRM if alpha is None else metrics.resolved(alpha, REALS),
        "printed": printed_value(printed, params, trial.protocol, detector, trial.generator, metric),
    }


def _leakage(paths: Paths, params: Params) -> None:
    """Every promise kept; some of what is not promised is shared, and the corpus holds one line that is not 0."""

    def entry(count: int, **notes: bool) -> dict:
        return {**notes, "count": count, "examples": [f"{i:05d}" for i in range(min(count, 5))]}

    found = {
        name: {
            kind: entry(0 if kind in protocol.disjoint else 3 * i, promised=kind in protocol.disjoint)
            for i, kind in enumerate(leakage.KINDS)
        }
        for name, protocol in params.protocols.items()
    }
    whole = {name: entry(0) for name in ("reals_that_drive", "repeated", "swaps_across_splits", "same_files")}
    write_json(
        {
            "corpus": "mini",
            "reals": "real/real_dataset_split.json",
            "protocols": found,
            "whole": whole | {"trained_officially": entry(7)},
        },
        paths.leakage,
    )


def _corpus(paths: Paths, params: Params) -> None:
    rows, made = [], []
    for source, entry in params.sources.items():
        uses = {"test": 4} if entry.role == "unseen" else {"train": 6, "val": 2, "test": 4}
        rows += [
            {
                "source": source,
                "role": entry.role,
                "split": split,
                "clips": n,
                "ok": n,
                "missing": 0,
                "error": 0,
                "seconds": 2.0 * n,
                "fps": "23.976; 25",
                "size": "128x128",
            }
            for split, n in uses.items()
        ]
        kept = sum(uses.values())
        if entry.role in ("generator", "unseen"):
            made.append({"source": source, "made": 2 * kept, "removed": kept, "kept": kept, "ratio_removed": 0.5})
    rows[0]["ok"], rows[0]["error"] = rows[0]["ok"] - 1, 1
    write_csv(pd.DataFrame(rows), paths.corpus, CORPUS_COLUMNS)
    write_csv(pd.DataFrame(made), paths.curation, CURATION_COLUMNS)
    write_csv(
        pd.DataFrame([["hallo/x", "hallo", "error", "truncated"]], columns=COVERAGE_COLUMNS),
        paths.coverage,
        COVERAGE_COLUMNS,
    )
