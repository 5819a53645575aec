"""One exhibit: a table to read, a figure, and the rows behind both."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from thb.core.tables import write_atomic, write_csv
from thb.report import style
from thb.report.css import CSS


class Shown:
    """Something a notebook displays: its content by MIME type, and facts that the book reads beside it."""

    def __init__(self, data: dict[str, str], facts: dict[str, str]) -> None:
        self.data, self.facts = data, facts

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        return self.data, {"thb": self.facts}


@dataclass(frozen=True)
class Exhibit:
    """title: the page's heading; html: the table; rows: what the CSV holds; alt: the figure in words."""

    title: str
    html: str
    rows: pd.DataFrame
    drawing: Figure
    alt: str

    @property
    def table(self) -> Shown:
        """The table, with the style it needs, so that it looks the same inside and outside the book."""
        return Shown(
            {
                "text/html": f'<style>{CSS}</style>\n<div class="thb">{self.html}</div>',
                "text/plain": self.rows.to_string(index=False, max_rows=40),
            },
            {"title": self.title},
        )

    @property
    def figure(self) -> Shown:
        return Shown({"image/svg+xml": self._svg.decode("utf-8"), "text/plain": self.alt}, {"alt": self.alt})

    @cached_property
    def _svg(self) -> bytes:
        """Drawn once: the notebook shows what the file holds."""
        buffer = io.BytesIO()
        style.save(self.drawing, buffer, "svg")
        return buffer.getvalue()

    def save(self, prefix: str) -> None:
        """Write <prefix>.csv, .svg, .pdf and .png; nothing if the prefix is empty."""
        if not prefix:
            return
        write_csv(self.rows, Path(f"{prefix}.csv"), list(self.rows.columns))
        write_atomic(Path(f"{prefix}.svg"), lambda part: part.write_bytes(self._svg))
        for kind in ("pdf", "png"):
            write_atomic(Path(f"{prefix}.{kind}"), self._writer(kind))

    def _writer(self, kind: str) -> Callable[[Path], None]:
        return lambda part: style.save(self.drawing, part, kind)
