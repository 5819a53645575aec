"""Scores and cells of clips that were encoded again: where they are, what made them; read only if they are of now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from thb.core import code, csv_checks, origin
from thb.core.errors import DataError
from thb.core.origin import Origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, read_csv
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.reencoded.conditions import Reencoding
from thb.splits import protocols

# `before` is of the same clips as they were, `change` the value less that, with the interval of the paired difference;
# `lost` clips could be scored before only, and are in neither. The verdict: where the value lies, seen from `before`.
NUMBERS = ["value", "lo", "hi", "before", "before_lo", "before_hi", "change", "change_lo", "change_hi"]
CELL_COLUMNS = [
    *("condition", "protocol", "detector", "generator", "metric"),
    *NUMBERS,
    *("n_real", "n_fake", "lost", "resolvable", "p_holm", "verdict"),
]
EVALUATE = "thb reencode-cells"

# ---- scores -----------------------------------------------------------------------------------------


def scores(paths: Paths, detector: str) -> Path:
    return paths.results / "reencoded" / "scores" / f"{detector}.csv"


def score_command(detector: str) -> str:
    """The command that makes them anew."""
    return f"thb reencode-score {detector}"


def sources_of_fits(params: Params, settings: Reencoding) -> dict[str, list[str]]:
    """Fit -> the sources on whose test clips a protocol tests it."""
    reals, found = params.of_role("real"), {}
    for trial in protocols.trials(params, settings.reencoded):
        for fit in trial.fits:
            found.setdefault(fit, dict.fromkeys(reals))[trial.generator] = None
    return {fit: list(sources) for fit, sources in found.items()}


def score_columns(params: Params, settings: Reencoding) -> list[str]:
    """A row a condition and clip, and in it a score for each fit that tests it."""
    return ["condition", "clip", "source", *sources_of_fits(params, settings), "status", "reason"]


def scores_made_by(params: Params, settings: Reencoding, detector: str) -> Origin:
    """Of one detector's file, as `reencode-score` would make it."""
    active = params.active
    said = [params.detector(detector), active.training_seed, *_settings(params, settings)]
    digest = code.digest("reencoded.score", f"detectors.{detector}")
    return Origin("reencode_score", active.corpus, params.profile, active.seed, origin.digest(said), digest)


def _settings(params: Params, settings: Reencoding) -> list[Any]:
    """What decides on the clips, but for the words by which conditions are called."""
    conditions = {name: one.model_dump(exclude={"says"}) for name, one in settings.conditions.items()}
    return [conditions, settings.reencoded, settings.test_clips[params.profile].model_dump()]


def scores_record(paths: Paths, params: Params, settings: Reencoding, detector: str, **more: Any) -> dict[str, Any]:
    """What stands beside a file of scores."""
    file = scores(paths, detector)
    made = scores_made_by(params, settings, detector)
    return origin.record(made, file.parent, [file.name], kind="scores of re-encoded clips", detector=detector, **more)


def read_scores(
    paths: Paths, params: Params, settings: Reencoding, detector: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The scores, and fit -> why there are none of it; DataError unless they are of the weights behind the others."""
    file, mend = scores(paths, detector), score_command(detector)
    if not file.is_file():
        raise DataError(f"missing {paths.relative(file)}; run `dvc repro`, or `{mend}`")
    about = origin.read(file.with_suffix(".json"), scores_made_by(params, settings, detector), paths, mend, file)
    origin.check_files(paths, file.parent, about, [file.name], mend)
    absent = {str(fit): str(why) for fit, why in about.get("absent", {}).items()}
    fits = list(sources_of_fits(params, settings))
    for fit in fits:
        before = score_files.about(ScoreFile(paths, params, detector, fit))
        own = about.get("weights_sha256", {}).get(fit)
        if before.get("absent", "") != absent.get(fit, "") or (fit not in absent and [own] != before["weights_sha256"]):
            raise DataError(
                f"{paths.relative(file)} is of other weights of {detector}/{fit} than the scores of the clips before; "
                f"run `{mend}`"
            )
    csv_checks.check(file, dict.fromkeys(fits, csv_checks.SCORE))
    table = read_csv(file, score_columns(params, settings))
    for fit, sources in sources_of_fits(params, settings).items():
        due = table.loc[(table["status"] == OK) & table["source"].isin(sources) & (fit not in absent)]
        if len(lacking := due.loc[due[fit].isna()]):
            clip = lacking.iloc[0]
            raise DataError(
                f"{paths.relative(file)}: clip {clip['clip']!r} has no score of fit {fit!r} under {clip['condition']}, "
                f"and is {OK}; run `{mend}`"
            )
    return table, absent


# ---- cells ------------------------------------------------------------------------------------------


def cells(paths: Paths) -> Path:
    return paths.results / "reencoded" / "changes.csv"


def cells_made_by(params: Params) -> Origin:
    """Of the cells, as `reencode-cells` would make them of the scores that are there."""
    active = params.active
    said = [
        params.metrics.model_dump(),
        {name: one.model_dump() for name, one in params.protocols.items()},
        {name: one.model_dump() for name, one in params.sources.items()},
        list(params.detectors),
    ]
    digest = code.digest("reencoded.cells")
    return Origin("reencode_cells", active.corpus, params.profile, active.seed, origin.digest(said), digest)


def read_cells(paths: Paths, params: Params) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """The cells, and condition -> what it `says` and `does`; DataError unless these scores and this code made them."""
    file = cells(paths)
    about = origin.read(file.with_suffix(".json"), cells_made_by(params), paths, EVALUATE, file)
    origin.check_files(paths, file.parent, about, [file.name], EVALUATE)
    read = {scores(paths, name).name: digest for name, digest in about.get("scores", {}).items()}
    origin.check_files(paths, scores(paths, "").parent, {"files": read}, read, EVALUATE)
    return read_csv(file, CELL_COLUMNS), dict(origin.part(about, "conditions", paths.relative(file), EVALUATE))
