"""Which clips a Grad-CAM panel shows, by which rule, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from thb.core.errors import ParamsError, unknown
from thb.report import cam_drawing, cams
from thb.report.cams import Panels
from thb.report.load import Results

RULES = {
    "caught_fake": ("the fake with the highest score", 1),
    "missed_fake": ("the fake with the lowest score", 1),
    "accused_real": ("the real with the highest score", 0),
    "cleared_real": ("the real with the lowest score", 0),
}
PALETTES = ("inferno", "viridis", "cividis", "magma")  # perceptually even ones only
COLUMNS = [
    "protocol",
    "generator",
    "rule",
    "clip",
    "source",
    "score",
    "threshold",
    "verdict",
    "background",
    "covers",
    "peak",
]


@dataclass(frozen=True)
class Asked:
    """What a panel shows."""

    detector: str
    protocols: list[str]
    generators: list[str]
    rules: list[str]
    frames: int
    palette: str
    chosen_by: str


def check(results: Results, asked: Asked) -> None:
    cams.networks(results, [asked.detector, asked.chosen_by])
    cams.explained_protocols(results, asked.protocols)
    for kind, given, known in (
        ("generator", asked.generators, results.params.generators),
        ("rule", asked.rules, RULES),
        ("palette", [asked.palette], PALETTES),
    ):
        for name in given:
            if name not in known:
                raise ParamsError(unknown(kind, name, known))


def panels_of(results: Results, asked: Asked) -> Panels | None:
    """The clips explained, or nothing where the detector has not been; `frames` is refused beyond those kept."""
    if not cams.at_hand(results, [asked.detector]):
        return None
    panels = cams.panels(results, asked.detector)
    kept = panels.arrays["pictures"].shape[1]
    if asked.frames not in range(1, kept + 1):
        raise ParamsError(unknown("number of frames", asked.frames, range(1, kept + 1)))
    return panels


def order_of(results: Results, asked: Asked, panels: Panels | None) -> list[int]:
    """Places of the clips shown: by generator, then rule, then protocol."""
    if panels is None:
        return []
    rows = panels.rows.reset_index()
    wanted = asked.generators or list(results.params.generators)
    keys = {"generator": [*wanted, ""], "rule": asked.rules, "protocol": asked.protocols}
    shown = rows[(rows["chosen_by"] == asked.chosen_by) & np.all([rows[k].isin(v) for k, v in keys.items()], axis=0)]
    return sorted(shown["index"], key=lambda i: [v.index(rows.loc[i, k]) for k, v in keys.items()])


def rows_of(results: Results, asked: Asked, panels: Panels | None, order: list[int]) -> pd.DataFrame:
    """COLUMNS, a row a clip: what the background has of the heat and `covers` of the picture, its map's `peak`."""
    if not order:
        return pd.DataFrame(columns=COLUMNS)
    clips = cams.clips(results, asked.detector).set_index(["fit", "clip"])
    top = cam_drawing.largest(_maps(panels, order, asked.frames))
    peaks = [cam_drawing.largest(_maps(panels, [i], asked.frames)) / (top or 1.0) for i in order]
    rows = [_row(results, clips, panels.rows.loc[i], peak) for i, peak in zip(order, peaks, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _maps(panels: Panels, order: list[int], frames: int) -> list[np.ndarray]:
    return [panels.arrays["maps"][i][kept(panels, frames)] for i in order]


def kept(panels: Panels, frames: int) -> np.ndarray:
    """Which of the kept frames are shown: evenly spaced, the first among them."""
    return np.linspace(0, panels.arrays["pictures"].shape[1], frames, endpoint=False).astype(int)


def _row(results: Results, clips: pd.DataFrame, chosen: pd.Series, peak: float) -> dict:
    heat, area = _on_background(clips, chosen)
    return {
        **{c: chosen[c] for c in ("protocol", "generator", "rule", "clip", "source", "score", "threshold")},
        "verdict": verdict(results, chosen),
        "background": heat,
        "covers": area,
        "peak": peak,
    }


def verdict(results: Results, chosen: pd.Series) -> str:
    """Whether the score reaches the threshold, which `explain` compared."""
    name = next(iter(results.params.metrics.fpr))
    if np.isnan(chosen["threshold"]):
        return f"no {name} threshold: too few reals"
    return f"called fake at {name}" if str(chosen["called"]) == "True" else f"not called fake at {name}"


def _on_background(clips: pd.DataFrame, chosen: pd.Series) -> tuple[float, float]:
    """The background's share of the clip's heat, over all frames explained, and of its pictures; nan if unknown."""
    key = (chosen["fit"], chosen["clip"])
    if key not in clips.index:
        return float("nan"), float("nan")
    return float(clips.loc[key, "mass_background"]), float(clips.loc[key, "area_background"])
