"""How far a number moves if only the seed of training is another: a study kept in results/seeds.

A profile that trains each fit once knows nothing of that luck. `thb seeds` trains every fit again with other seeds and
keeps the cells; here they are read, as far as they are of the corpus and the settings at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thb.cells.columns import CELL, COMPARISON_COLUMNS, QUESTION
from thb.cells.comparisons import INCONCLUSIVE
from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import RECORD, Paths
from thb.core.tables import read_csv, read_json

SEED_COLUMNS = ["training_seed", *CELL, "value"]
CELLS, VERDICTS, CLAIMS = "cells.csv", "verdicts.csv", "claims.csv"
MEND = "thb seeds"
Key = tuple[str, str, str, str]  # CELL


@dataclass(frozen=True)
class Luck:
    """Cells of further trainings, float [seeds] each.

    `unknown`: detectors of which no other training is known, with why; `older`: those whose others were trained by code
    that has changed since. These count: the code changes more often than the size of its luck.
    """

    seeds: Sequence[int] = ()
    values: Mapping[Key, np.ndarray] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    older: Sequence[str] = ()

    def trained(self, key: Key, value: float) -> np.ndarray:
        """Float [1 + seeds]: the reported value, then the others; the reported one throughout where none is known."""
        return np.r_[value, self.values.get(key, np.full(len(self.seeds), value))]

    def spread(self, key: Key, value: float) -> tuple[float, int]:
        """Standard deviation over trainings, and how many there are; none where one alone is known."""
        if key not in self.values or np.isnan(value):
            return np.nan, 1
        return float(self.trained(key, value).std(ddof=1)), 1 + len(self.seeds)


def read(paths: Paths, params: Params) -> Luck:
    """The study, if there is one, of this corpus; a control corpus has none.

    Raises DataError if its files are not what was written.
    """
    folder = place(paths)
    if paths.variant or not (folder / RECORD).is_file():
        return Luck(unknown=dict.fromkeys(params.detectors, "no study was made"))
    said = read_json(folder / RECORD)
    origin.check_files(paths, folder, said, [CELLS, VERDICTS, CLAIMS], MEND)
    fits, seeds = said["fits"], said["training_seeds"]
    now = {name: vars(origin.of_fit(paths, params, name)) for name in params.detectors}
    why = _of_other_clips(said, paths, params)
    unknown = {name: told for name in now if (told := why or _of_other_fits(fits.get(name), now[name]))}
    older = [name for name in now if name not in unknown and fits[name]["code"] != now[name]["code"]]
    if not seeds or len(unknown) == len(now):
        return Luck(unknown=unknown)
    rows = read_csv(folder / CELLS, SEED_COLUMNS)
    rows = rows[~rows["detector"].isin(list(unknown))]
    wide = rows.pivot(index=CELL, columns="training_seed", values="value")
    if sorted(wide.columns) != sorted(seeds):
        raise DataError(f"{paths.relative(folder / CELLS)} is of seeds {list(wide.columns)}, not {seeds}; run `{MEND}`")
    return Luck(seeds, dict(zip(wide.index, wide[seeds].to_numpy(), strict=True)), unknown, older)


def trainings(paths: Paths, params: Params, cells: pd.DataFrame) -> pd.DataFrame:
    """SEED_COLUMNS: these cells, and those of every other training of detectors of which others are known."""
    luck, reported = read(paths, params), cells.assign(training_seed=params.active.training_seed)
    if not luck.values:
        return reported.loc[:, SEED_COLUMNS]
    others = read_csv(place(paths) / CELLS, SEED_COLUMNS)
    others = others.loc[~others["detector"].isin(list(luck.unknown))]
    return pd.concat([reported.loc[:, SEED_COLUMNS], others], ignore_index=True)


def verdicts(paths: Paths, params: Params) -> pd.DataFrame:
    """QUESTION, what each training tells by itself, a column a seed, and `verdict`, what all of them together do.

    Every question that was asked; the study leaves out those that no training can tell.
    """
    rows = _told(paths, params, VERDICTS)
    if rows.empty:
        return rows
    together = read_csv(paths.comparisons, COMPARISON_COLUMNS, as_text=True).fillna("")[[*QUESTION, "verdict"]]
    asked = together.loc[together["verdict"] != ""]
    return asked.merge(rows, on=QUESTION, how="left", validate="one_to_one").fillna(INCONCLUSIVE)


def claims(paths: Paths, params: Params) -> pd.DataFrame:
    """What becomes of each claim, `id`, on the cells of each training by itself, a column a seed."""
    return _told(paths, params, CLAIMS)


def _told(paths: Paths, params: Params, file: str) -> pd.DataFrame:
    """One of the study's tables, as text; empty if other trainings of a detector are unknown."""
    if read(paths, params).unknown:
        return pd.DataFrame()
    key = QUESTION if file == VERDICTS else ["id"]
    seeds = map(str, (params.active.training_seed, *read_json(place(paths) / RECORD)["training_seeds"]))
    return read_csv(place(paths) / file, [*key, *seeds], as_text=True).fillna("")


def place(paths: Paths) -> Path:
    """Where the study is kept."""
    return paths.results / "seeds"


def record(paths: Paths, params: Params, seeds: Sequence[int]) -> dict[str, Any]:
    """What a study is of: profile, clips, and the fits that it repeats."""
    return {
        "profile": params.profile,
        "clips_sha256": origin.sha256(paths.tested),
        "training_seeds": list(seeds),
        "fits": {name: asdict(origin.of_fit(paths, params, name)) for name in params.detectors},
    }


def _of_other_clips(said: Mapping[str, Any], paths: Paths, params: Params) -> str:
    """Why the study is none of this corpus; '' if it is."""
    if said["profile"] != params.profile:
        return f"it is of profile {said['profile']}"
    if not paths.tested.is_file() or said["clips_sha256"] != origin.sha256(paths.tested):
        return f"it is of other clips than {paths.relative(paths.tested)} names"
    return ""


def _of_other_fits(said: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """Why it is not of a detector's fits as they are trained now; '' if it is, whatever the code."""
    if said is None:
        return "it has no such detector"
    odd = [part for part in now if part != "code" and said.get(part) != now[part]]
    return f"its {odd[0]} of the fits was {said.get(odd[0])}, now it is {now[odd[0]]}" if odd else ""
