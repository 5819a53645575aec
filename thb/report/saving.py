"""A figure as a notebook shows it and as files hold it: the same bytes each time."""

from __future__ import annotations

import io
from pathlib import Path
from weakref import WeakKeyDictionary

import pandas as pd
from matplotlib.figure import Figure, SubFigure

from thb.core.tables import write_atomic, write_csv
from thb.core.words import corpus_line
from thb.report.figure import look
from thb.report.load import open_results
from thb.report.table import Shown

# Dates would make each run's file differ; a key set to None is left out.
_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}, "png": {}}
DPI = 200
_SHOWN: WeakKeyDictionary[Figure, bytes] = WeakKeyDictionary()  # as SVG, which is not drawn again to be saved


def picture(figure: Figure | SubFigure, alt: str) -> Shown:
    """The figure as a notebook shows it; `alt` says in words what it shows."""
    root = figure.get_figure(root=True)
    drawn = _SHOWN[root] = as_bytes(figure, "svg")
    root.stale = False  # until something in it is changed
    return Shown({"image/svg+xml": drawn.decode("utf-8"), "text/plain": alt}, {"alt": alt})


def save(prefix: str, rows: pd.DataFrame, figure: Figure | SubFigure) -> None:
    """Write <prefix>.csv, .svg, .pdf and .png, each naming the clips behind it; nothing if the prefix is empty."""
    if not prefix:
        return
    named = rows.assign(clips_from=corpus_line(open_results().params))
    write_csv(named, Path(f"{prefix}.csv"), list(named.columns))
    root = figure.get_figure(root=True)
    shown = None if root.stale else _SHOWN.get(root)
    for kind in ("svg", "pdf", "png"):
        content = shown if shown and kind == "svg" else as_bytes(figure, kind)
        write_atomic(Path(f"{prefix}.{kind}"), lambda part, content=content: part.write_bytes(content))


def as_bytes(figure: Figure | SubFigure, kind: str) -> bytes:
    """The same bytes each time."""
    buffer, root = io.BytesIO(), figure.get_figure(root=True)
    with look():
        if root.get_layout_engine():
            _lay_out(root)
        root.savefig(buffer, format=kind, dpi=DPI, metadata=_UNDATED[kind])
    return buffer.getvalue()


def _lay_out(root: Figure) -> None:
    """Give every axes its place, once, rounded: the solver's last digits differ from run to run."""
    root.draw_without_rendering()
    root.set_layout_engine(None)  # "none" leaves a stand-in behind, for which each file is drawn three times
    parts = list(root.subfigs)
    for part in parts:
        parts += part.subfigs
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(6))
    for ax in root.axes:
        left, bottom, width, height = (round(float(side), 6) for side in ax.get_position(original=True).bounds)
        ax.set_position((left, bottom, width, height))
