"""One exhibit: a table to read, a figure, and the rows behind both."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from thb.report import figure
from thb.report.css import CSS
from thb.report.table import Shown


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
        return figure.picture(self.drawing, self.alt)

    def save(self, prefix: str) -> None:
        """Write <prefix>.csv, .svg, .pdf and .png; nothing if the prefix is empty."""
        figure.save(prefix, self.rows, self.drawing)
