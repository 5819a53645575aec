"""One look for every figure: fonts, ink, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.typing import RcKeyType

from thb.core.errors import entry
from thb.core.metrics import AUC
from thb.core.words import corpus_line
from thb.report.load import open_results
from thb.report.queries import label

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
_RC: dict[RcKeyType, Any] = {
    "text.parse_math": False,
    "font.family": FONT,
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "axes.labelweight": "normal",
    "legend.title_fontsize": 8.5,
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
FOOT = 0.16  # inches of the line that names the clips
with matplotlib.rc_context({"text.parse_math": True}):
    UNRESOLVABLE = MarkerStyle(r"$\oslash$")  # the one formula that is drawn


def theme(palette: str = PALETTE) -> None:
    """One look for every figure drawn after this: fonts, ink, and the colours of a palette (PALETTES has the names).

    Raises ParamsError for a palette that is not known.
    """
    sns.set_theme(style="ticks", palette=colours_of(palette), rc={**_RC})


@contextmanager
def look() -> Iterator[None]:
    """Draw and save under our settings, whatever the reader's own matplotlib settings are."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_RC}):
        yield


def canvas(width: float, height: float) -> SubFigure:
    """An empty figure, inches wide and high, above the line that says which clips it is made from."""
    figure = Figure(figsize=(width, height + FOOT), layout="constrained", facecolor="white")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[height, FOOT]).ravel()
    below.text(0.01, 0.5, corpus_line(open_results().params), ha="left", va="center", size=7, color=GREY)
    return above


def panels(heights: Sequence[float], width: float = WIDTH, across: int = 1) -> tuple[SubFigure, list[Axes]]:
    """A figure of panels one below the other, heights in inches; `across`: so many side by side, with axes shared.

    Without any height it says that there is nothing to draw.
    """
    if not heights:
        return message("Nothing to draw: there are no rows."), []
    figure = canvas(width, sum(heights))
    ratios = {"height_ratios": list(heights)}
    axes = figure.subplots(
        len(heights), across, squeeze=False, sharex=across > 1, sharey=across > 1, gridspec_kw=ratios
    )
    return figure, list(axes.flat)


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


def listed(ax: Axes, names: Iterable[str], bold: Collection[str] = ()) -> None:
    """Names down the side of a panel whose rows are 0, 1, 2, …: the first on top, some of them bold."""
    ax.set_yticks(range(len(names := list(names))), names)
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_fontweight("bold" if name in bold else "normal")
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="x")


def powers(axis: Axis) -> None:
    """The ticks of a logarithmic axis as powers of ten."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"10{f'{math.log10(value):.0f}'.translate(_RAISED)}"))
    axis.set_minor_formatter(NullFormatter())


def colours_of(name: str) -> tuple[str, ...]:
    """The colours of a palette, or one line that names the known ones."""
    return entry("palette", name, PALETTES)


def message(words: str) -> SubFigure:
    """A figure that says why there is nothing to draw."""
    figure, (ax,) = panels([0.8])
    ax.axis("off")
    ax.text(0.5, 0.5, words, ha="center", va="center")
    return figure


# ---- dots with intervals ------------------------------------------------------------------------------

OURS, PRINTED = {"marker": "o", "ms": 4.6}, {"marker": "D", "ms": 4.4, "mfc": "white", "mew": 1.1}
STEP, GAP = 0.115, 0.13  # inches between hues of one category, and between categories


def colours(labels: Iterable[str]) -> dict[str, tuple]:
    """A colour of the theme for each label in its order; greys for controls, ink for a label that names no detector.

    A detector has the same colour in every figure, whichever of them are shown.
    """
    entrants = open_results().entrants
    shades = {False: sns.color_palette(), True: [to_rgb(grey) for grey in GREYS]}
    fixed = {
        entrant.label: shades[control][i % len(shades[control])]
        for control in shades
        for i, entrant in enumerate(e for e in entrants if e.control is control)
    }
    return {label: fixed.get(label, to_rgb(INK)) for label in labels}


def height(rows: pd.DataFrame, along: str, hue: str = "detector") -> float:
    """Inches that a panel of `dots` wants: every hue its line in every category."""
    return len(set(rows[along])) * (len(set(rows[hue])) * STEP + GAP) + 0.55


def dots(
    ax: Axes,
    rows: pd.DataFrame,
    along: str,
    hue: str = "detector",
    *,
    colour: Mapping[str, tuple] | None = None,
    names: Mapping[str, str] | None = None,
    upright: bool = False,
    joined: bool = False,
    foot: float | None = None,
) -> None:
    """A dot with its interval for every row, categories `along` one axis, hues side by side within each.

    Reads value, lo and hi; `printed`, if there is such a column, as a hollow diamond; a row with `n_fake` 0 is not
    drawn, one that is not `resolvable` is a ⊘ at `foot`. Categories go downwards, or to the right if `upright`; `names`
    are their labels; `joined` draws a line through each hue. Without rows the panel says so.
    """
    if rows.empty:
        ax.axis("off")
        ax.text(0.5, 0.5, "nothing to draw", ha="center", va="center", transform=ax.transAxes)
        return
    groups, hues = list(dict.fromkeys(rows[along])), list(dict.fromkeys(rows[hue]))
    colour = colour or colours(hues)
    room = 0.6 if upright else GAP / (len(hues) * STEP + GAP)  # of a category, left free
    drawn = rows["n_fake"] > 0 if "n_fake" in rows else pd.Series(True, rows.index)
    told = rows["resolvable"].astype(bool) if "resolvable" in rows else drawn
    rows = rows.assign(ours=drawn & told, dim=drawn & ~told)
    where = (0.0 if upright else 0.5) if foot is None else foot
    for one, own in rows.groupby(hue, sort=False):
        shift = ((hues.index(one) + 0.5) / len(hues) - 0.5) * (1 - room)
        own = own.assign(place=[groups.index(group) + shift for group in own[along]])
        ours, dim, shade = own.loc[own["ours"]], own.loc[own["dim"]], colour[str(one)]
        ink = {"color": shade, "ls": "none"}
        _mark(ax, own, "printed", upright, **ink, **PRINTED)
        (ax.vlines if upright else ax.hlines)(ours["place"], ours["lo"], ours["hi"], color=shade, lw=1.3)
        _mark(ax, ours, "value", upright, **ink, **OURS)
        _mark(ax, dim.assign(foot=where), "foot", upright, **ink, marker=UNRESOLVABLE, ms=6)
        if joined:
            _mark(ax, ours, "value", upright, color=shade, lw=1.3)
            _mark(ax, own, "printed", upright, color=shade, lw=1, ls=(0, (3, 2)))
    names = names or {group: label(group) if along == "generator" else group for group in groups}
    _categories(ax, [str(names[group]) for group in groups], upright)


def _mark(ax: Axes, own: pd.DataFrame, column: str, upright: bool, **look: Any) -> None:
    """A column's values at the rows' places, if it is there and has any."""
    if column in own and any(own[column].notna()):
        ax.plot(*(own[name] for name in (("place", column) if upright else (column, "place"))), **look)


def _categories(ax: Axes, names: Sequence[str], upright: bool) -> None:
    """Names along the axis of categories, with a rule between each two if they go downwards."""
    axis, ends = (ax.xaxis, ax.set_xlim) if upright else (ax.yaxis, ax.set_ylim)
    axis.set_ticks(range(len(names)), list(names))
    axis.set_tick_params(length=0)
    ends((-0.5, len(names) - 0.5) if upright else (len(names) - 0.5, -0.5))
    for i in range(1, 0 if upright else len(names)):
        ax.axhline(i - 0.5, color=RULE, lw=0.7)


def legend(
    figure: Figure | SubFigure,
    labels: Iterable[str],
    *,
    colour: Mapping[str, tuple] | None = None,
    printed: bool = True,
    columns: int = 3,
    dot: str = "reproduced, with interval",
    diamond: str = "printed",
) -> None:
    """Below the panels: a colour for each label (its detector's, if not given), and what dots and diamonds are."""
    ink = {"color": INK, "ls": "none"}
    marks = [(dot, OURS), *([(diamond, PRINTED)] if printed else [])]
    handles = [
        *(Line2D([], [], color=shade, lw=4, label=label) for label, shade in (colour or colours(labels)).items()),
        *(Line2D([], [], label=label, **ink, **mark) for label, mark in marks),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2)
