"""Frames under their heat: a panel of clips for an exhibit, or a strip of one clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import matplotlib
import numpy as np
from matplotlib import font_manager, patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ft2font import FT2Font
from matplotlib.patches import Rectangle
from PIL import Image

from thb.core.errors import check_known, printable
from thb.report.cams import Panel, telling
from thb.report.figure import FONT, INK, WIDTH, canvas, message
from thb.report.load import open_results

HEAT_PALETTES = ("inferno", "viridis", "cividis", "magma")  # perceptually even ones only
COVER = 0.6  # how much of a pixel's colour is heat; the rest is the frame in grey
GREY_OF_RGB = np.array([0.299, 0.587, 0.114])
PIXELS = 130  # to an inch: as fine as a screen shows, small enough to send
STEPS = 0xFC  # levels kept of each channel, so that the file stays small; no eye sees the rest
GAP, SOUND = 4, 40  # pixels between pictures; a spectrogram's height
EDGE, BETWEEN, LINE, BAR = 0.05, 0.14, 0.125, 0.6  # inches: margin, between clips, a line of text, the bar
LETTERS = 17  # to an inch of caption
SIDE_BY_SIDE = 4  # frames, where one protocol is shown
BOX = "#56B4E9"
_SMALL = {
    "fontsize": 5.8,
    "color": "white",
    "path_effects": [patheffects.withStroke(linewidth=1.4, foreground="black")],
}


def faces(panel: Panel, captions: Sequence[Sequence[str]], palette: str = "inferno") -> SubFigure:
    """A panel's clips: frames, below them the same in grey under the heat, then the sound likewise if one was heard.

    Every clip has a scale of its own, up to its peak. `captions`: lines for each clip, the first in bold. Several
    protocols stand side by side, one fills the page's width. Raises ParamsError for an unknown palette.
    """
    check_known("palette", [palette], HEAT_PALETTES)
    if panel.rows.empty:
        return message("No clip to show.")
    places, heads = _places(panel)
    down, across = (1 + max(place[i] for place in places) for i in (0, 1))
    width = (WIDTH - 2 * EDGE - BETWEEN * (across - 1)) / across
    clips = [{name: array[i] for name, array in panel.arrays.items()} for i in range(len(places))]
    drawn = [_raster(palette, round(PIXELS * width), **clip) for clip in clips]
    caption = LINE * max(map(len, captions))
    pitch = caption + max(len(one) / one.shape[1] for one in drawn) * width + BETWEEN
    pitch += LINE if "sound" in panel.arrays else 0
    top = BAR + (0.3 if heads else 0)
    figure = canvas(WIDTH, top + down * pitch)
    page = _Page(figure, WIDTH, top + down * pitch)
    page.bar(palette, "each clip's own peak")
    corners = {(i, j): (EDGE + j * (width + BETWEEN), top + i * pitch) for i in range(down) for j in range(across)}
    for place, lines, one, clip in zip(places, captions, drawn, clips, strict=True):
        page.clip(corners.pop(place), width, caption, one, lines, clip)
    for j, (name, title) in enumerate(heads):
        page.lines(EDGE + j * (width + BETWEEN), BAR, [name, title])
    for corner in corners.values() if heads else ():
        page.lines(*corner, ["", "no such clip here"])
    return figure


def _places(panel: Panel) -> tuple[list[tuple[int, int]], list[tuple[str, str]]]:
    """(row, column) of each clip; and above each column a protocol's name and title, if there are several."""
    rows, names = panel.rows, list(dict.fromkeys(panel.rows["protocol"]))
    if len(names) == 1:
        columns = max(1, min(len(rows), SIDE_BY_SIDE // panel.arrays["pictures"].shape[1]))
        return [divmod(i, columns) for i in range(len(rows))], []
    lines = list(zip(rows["generator"], rows["rule"], strict=True))
    down = list(dict.fromkeys(lines))
    places = [(down.index(line), names.index(name)) for line, name in zip(lines, rows["protocol"], strict=True)]
    return places, [(name, open_results().protocol(name).title) for name in names]


def strip(pictures: np.ndarray, maps: np.ndarray, times: np.ndarray, file: str, words: str) -> Figure:
    """Frames float [n, h, w, 3] in 0..1, heat [n, h', w'] and times [n] in seconds: above the frames, below the heat.

    `file` and `words` are written above; of a long path the end is shown. All maps share one scale, from 0 to
    their largest value.
    """
    width, top = max(2.5, 0.95 * len(pictures)), float(maps.max())
    drawn = _raster(HEAT_PALETTES[0], round(PIXELS * width), 255 * pictures, maps)
    height = BAR + 2 * LINE + len(drawn) / drawn.shape[1] * width + EDGE
    figure = Figure(figsize=(width + 2 * EDGE, height), facecolor="white")
    page, room, shown = _Page(figure, width + 2 * EDGE, height), int(width * LETTERS), drawable(file)
    page.bar(HEAT_PALETTES[0], f"{top:.2g}" if top else "nothing raises it")
    lines = [shown if len(shown) <= room else "…" + shown[1 - room :], words]
    page.clip((EDGE, BAR), width, 2 * LINE, drawn, lines, {"times": times})
    return figure


@dataclass(frozen=True)
class _Page:
    """Places on a figure in inches from its left and its top."""

    figure: Figure | SubFigure
    width: float
    height: float

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        where = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(where)

    def lines(self, left: float, top: float, lines: Sequence[str]) -> None:
        """Lines of text from the top downwards, the first one bold."""
        for i, line in enumerate(lines):
            x, y = left / self.width, 1 - (top + LINE * i) / self.height
            self.figure.text(x, y, line, va="top", fontsize=6.8, weight="normal" if i else "bold", color=INK)

    def clip(
        self,
        corner: tuple[float, float],
        width: float,
        caption: float,
        drawn: np.ndarray,
        lines: Sequence[str],
        arrays: Mapping[str, np.ndarray],
    ) -> None:
        """One clip: its caption, pictures with the time of each frame, and the boxes that say a place."""
        left, top = corner
        self.lines(left, top, lines)
        ax = self.axes(left, top + caption, width, len(drawn) / drawn.shape[1] * width)
        ax.imshow(drawn, interpolation="none", aspect="auto")
        ax.axis("off")
        count = len(arrays["times"])
        cell = (drawn.shape[1] - GAP * (count - 1)) // count
        for i, time in enumerate(arrays["times"]):
            ax.text(i * (cell + GAP) + 4, 4, f"{time:.2f} s", va="top", **_SMALL)
            if "boxes" in arrays:
                _boxes(ax, i * (cell + GAP), cell, arrays["boxes"][i], arrays["box_sure"][i])
        if "sound" in arrays:
            start, end = arrays["sound_times"]
            peak = float(arrays["sound_maps"].max())
            words = f"sound {start:.2f} to {end:.2f} s, low at the bottom; peak {peak:.2g}"
            ax.text(0, len(drawn) + 4, words, fontsize=6.4, va="top")

    def bar(self, palette: str, top: str) -> None:
        """The colours of the heat, over mid-grey as those of the maps lie over the frames."""
        self.lines(EDGE, 0.02, ["", "heat: what raises the fake logit (Grad-CAM)"])
        ax = self.axes(EDGE, 0.02 + 2 * LINE, min(2.4, self.width / 2), 0.09)
        colours = _heated(np.full((1, 256, 3), 127.5), np.linspace(0, 1, 256)[None], palette)
        ax.imshow(colours.round().astype(np.uint8), aspect="auto", extent=(0, 1, 0, 1))
        ax.set_xticks([0, 1], ["0", top], fontsize=6.8)
        ax.set_yticks([])
        ax.tick_params(length=2, pad=1.5)


def drawable(words: str) -> str:
    """Words of which every letter can be drawn: one that the font lacks, say a Chinese one, becomes its escape."""
    return "".join(
        c if _font().get_char_index(ord(c)) else c.encode("unicode_escape").decode() for c in printable(words)
    )


@cache
def _font() -> FT2Font:
    return font_manager.get_font(font_manager.findfont(font_manager.FontProperties(family=FONT)))


def _boxes(ax: Axes, left: int, side: int, boxes: np.ndarray, sure: np.ndarray) -> None:
    """Where the detector says that a fault lies, with its probability, on one (square) frame."""
    told = telling(boxes)
    for box, probability in zip(boxes[told].astype(float), sure[told], strict=True):
        x0, y0, x1, y1 = np.clip(box, 0, 1) * side
        ax.add_patch(Rectangle((left + x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=BOX, lw=1.1))
        ax.text(left + x0 + 3, y1 - 3, f"{probability:.2f}", **_SMALL)


def _raster(
    palette: str,
    width: int,
    pictures: np.ndarray,
    maps: np.ndarray,
    *,
    sound: np.ndarray | None = None,
    sound_maps: np.ndarray | None = None,
    **_: np.ndarray,
) -> np.ndarray:
    """uint8 [h, width, 3]: frames side by side, the same under their heat, then the sound likewise, white between."""
    count, height, across = pictures.shape[:3]
    side = (width - GAP * (count - 1)) // count
    shown = [_sized(picture, side, round(side * height / across)) for picture in pictures]
    lines = [
        shown,
        [_heated(p, m / (maps.max() or 1), palette) for p, m in zip(shown, maps.astype(float), strict=True)],
    ]
    if sound is not None and sound_maps is not None:
        heard, hot = _heard(sound, count * (side + GAP) - GAP), sound_maps[::-1].astype(float)
        lines += [[heard], [_heated(heard, hot / (hot.max() or 1), palette)]]
    rows = [np.concatenate(_apart(line, 1), axis=1) for line in lines]
    return np.concatenate(_apart(rows, 0)).round().astype(np.uint8) & STEPS | 3


def _heard(sound: np.ndarray, width: int) -> np.ndarray:
    """A spectrogram that has low frequencies above -> in greys from its faintest to its loudest, low ones below."""
    grey = sound[::-1] @ GREY_OF_RGB
    low, high = np.percentile(grey, [1, 99])
    return _sized(np.repeat(255 * (grey - low)[..., None] / ((high - low) or 1), 3, axis=2), width, SOUND)


def _apart(parts: Sequence[np.ndarray], axis: int) -> list[np.ndarray]:
    """Pictures with white between each two along an axis."""
    shape = (parts[0].shape[0], GAP, 3) if axis else (GAP, parts[0].shape[1], 3)
    return [one for part in parts for one in (np.full(shape, 255.0), part)][1:]


def _sized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture [h, w] or [h, w, 3] in another size, antialiased where it is made smaller."""
    channels = np.moveaxis(np.atleast_3d(picture.astype(np.float32)), 2, 0)
    size, way = (width, height), Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(one).resize(size, way)) for one in channels], axis=2).squeeze()


def _heated(picture: np.ndarray, hot: np.ndarray, palette: str) -> np.ndarray:
    """The picture [h, w, 3] in grey under the colours of its map, which is in 0..1."""
    height, width = picture.shape[:2]
    colours = 255 * matplotlib.colormaps[palette](_sized(hot, width, height))[..., :3]
    return COVER * colours + (1 - COVER) * (picture @ GREY_OF_RGB)[..., None]
