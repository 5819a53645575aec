"""A strip of frames with the heat that a detector puts on them: one scale, said beside it."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure

from thb.core.errors import printable
from thb.report.style import FONT, GREY

COLUMN, BESIDE, ABOVE = 0.95, 1.2, 0.7  # inches
LETTERS = 12  # to an inch of title
COLOURS, COVER = "inferno", 0.6
GREY_OF_RGB = (0.299, 0.587, 0.114)


def strip(pictures: np.ndarray, maps: np.ndarray, times: np.ndarray, file: str, words: str) -> Figure:
    """Frames float [n, h, w, 3] in 0..1, heat [n, h', w'] and times [n] in seconds -> above the frames, below the heat.

    `file` and `words` are written above; of a long path the end is shown. All maps share one scale, from 0 to
    their largest value. The bar's colours lie over mid-grey, as those of the maps lie over the frames.
    """
    count, top = len(pictures), float(maps.max())
    size = (COLUMN * count + BESIDE, 2 * COLUMN + ABOVE)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots(2, count, squeeze=False)
    for column, (picture, heat, time) in enumerate(zip(pictures, maps, times, strict=True)):
        axes[0, column].imshow(picture)
        axes[0, column].set_title(f"{time:.2f} s", fontsize=7.5, fontweight="normal", color=GREY, loc="center")
        drawn = _heated(axes[1, column], picture, heat, top)
    for ax in axes.flat:
        ax.axis("off")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, ticks=[0, top] if top else [0], format="%.2g")
    scale = "raises the fake logit\n(Grad-CAM, one scale)" if top else "nothing raises\nthe fake logit"
    bar.set_label(scale, fontsize=7.5)
    bar.ax.set_facecolor("0.5")
    room, shown = int(size[0] * LETTERS), drawable(file)
    shown = shown if len(shown) <= room else "…" + shown[1 - room :]
    figure.suptitle(f"{shown}\n{words}", x=0.01, ha="left", fontsize=8.5)
    return figure


def drawable(words: str) -> str:
    """Words of which every letter can be drawn: one that the font lacks, say a Chinese one, becomes its escape."""
    return "".join(
        c if _font().get_char_index(ord(c)) else c.encode("unicode_escape").decode() for c in printable(words)
    )


@cache
def _font() -> font_manager.FT2Font:
    """The font that `style` draws with."""
    return font_manager.get_font(font_manager.findfont(font_manager.FontProperties(family=FONT)))


def _heated(ax, picture: np.ndarray, heat: np.ndarray, top: float):
    """The frame in grey under its heat; what gives the colour bar its colours comes back."""
    height, width = picture.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    ax.imshow(picture @ np.array(GREY_OF_RGB), cmap="gray", vmin=0, vmax=1)
    return ax.imshow(heat, cmap=COLOURS, vmin=0, vmax=top or 1.0, alpha=COVER, extent=extent, interpolation="bilinear")
