"""What notebooks and book share: loading rows, setting tables, drawing figures, judging claims.

    from thb import report

    rows = report.cells("P3", ["AUC"])
    report.show(report.table(report.beside(rows, across="generator"), "AUC"))

Nothing below this package imports torch.
"""

from thb.report.figure import PALETTES, colours, dots, height, legend, message, panels, picture, save, share_axis, theme
from thb.report.load import cells, claims, clips_behind, label, open_results, protocol, rates, verdicts
from thb.report.means import ALL, mean_over_detectors
from thb.report.table import answer, beside, number, plain, printed, show, table, verdict
from thb.report.verdicts import badge
from thb.report.words import clip, decimal, signed

__all__ = [
    "ALL",
    "PALETTES",
    "answer",
    "badge",
    "beside",
    "cells",
    "claims",
    "clip",
    "clips_behind",
    "colours",
    "decimal",
    "dots",
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
    "printed",
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
