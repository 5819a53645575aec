"""What `explain` left of each network: where its heat lies on every clip, and clips to be shown under their heat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from thb.cells import heat as judged
from thb.core.errors import DataError, ParamsError, check_known, unknown
from thb.core.tables import CAM_COLUMNS, PANEL_COLUMNS, SANITY_COLUMNS, read_csv, read_json
from thb.report import vouched
from thb.report.load import open_results
from thb.report.queries import detector as label

RULES = {
    "caught_fake": "fake of the highest score",
    "missed_fake": "fake of the lowest score",
    "accused_real": "real of the highest score",
    "cleared_real": "real of the lowest score",
}
OF_FRAMES = ("pictures", "maps", "times", "boxes", "box_sure")
WHOLE = 0.9  # a box of so much of the frame says no place


# ---- what is at hand ----------------------------------------------------------------------------------


def networks(names: Sequence[str] = ()) -> dict[str, bool]:
    """The networks named, or all that are explained, and whether their maps are here; others raise ParamsError."""
    results = open_results()
    known = results.params.explained
    check_known("explained detector", names, known)
    return {name: (results.paths.cams(name) / "clips.csv").is_file() for name in names or known}


def unexplained(names: Sequence[str] = ()) -> list[str]:
    """A sentence for each of them whose maps are not here."""
    why = "has not been explained on these clips; `dvc repro explain` does it."
    return [f"{label(name)} {why}" for name, here in networks(names).items() if not here]


def heat(names: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """detector -> where its heat lies on each clip (CAM_COLUMNS), of the networks named, or all, with maps."""
    return {name: read_csv(_file(name, "clips.csv"), CAM_COLUMNS) for name, here in networks(names).items() if here}


def sanity(names: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """detector -> how alike its maps and those of random weights are on each clip (SANITY_COLUMNS)."""
    return {name: read_csv(_file(name, "sanity.csv"), SANITY_COLUMNS) for name, here in networks(names).items() if here}


def regions(names: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """detector -> how the regions of its clips are known (`truth` or `estimated`), and how well an estimate agrees."""
    return {name: read_json(_file(name, "regions.json")) for name, here in networks(names).items() if here}


def _file(name: str, file: str) -> Any:
    return vouched.maps(open_results().paths, open_results().params, name, file)


# ---- clips to be shown --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """Clips that a rule chose, a row each: PANEL_COLUMNS, the background's share of the heat (`background`) and of the
    picture (`covers`), and the largest value of the map (`peak`); and their arrays: name -> [row, frame, ...]."""

    rows: pd.DataFrame
    arrays: Mapping[str, np.ndarray]


def chosen(
    detector: str,
    protocols: Sequence[str],
    generators: Sequence[str] = (),
    rules: Sequence[str] = ("caught_fake",),
    frames: int = 2,
    chosen_by: str = "",
) -> Panel:
    """The clips that `explain` chose of a network by these rules, by generator, rule and protocol.

    No generators: all of them; no `chosen_by`: the network's own scores. None where it has not been explained. Raises
    ParamsError for a value that is unknown, DataError where arrays and rows do not belong together.
    """
    params = open_results().params
    judged.explained(params, protocols)
    for kind, given, known in (("generator", generators, params.generators), ("rule", rules, RULES)):
        check_known(kind, given, known)
    if not networks([detector, chosen_by or detector])[detector]:
        return Panel(pd.DataFrame(columns=[*PANEL_COLUMNS, "background", "covers", "peak"]), {})
    rows, arrays = read_csv(_file(detector, "panels.csv"), PANEL_COLUMNS), _arrays(detector)
    for name, array in arrays.items():
        if len(array) != len(rows):
            raise DataError(
                f"{detector}: panels.csv has {len(rows)} rows, panels.npz {len(array)} {name}; run `dvc repro`"
            )
    kept = arrays["pictures"].shape[1]
    if frames not in range(1, kept + 1):
        raise ParamsError(unknown("number of frames", frames, range(1, kept + 1)))
    order = {"generator": [*(generators or params.generators), ""], "rule": list(rules), "protocol": list(protocols)}
    rows = rows.loc[rows["chosen_by"] == (chosen_by or detector)]
    rows = rows.loc[np.all([rows[key].isin(names) for key, names in order.items()], axis=0)]
    rows = rows.sort_values(list(order), key=lambda own: own.map(order[str(own.name)].index), kind="stable")
    shown = np.linspace(0, kept, frames, endpoint=False).astype(int)
    own = {name: array[rows.index] for name, array in arrays.items()}
    own |= {name: own[name][:, shown] for name in OF_FRAMES if name in own}
    at = pd.MultiIndex.from_frame(rows[["fit", "clip"]])
    lies = heat([detector])[detector].set_index(["fit", "clip"]).reindex(at)
    rows = rows.assign(
        background=list(lies["mass_background"]),
        covers=list(lies["area_background"]),
        peak=own["maps"].astype(float).max(axis=(1, 2, 3)),
    )
    return Panel(rows.reset_index(drop=True), own)


def _arrays(detector: str) -> dict[str, np.ndarray]:
    with np.load(_file(detector, "panels.npz")) as stored:
        return {name: stored[name] for name in stored.files}


def telling(boxes: np.ndarray) -> np.ndarray:
    """Which boxes [..., 4], x0 y0 x1 y1 as shares of the frame, say a place: not nan, and not the whole frame."""
    sides = np.clip(boxes.astype(float)[..., 2:], 0, 1) - np.clip(boxes.astype(float)[..., :2], 0, 1)
    return sides.prod(axis=-1) < WHOLE  # of nan: no
