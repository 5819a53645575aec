"""The clips at hand: a few frames of every source, of the embedded corpus only."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from thb.core import origin
from thb.core.errors import DataError
from thb.report import style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results
from thb.report.statistics_table import ROLES

NOT_SHOWN = "Frames of published or private clips are not redistributed, so none are shown."
PITCH = 0.86  # inches a frame
GAP = 0.06  # of a frame, between clips


def build() -> Exhibit:
    """The exhibit: a row per source, its clips side by side, the frames of one clip without a gap."""
    results = open_results()
    frames, sources, clips = read(results)
    labels = [results.label(s) for s in sources]
    rows = pd.DataFrame(
        [
            {"source": results.label(s), "role": ROLES[results.params.source(s).role], "clip": clip}
            for s, own in zip(sources, clips, strict=True)
            for clip in own
        ],
        columns=["source", "role", "clip"],
    ).drop_duplicates()  # a source with few clips shows one twice
    return Exhibit(
        title="The clips at hand",
        html=_html(results, sources, frames, rows),
        rows=rows,
        drawing=_draw(frames, labels),
        alt=f"Contact sheet of rendered talking heads, a row per source: {', '.join(labels)}." if labels else NOT_SHOWN,
    )


def read(results: Results) -> tuple[np.ndarray, list[str], np.ndarray]:
    """uint8 [source, clip, frame, S, S, 3], their sources and their clips' ids."""
    path = results.paths.contact
    if not path.is_file():
        raise DataError(f"missing {results.paths.relative(path)}; run `dvc repro` to make it")
    with np.load(path) as stored:
        frames, sources, clips = stored["frames"], stored["sources"].tolist(), stored["clips"]
        made_by = json.loads(str(stored["made_by"])) if "made_by" in stored else None
    if results.params.active.corpus != "mini" and len(sources):
        raise DataError(f"{results.paths.relative(path)} holds frames of real clips; they must not be shown")
    made = origin.of_contact(results.paths, results.params)
    origin.check(made_by, made, results.paths.relative(path), "thb contact")
    return frames, sources, clips


def _html(results: Results, sources: list[str], frames: np.ndarray, rows: pd.DataFrame) -> str:
    if not sources:
        return f"<p>{NOT_SHOWN}</p>"
    bodies = [
        tables.body(
            [
                tables.row(
                    tables.text(results.label(s)),
                    [
                        tables.plain(ROLES[results.params.source(s).role]),
                        tables.plain(results.params.source(s).family or ""),
                    ],
                )
            ]
        )
        for s in sources
    ]
    rule = (
        f"The first {frames.shape[1]} test clips of each source by name, {frames.shape[2]} frames of each: "
        "its first and its middle one. Nothing was chosen by eye."
    )
    return tables.table(
        "Sources <small>· what each folder of clips is here</small>",
        ["Source", "Role", "Family"],
        bodies,
        words={"Role", "Family"},
    ) + tables.notes([rule, f"The CSV names the {len(rows)} clips."])


def _draw(frames: np.ndarray, labels: list[str]) -> Figure:
    with style.look():
        if not labels:
            return style.message(NOT_SHOWN)
        n_clips, n_frames = frames.shape[1:3]
        width = n_clips * (n_frames + GAP)
        figure = Figure(figsize=(PITCH * width, PITCH * len(labels) * 1.28), facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
        for i, (label, row) in enumerate(zip(labels, frames, strict=True)):
            _row(ax, i * 1.28, label, row)
        ax.set(xlim=(0, width - GAP), ylim=(len(labels) * 1.28, 0))
        ax.axis("off")
    return figure


def _row(ax, top: float, label: str, clips: np.ndarray) -> None:
    """One source: its name, and below it each clip's frames side by side."""
    ax.text(0.02, top + 0.2, label, va="baseline", fontsize=8.5, weight="bold")
    for j, clip in enumerate(clips):
        left = j * (len(clip) + GAP)
        strip = np.concatenate(list(clip), axis=1)
        ax.imshow(
            strip,
            extent=(left, left + len(clip), top + 1.26, top + 0.26),
            aspect="auto",
            interpolation="none",
        )
