"""The figures of Tables 1 to 3: how large benchmarks are; when generators and detectors were published."""

from __future__ import annotations

import re

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.report import style

ROW = 0.25  # inches
UNITS = {"M": 1_000_000, "": 1}
MARKERS = "osD^"
USED = {"used_in_thb", "benchmarked"}
SMALL = 7.5  # points


def count(printed: str) -> tuple[int, bool]:
    """'1M+' -> one million, and that it is only a lower bound."""
    number, unit, more = re.fullmatch(r"(\d+)(M?)(\+?)", printed).groups()
    return int(number) * UNITS[unit], bool(more)


def published(venue: str) -> list[int]:
    """'CVPR23/IJCV24' -> the years 2023 and 2024; none where no venue is printed."""
    return [2000 + int(year) for year in re.findall(r"(\d\d)(?=/|$)", venue)]


def alt(rows: pd.DataFrame, key: str) -> str:
    """The figure in words."""
    if "fake_count" in rows:
        largest = rows.loc[rows["fake_count"].map(lambda n: count(n)[0]).idxmax(), key]
        return (
            f"Dots on a logarithmic axis: how many real and fake clips each of {len(rows)} benchmarks holds; "
            f"{largest} has the most fakes."
        )
    spans = [year for venue in rows["venue"] for year in published(venue)]
    return (
        f"Dots by year of publication, {min(spans)} to {max(spans)}, of {len(rows)} {key}s grouped by what they "
        "take in; shape and colour tell their kind, filled dots were used by the paper."
    )


# ── Table 1 ──────────────────────────────────────────────────────────────────────────────────────


def counts(rows: pd.DataFrame, key: str, palette: str) -> Figure:
    """A row a benchmark: reals and fakes joined by a line, an arrow where only a lower bound is printed."""
    shades = style.palette(palette)
    with style.look():
        figure, (ax,) = style.panels([ROW * len(rows) + 1.0])
        for y, row in enumerate(rows.to_dict("records")):
            (real, _), (fake, bounded) = count(row["real_count"]), count(row["fake_count"])
            ax.plot([real, fake], [y, y], color=style.RULE, lw=1.6, zorder=1)
            ax.plot(real, y, "o", color=shades[0], ms=5.5)
            ax.plot(fake, y, ">" if bounded else "D", color=shades[1], ms=7 if bounded else 5)
        ax.set(xscale="log", xlabel="clips (count, logarithmic)")
        style.powers(ax.xaxis)
        _names(ax, range(len(rows)), rows[key], rows["here"] != "")
        ax.grid(axis="x")
        figure.legend(handles=_kinds(shades), loc="outside lower center", ncols=3)
    return figure


def _kinds(shades: tuple[str, ...]) -> list[Line2D]:
    return [
        Line2D([], [], ls="none", marker=marker, color=shade, label=label)
        for marker, shade, label in (
            ("o", shades[0], "real"),
            ("D", shades[1], "fake"),
            (">", shades[1], "fake, at least"),
        )
    ]


def _names(ax: Axes, places, names, bold) -> None:
    """Names down the side, the first on top; bold: run by this package, or a heading."""
    ax.set_yticks(list(places), list(names))
    for label, heavy in zip(ax.get_yticklabels(), bold, strict=True):
        label.set_fontweight("bold" if heavy else "normal")
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()


# ── Tables 2 and 3 ───────────────────────────────────────────────────────────────────────────────


def years(rows: pd.DataFrame, key: str, palette: str) -> Figure:
    """A row a name, grouped by what it takes in: a dot at its year with its venue beside it."""
    kinds = {
        kind: (MARKERS[i % len(MARKERS)], style.palette(palette)[i])
        for i, kind in enumerate(dict.fromkeys(rows["framework"].map(_kind)))
    }
    with style.look():
        figure, (ax,) = style.panels([ROW * (len(rows) + rows["modality"].nunique()) + 1.1])
        y = _groups(ax, rows, key, kinds)
        _years_axis(ax, rows, y)
        figure.legend(handles=_legend(kinds), loc="outside lower center", ncols=2, columnspacing=1.2)
    return figure


def _kind(printed: str) -> str:
    """One spelling of 'Neural Network' and 'Neural network'; CNN stays as it is."""
    return printed[:1] + printed[1:].replace(" N", " n")


def _groups(ax: Axes, rows: pd.DataFrame, key: str, kinds: dict) -> int:
    """Draw every group below its heading; the number of lines taken."""
    (used,) = USED & set(rows.columns)
    places, names, bold, y = [], [], [], 0
    for modality, group in rows.groupby("modality", sort=False):
        ax.text(
            -0.02,
            y,
            f"{modality}:",
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            color=style.GREY,
            fontsize=8.5,
        )
        for row in group.to_dict("records"):
            y += 1
            _dot(ax, y, row, kinds[_kind(row["framework"])], row[used] == "yes", _first(rows))
            places, names, bold = [*places, y], [*names, row[key]], [*bold, row["here"] != ""]
        y += 1
    _names(ax, places, names, bold)
    return y


def _first(rows: pd.DataFrame) -> int:
    return min(year for venue in rows["venue"] for year in published(venue))


def _dot(ax: Axes, y: int, row: dict, kind: tuple[str, str], used: bool, first: int) -> None:
    """One row; without a printed venue it stands left of the first year."""
    found, (marker, colour) = published(row["venue"]) or [first - 1], kind
    ax.plot(found, [y] * len(found), marker=marker, color=colour, mfc=colour if used else "white", ms=5.5, lw=1)
    venue = row["venue"] if published(row["venue"]) else ""
    words = ", ".join(filter(None, (venue, "" if row["code_available"] == "yes" else "no code")))
    ax.annotate(
        words,
        (found[-1], y),
        (7, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )


def _years_axis(ax: Axes, rows: pd.DataFrame, lines: int) -> None:
    spans = [published(venue) for venue in rows["venue"]]
    known = range(_first(rows), max(max(span) for span in spans if span) + 1)
    ticks = {year: str(year) for year in known} | ({known[0] - 1: "none"} if [] in spans else {})
    ax.set_xticks(sorted(ticks), [ticks[year] for year in sorted(ticks)])
    ax.set(xlim=(min(ticks) - 0.4, max(ticks) + 1.2), ylim=(lines - 0.3, -0.6), xlabel="venue's year")
    ax.grid(axis="x")


def _legend(kinds: dict) -> list[Line2D]:
    plain = {"ls": "none", "marker": "o", "color": style.GREY}
    return [
        *(Line2D([], [], ls="none", marker=m, color=c, label=kind) for kind, (m, c) in kinds.items()),
        Line2D([], [], label="filled: used by the paper", **plain),
        Line2D([], [], label="hollow: listed only", mfc="white", **plain),
    ]
