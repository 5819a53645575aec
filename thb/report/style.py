"""One look for every figure: fonts, ink, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import FuncFormatter, NullFormatter

from thb.core.errors import ParamsError, unknown
from thb.core.metrics import AUC

# Colours that colour-blind readers can tell apart. Okabe and Ito's without its yellow, which is too pale on
# white; two of Paul Tol's, each without its grey, for a reader who wants other contrasts.
PALETTES = {
    "okabe-ito": ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    "bright": ("#4477AA", "#EE6677", "#228833", "#AA3377", "#CCBB44", "#66CCEE"),
    "muted": ("#332288", "#CC6677", "#117733", "#882255", "#999933", "#44AA99", "#88CCEE"),
}
PALETTE = "okabe-ito"
COLOURS = PALETTES[PALETTE]
GREY = "#7a7f87"
GREYS = (GREY, "#3d434a", "#b3b8bf")  # of controls, so that they do not take a detector's colour
INK = "#1b1f24"
RULE = "#d5d9de"
CHANCE = 0.5  # the AUC of a coin
FONT = "DejaVu Sans"  # comes with matplotlib
WIDTH = 5.4  # inches: still readable when a phone shrinks it to its own width

# hashsalt: element ids are derived from it, so that two runs write the same bytes.
# parse_math: a label is words, whatever it holds between dollar signs.
_RC = {
    "text.parse_math": False,
    "font.family": FONT,
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "svg.hashsalt": "thb",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}
# Dates would make each run's file differ; a key set to None is left out.
_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}, "png": {}}
DPI = 200
with matplotlib.rc_context({"text.parse_math": True}):
    UNRESOLVABLE = MarkerStyle(r"$\oslash$")  # the one formula that is drawn


@contextmanager
def look() -> Iterator[None]:
    """Draw and save under our settings, whatever the reader's own matplotlib settings are."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_RC}):
        yield


def panels(heights: Sequence[float], width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    """A figure of panels one below the other, heights in inches."""
    figure = Figure(figsize=(width, sum(heights)), layout="constrained", facecolor="white")
    axes = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": list(heights)})
    return figure, list(axes[:, 0])


def save(figure: Figure, path: Path, kind: str) -> None:
    """Write svg, pdf or png, byte for byte the same each time."""
    with look():
        figure.savefig(path, format=kind, dpi=DPI, metadata=_UNDATED[kind])


def share_axis(ax: Axes, metric: str, lowest: float) -> None:
    """The x axis of a share; AUC starts a little below chance, which is marked, if it can."""
    start = CHANCE - 0.1 if metric == AUC and lowest >= CHANCE - 0.1 else 0.0
    margin = 0.02 * (1 - start)
    chance = "; dotted: chance" if metric == AUC else ""
    ax.set(xlim=(start - margin, 1 + margin), xlabel=f"{metric} (share, {start:g} to 1{chance})")
    ax.grid(axis="x")
    if chance:
        ax.axvline(CHANCE, color=GREY, lw=0.9, ls=(0, (2, 2)))


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def powers(axis: Axis) -> None:
    """The ticks of a logarithmic axis as powers of ten."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"10{f'{math.log10(value):.0f}'.translate(_RAISED)}"))
    axis.set_minor_formatter(NullFormatter())


def palette(name: str) -> tuple[str, ...]:
    """The colours of a palette, or one line that names the known ones."""
    if name not in PALETTES:
        raise ParamsError(unknown("palette", name, PALETTES))
    return PALETTES[name]


def message(words: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure, (ax,) = panels([0.8])
    ax.axis("off")
    ax.text(0.5, 0.5, words, ha="center", va="center")
    return figure
