"""A clone as it looks after a run, without the run: plausible results from arithmetic alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from thb import metrics, protocols
from thb.params import Params, load, switch_profile
from thb.paths import Paths
from thb.published import printed_cells, printed_value
from thb.records import CELL_COLUMNS, SCORE_COLUMNS, write_csv, write_json
from thb.report.statistics_table import CORPUS_COLUMNS, CURATION_COLUMNS

PROFILE = "mini"
REALS, FAKES = 210, 28
BASE = {"P1": 0.92, "P2": 0.83, "P3": 0.78, "unseen_P1": 0.80, "unseen_P3": 0.75, "ffpp": 0.66}


def clone(repo: Path, root: Path) -> Paths:
    """Everything but results copied from the repository."""
    shutil.copy(repo / "params.yaml", root)
    shutil.copytree(repo / "paper", root / "paper")
    shutil.copytree(repo / "notebooks", root / "notebooks")
    shutil.copytree(repo / "book", root / "book", ignore=shutil.ignore_patterns("_build", "_executed"))
    return Paths(root)


def fill(paths: Paths, p3: float = BASE["P3"]) -> Params:
    """Write results/ of the main corpus and its control corpora; `p3` is TALL's level there."""
    if load(paths.params).profile != PROFILE:
        switch_profile(paths.params, PROFILE)  # whichever profile the repository stands on
    params = load(paths.params)
    _cells(paths, params, {**BASE, "P3": p3}, params.fits)
    for name in params.ablations:
        _cells(Paths(paths.root, name), params, {**BASE, "P1": 0.7}, ["all"])
    _corpus(paths, params)
    _fits(paths, params)
    entry = {"promised": True, "count": 0, "examples": []}
    write_json({"corpus": "mini", "protocols": {"P1": {"identity": entry}}, "whole": {}}, paths.leakage)
    frames = np.zeros((len(params.sources), 3, 2, 16, 16, 3), np.uint8)
    paths.contact.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        paths.contact,
        frames=frames,
        sources=list(params.sources),
        clips=[[f"{s}-{i}" for i in range(3)] for s in params.sources],
    )
    return params


def _fits(paths: Paths, params: Params) -> None:
    """What stands beside each `all` fit's scores, and the scores of those that hear, their own and shuffled."""
    for name in params.detectors:
        write_json({"detector": name, "fit": "all", "parameters": 1234, "trainable": 1000},
                   paths.scores(name, "all").with_suffix(".json"))
    rng = np.random.default_rng(3)
    for name in params.sound_checks:
        for path, shift in ((paths.scores(name, "all"), 2.0), (paths.shuffled(name, "all"), 0.5)):
            write_csv(pd.concat([_scores(rng, s, e.role, e.label, shift) for s, e in params.sources.items()]),
                      path, SCORE_COLUMNS)


def _scores(rng: np.random.Generator, source: str, role: str, label: int, shift: float, n: int = 20) -> pd.DataFrame:
    number = [f"{i:05d}" for i in range(n)]
    return pd.DataFrame({"clip": [f"{source}/{i}" for i in number], "source": source, "role": role, "label": label,
                         "split": "test", "portrait": number if label else "", "video": number, "use": "test",
                         "score": 1 / (1 + np.exp(-rng.normal(shift * label, 1, n))), "status": "ok", "reason": ""})


def value(metric: str, level: float) -> float:
    return {"AUC": level, "T1": level / 2, "T0.1": level / 4, "Brier": (1 - level) / 2, "EER": 1 - level}[
        metric
    ]


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
        "n_real": REALS,
        "n_fake": FAKES,
        "resolvable": alpha is None or metrics.is_resolvable(alpha, REALS),
        "printed": printed_value(printed, params, trial.protocol, detector, trial.generator, metric),
    }


def _corpus(paths: Paths, params: Params) -> None:
    rows, made = [], []
    for source, entry in params.sources.items():
        splits = {"test": 4} if entry.role == "unseen" else {"train": 6, "val": 2, "test": 4}
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
            for split, n in splits.items()
        ]
        kept = sum(splits.values())
        if entry.role in ("generator", "unseen"):
            made.append(
                {"source": source, "made": 2 * kept, "removed": kept, "kept": kept, "ratio_removed": 0.5}
            )
    rows[0]["ok"], rows[0]["error"] = rows[0]["ok"] - 1, 1
    write_csv(pd.DataFrame(rows), paths.corpus, CORPUS_COLUMNS)
    write_csv(pd.DataFrame(made), paths.curation, CURATION_COLUMNS)
    write_csv(
        pd.DataFrame(
            [["hallo/x", "hallo", "error", "truncated"]], columns=["clip", "source", "status", "reason"]
        ),
        paths.coverage,
        ["clip", "source", "status", "reason"],
    )
