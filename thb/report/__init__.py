"""What notebooks and book share: loading rows, setting tables, drawing figures, judging claims.

    from thb import report

    rows = report.cells("P3", ["AUC"])
    report.show(report.table(report.beside(rows, across="generator"), "AUC"))

Nothing below this package imports torch.
"""

from thb.report.corpus import NOT_SHOWN, clip_counts, curation, frames
from thb.report.figure import (
    PALETTES,
    canvas,
    colours,
    dots,
    height,
    legend,
    message,
    panels,
    picture,
    powers,
    save,
    share_axis,
    theme,
)
from thb.report.load import (
    cells,
    claims,
    clips_behind,
    label,
    open_results,
    printed_beside,
    printed_list,
    protocol,
    rates,
    verdicts,
)
from thb.report.means import ALL, mean_over_detectors
from thb.report.table import Cell, answer, beside, number, plain, printed, show, table, verdict
from thb.report.verdicts import badge, by_machine
from thb.report.words import clip, decimal, signed

__all__ = [
    "ALL",
    "NOT_SHOWN",
    "PALETTES",
    "Cell",
    "answer",
    "badge",
    "beside",
    "by_machine",
    "canvas",
    "cells",
    "claims",
    "clip",
    "clip_counts",
    "clips_behind",
    "colours",
    "curation",
    "decimal",
    "dots",
    "frames",
    "height",
    "label",
    "legend",
    "mean_over_detectors",
    "message",
    "number",
    "open_results",
    "panels",
    "picture",
    "plain",
    "powers",
    "printed",
    "printed_beside",
    "printed_list",
    "protocol",
    "rates",
    "save",
    "share_axis",
    "show",
    "signed",
    "table",
    "theme",
    "verdict",
    "verdicts",
]
