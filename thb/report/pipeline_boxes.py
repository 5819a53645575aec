"""The drawing of Figure 1: boxes from top to bottom, a real frame in each where frames may be shown."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from thb.report import style
from thb.report.load import Results
from thb.report.tables import NONE

MADE, REMOVED, CURATED, SPLIT = "made by generators", "removed, per cent", "curated", "split"
FAKES, REALS, TRAIN, TEST = "All fakes", "All reals", "training", "testing"
SMALL, PLAIN = 7.8, 9  # points: read on a phone, where the figure is as wide as the page
ACROSS, GAP, EDGE = 4, 0.1, 0.04  # tiles in a row; inches between boxes, and at the edge
FRAME, WORDS, BOX, LINE, ARROW = 0.86, 0.6, 0.38, 0.15, 0.3  # heights in inches; a box has lines below its head
# Where arrows enter a band, as shares of its width.
MIDDLE, LEFT, BOTH, EACH = (0.5,), (0.25,), (0.25, 0.75), (1 / 6, 1 / 2, 5 / 6)

Frames = Mapping[str, np.ndarray]  # source -> uint8 [S, S, 3]; empty for a real corpus


@dataclass(frozen=True)
class Band:
    """One step: how high it is, where arrows enter it, and what draws it below a given y."""

    height: float
    entered: tuple[float, ...]
    paint: Callable[[Axes, float], None]


def draw(results: Results, rows: pd.DataFrame, frames: Frames, palette: str) -> Figure:
    """Bands from top to bottom, arrows from each to the next."""
    counts, shades = rows.set_index(["step", "what"]), style.palette(palette)
    return _stack(
        [
            _boxes(_inputs(results), shades[0], MIDDLE),
            _generators(results, counts, frames, shades[0]),
            _boxes([("Curation", [f"removed: {_both(counts, REMOVED, FAKES, ' %')}"])], shades[1], MIDDLE),
            _kept(results, counts, frames, shades[2]),
            _boxes(
                [
                    (
                        "Splits",
                        [
                            f"{whole.split()[1]} for {name}: {_both(counts, SPLIT, f'{whole}, {name}')}"
                            for name in (TRAIN, TEST)
                            for whole in (FAKES, REALS)
                        ],
                    )
                ],
                shades[2],
                BOTH,
            ),
            _boxes(_protocols(results), shades[3], EACH),
        ]
    )


def _protocols(results: Results) -> list[tuple[str, list[str]]]:
    """Those that the paper prints of the generators trained on, with what is new in the test."""
    return [
        (name, textwrap.wrap(p.title, 20))
        for name, p in results.params.protocols.items()
        if p.printed and "generator" in p.fakes
    ]


def _inputs(results: Results) -> list[tuple[str, list[str]]]:
    own = "here drawn, printed: " if results.params.active.corpus == "mini" else ""
    return [("Portraits", [f"{own}FFHQ"]), ("Drivers: sound, video", [f"{own}CelebV-HQ"])]


def _both(counts: pd.DataFrame, step: str, what: str, unit: str = "") -> str:
    """'here 640, printed 2,984', with a dash for what nobody counted."""
    here, printed = (NONE if np.isnan(v) else f"{v:,.0f}{unit}" for v in counts.loc[(step, what), ["here", "printed"]])
    return f"here {here}, printed {printed}"


def _stack(bands: Sequence[Band]) -> Figure:
    height = sum(band.height for band in bands) + ARROW * (len(bands) - 1) + 2 * EDGE
    with style.look():
        figure = Figure(figsize=(style.WIDTH, height), facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
        y = EDGE
        for i, band in enumerate(bands):
            if i:
                _arrows(ax, y, band.entered)
                y += ARROW
            band.paint(ax, y)
            y += band.height
        ax.set(xlim=(0, style.WIDTH), ylim=(height, 0))
        ax.axis("off")
    return figure


def _arrows(ax: Axes, y: float, places: Sequence[float]) -> None:
    line = {"arrowstyle": "-|>", "color": style.GREY, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    for x in places:
        ax.annotate("", (style.WIDTH * x, y + ARROW - 0.03), (style.WIDTH * x, y + 0.03), arrowprops=line)


def _places(n: int) -> list[tuple[float, float]]:
    """Left edge and width of each of n boxes side by side."""
    width = (style.WIDTH - 2 * EDGE - (n - 1) * GAP) / n
    return [(EDGE + i * (width + GAP), width) for i in range(n)]


def _boxes(boxes: Sequence[tuple[str, list[str]]], colour: str, entered: tuple[float, ...]) -> Band:
    """A band of boxes, each with a heading and lines of words."""
    height = BOX + LINE * max(len(lines) for _, lines in boxes)

    def paint(ax: Axes, y: float) -> None:
        for (head, lines), (left, width) in zip(boxes, _places(len(boxes)), strict=True):
            _box(ax, left, y, width, height, colour)
            _words(ax, left + width / 2, y + 0.24, head, lines)

    return Band(height, entered, paint)


def _box(ax: Axes, left: float, top: float, width: float, height: float, colour: str) -> None:
    ax.add_patch(Rectangle((left, top), width, height, fc="white", ec=colour, lw=1.4))


def _words(ax: Axes, x: float, y: float, head: str, lines: Sequence[str], size: float = PLAIN) -> None:
    ax.text(x, y, head, ha="center", va="baseline", fontsize=size, weight="bold")
    for i, line in enumerate(lines):
        ax.text(x, y + 0.17 + LINE * i, line, ha="center", va="baseline", fontsize=SMALL)


def _frame(ax: Axes, picture: np.ndarray, x: float, top: float, side: float) -> None:
    """A picture about x, above the box that it stands in."""
    ax.imshow(
        picture, extent=(x - side / 2, x + side / 2, top + side, top), aspect="auto", interpolation="none", zorder=2
    )


def _generators(results: Results, counts: pd.DataFrame, frames: Frames, colour: str) -> Band:
    """One box of all generators, each with its frame, if it may be shown, and its counts."""
    sources, tile = results.params.of_role("generator", "unseen"), WORDS + (FRAME if frames else 0)
    height = BOX + -(-len(sources) // ACROSS) * tile

    def paint(ax: Axes, y: float) -> None:
        _box(ax, EDGE, y, style.WIDTH - 2 * EDGE, height, colour)
        _words(ax, style.WIDTH / 2, y + 0.22, "Generators", [])
        for i, source in enumerate(sources):
            left, width = _places(ACROSS)[i % ACROSS]
            top = y + BOX - 0.06 + i // ACROSS * tile
            if source in frames:
                _frame(ax, frames[source], left + width / 2, top, FRAME - 0.04)
            _words(
                ax,
                left + width / 2,
                top + tile - WORDS + 0.14,
                results.label(source),
                _yield(counts, results.label(source)),
                SMALL,
            )

    return Band(height, BOTH, paint)


def _yield(counts: pd.DataFrame, label: str) -> list[str]:
    """What curation left of one generator's clips, and how many the paper kept."""
    made, (kept, printed) = counts.loc[(MADE, label), "here"], counts.loc[(CURATED, label), ["here", "printed"]]
    of = "" if np.isnan(made) else f" of {made:,.0f}"
    return [f"kept {kept:,.0f}{of}", f"printed {NONE if np.isnan(printed) else f'{printed:,.0f}'}"]


def _kept(results: Results, counts: pd.DataFrame, frames: Frames, colour: str) -> Band:
    """Fakes from curation, and reals, which join here, with a frame of each source of theirs."""
    boxes = [(head, _both(counts, CURATED, whole).split(", ")) for head, whole in (("Fakes", FAKES), ("Reals", REALS))]
    band = _boxes(boxes, colour, LEFT)
    shown = [frames[s] for s in results.params.of_role("real") if s in frames]
    left, width = _places(len(boxes))[-1]

    def paint(ax: Axes, y: float) -> None:
        band.paint(ax, y)
        side = band.height - 0.12
        for picture, x in zip(shown, (left + 0.06 + side / 2, left + width - 0.06 - side / 2), strict=False):
            _frame(ax, picture, x, y + 0.06, side)

    return Band(band.height, band.entered, paint)
