"""Blocks of frames and of the heat over them, in columns and rows, under one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from thb.report import style

COVER = 0.6  # how much of a pixel's colour is heat; the rest is the frame in grey
GREY_OF_RGB = np.array([0.299, 0.587, 0.114])
PIXELS = 130  # of a raster to an inch of figure: as fine as a screen shows, small enough to send
STEPS = 0xFC  # levels kept of each channel, so that the file stays small; no eye sees the rest
EDGE, GAP, BETWEEN, CAPTION, HEAD, BAR, SOUND = 0.05, 0.03, 0.14, 0.42, 0.34, 0.5, 0.5  # inches
BOX = "#56B4E9"
_HALO = [patheffects.withStroke(linewidth=1.4, foreground="black")]


@dataclass(frozen=True)
class Block:
    """One clip: pictures uint8 [k, h, w, 3], maps [k, h', w'], times [k] in seconds; boxes and sound, if any."""

    lines: Sequence[str]
    pictures: np.ndarray
    maps: np.ndarray
    times: np.ndarray
    boxes: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 4)))  # [k, m, 4], nan-padded
    box_sure: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))  # [k, m]
    sound: np.ndarray | None = None  # uint8 [h, w, 3], low frequencies above
    sound_map: np.ndarray | None = None  # [h', w']
    sound_times: tuple[float, float] = (0.0, 0.0)


def draw(grid: Sequence[Sequence[Block | None]], heads: Sequence[Sequence[str]], palette: str) -> Figure:
    """Rows of blocks; `heads`: a bold and a plain line above each column, or none."""
    blocks = [block for row in grid for block in row if block]
    tops = [largest(b.maps for b in blocks)]
    tops += [largest(b.sound_map for b in blocks if b.sound is not None)] if _hear(blocks) else []
    columns = len(grid[0])
    width = (style.WIDTH - 2 * EDGE - BETWEEN * (columns - 1)) / columns
    heights = [max(_height(block, width) for block in row if block) for row in grid]
    above = BAR * len(tops) + (HEAD if heads else 0)
    with style.look():
        down = above + sum(heights) + len(grid) * (CAPTION + BETWEEN)
        figure = Figure(figsize=(style.WIDTH, down), facecolor="white")
        _bars(figure, tops, palette)
        for column, (bold, plain) in enumerate(heads):
            _lines(figure, EDGE + column * (width + BETWEEN), above - HEAD, [bold, plain])
        top = above
        for row, height in zip(grid, heights, strict=True):
            for column, block in enumerate(row):
                _block(figure, EDGE + column * (width + BETWEEN), top, width, block, tops, palette)
            top += CAPTION + height + BETWEEN
    return figure


def largest(maps) -> float:
    return max((float(np.max(m)) for m in maps), default=0.0)


def _hear(blocks: Sequence[Block]) -> bool:
    return any(block.sound is not None for block in blocks)


def _height(block: Block, width: float) -> float:
    """Inches of frames, heat and sound."""
    count, height, across = block.pictures.shape[:3]
    side = (width - GAP * (count - 1)) / count * height / across
    return 2 * side + GAP + (0 if block.sound is None else SOUND + GAP + 0.14)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at inches from the left and from the top."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def _lines(figure: Figure, left: float, top: float, lines: Sequence[str]) -> None:
    """Lines of text from the top downwards, the first one bold."""
    for i, line in enumerate(lines):
        _line(figure, left, top + 0.13 * i, line, "normal" if i else "bold")


def _line(figure: Figure, left: float, top: float, words: str, weight: str = "normal") -> None:
    across, down = figure.get_size_inches()
    figure.text(left / across, 1 - top / down, words, va="top", fontsize=7.2, weight=weight, color=style.INK)


def _block(
    figure: Figure, left: float, top: float, width: float, block: Block | None, tops: Sequence[float], palette: str
) -> None:
    if block is None:
        _lines(figure, left, top, ["", "no such clip here"])
        return
    _lines(figure, left, top, block.lines)
    count, height, across = block.pictures.shape[:3]
    cell = (width - GAP * (count - 1)) / count
    side = cell * height / across
    ax = _axes(figure, left, top + CAPTION, width, 2 * side + GAP)
    ax.imshow(raster(block, cell, side, tops[0], palette), extent=(0, width, 2 * side + GAP, 0), interpolation="none")
    ax.set(xlim=(0, width), ylim=(2 * side + GAP, 0), aspect="auto")
    ax.axis("off")
    for i, time in enumerate(block.times):
        x = i * (cell + GAP)
        ax.text(x + 0.03, side - 0.03, f"{time:.2f} s", fontsize=5.8, color="white", path_effects=_HALO)
        _boxes(ax, x, cell, side, block, i)
    if block.sound is not None:
        _sound(_axes(figure, left, top + CAPTION + 2 * side + 2 * GAP, width, SOUND), block, tops[1], palette)


def raster(block: Block, cell: float, side: float, top: float, palette: str) -> np.ndarray:
    """uint8 [2h + gap, k * w + gaps, 3]: frames above, heat below, white between."""
    width, height, gap = round(cell * PIXELS), round(side * PIXELS), round(GAP * PIXELS)
    pairs = [
        np.concatenate(
            [
                _sized(p, width, height),
                np.full((gap, width, 3), 255.0),
                heated(_sized(p, width, height), m, top, palette),
            ]
        )
        for p, m in zip(block.pictures, block.maps, strict=True)
    ]
    between = np.full((2 * height + gap, gap, 3), 255.0)
    parts = [part for pair in pairs for part in (between, pair)][1:]
    return np.concatenate(parts, axis=1).round().astype(np.uint8) & STEPS | 3


def _sized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    shrinks = picture.shape[1] > width
    return cv2.resize(
        picture.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    ).clip(0, 255)


def heated(picture: np.ndarray, heat: np.ndarray, top: float, palette: str) -> np.ndarray:
    """The picture [h, w, 3] in grey under the colours of its map, of which `top` is the last."""
    height, width = picture.shape[:2]
    spread = cv2.resize(heat.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    colours = 255 * matplotlib.colormaps[palette](spread / (top or 1.0))[..., :3]
    return COVER * colours + (1 - COVER) * (picture @ GREY_OF_RGB)[..., None]


def _boxes(ax: Axes, x: float, cell: float, side: float, block: Block, frame: int) -> None:
    """Where the detector says that a fault lies, with its probability, on the frame."""
    if not block.boxes.size:
        return
    for box, sure in zip(block.boxes[frame].astype(float), block.box_sure[frame].astype(float), strict=True):
        if np.isnan(box).any():
            continue
        x0, y0, x1, y1 = np.clip(box, 0, 1) * [cell, side, cell, side]
        ax.add_patch(Rectangle((x + x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=BOX, lw=1.1))
        ax.text(x + x0 + 0.02, y0 + 0.1, f"{sure:.2f}", fontsize=5.8, color="white", path_effects=_HALO)


def _sound(ax: Axes, block: Block, top: float, palette: str) -> None:
    """The spectrogram under its own heat, time to the right, from low to high frequencies downwards."""
    width = round(style.WIDTH * ax.get_position().width * PIXELS)
    picture = heated(_sized(block.sound, width, round(SOUND * PIXELS)), block.sound_map, top, palette)
    ax.imshow(picture.round().astype(np.uint8) & STEPS | 3, aspect="auto", interpolation="none")
    ax.axis("off")
    start, end = block.sound_times
    ax.text(
        0,
        -0.06,
        f"sound, {start:.2f} to {end:.2f} s; high frequencies below",
        fontsize=6.2,
        va="top",
        transform=ax.transAxes,
    )


def _bars(figure: Figure, tops: Sequence[float], palette: str) -> None:
    """A bar a scale, its colours over mid-grey as those of the maps lie over the frames."""
    words = [
        "on the frames: what raises the fake logit (Grad-CAM); one scale in the whole panel",
        "on the sound: the same for the spectrogram, in a unit of its own; one scale in the whole panel",
    ]
    for i, (top, line) in enumerate(zip(tops, words, strict=False)):
        _line(figure, EDGE, BAR * i + 0.02, f"Heat {line}" + ("" if top else ": none"))
        ax = _axes(figure, EDGE, BAR * i + 0.17, style.WIDTH / 2, 0.1)
        grey = np.full((8, 256, 3), 127.5)
        ax.imshow(
            heated(grey, np.linspace(0, 1, 256)[None], 1, palette).round().astype(np.uint8),
            aspect="auto",
            extent=(0, 1, 0, 1),
        )
        ax.set_yticks([])
        ax.set_xticks([0, 1] if top else [0], ["0", f"{top:.2g}"] if top else ["0"], fontsize=6.8)
        ax.tick_params(length=2, pad=1.5)
