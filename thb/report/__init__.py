"""What notebooks and book share: loading rows, setting tables, drawing figures, judging claims.

    from thb import report

    rows = report.cells("P3", ["AUC"])
    report.show(report.table(report.beside(rows, across="generator"), "AUC"))

Nothing below this package imports torch.
"""

from thb.report.cams import RULES, chosen, faces, heat, regions, sanity, telling, unexplained
from thb.report.conditions import leakage, look_alikes, settings, shared, sizes
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
from thb.report.load import cells, clips_behind, detector, label, open_results, protocol, rates, scores, verdicts
from thb.report.means import ALL, mean_over_detectors
from thb.report.table import (
    Cell,
    against,
    answer,
    beside,
    difference,
    fixed,
    number,
    plain,
    printed,
    show,
    table,
    verdict,
)
from thb.report.words import clip, decimal, signed

__all__ = [
    "ALL",
    "PALETTES",
    "RULES",
    "Cell",
    "against",
    "answer",
    "beside",
    "canvas",
    "cells",
    "chosen",
    "clip",
    "clips_behind",
    "colours",
    "decimal",
    "detector",
    "difference",
    "dots",
    "faces",
    "fixed",
    "heat",
    "height",
    "label",
    "leakage",
    "legend",
    "look_alikes",
    "mean_over_detectors",
    "message",
    "number",
    "open_results",
    "panels",
    "picture",
    "plain",
    "powers",
    "printed",
    "protocol",
    "rates",
    "regions",
    "sanity",
    "save",
    "scores",
    "settings",
    "share_axis",
    "shared",
    "show",
    "signed",
    "sizes",
    "table",
    "telling",
    "theme",
    "unexplained",
    "verdict",
    "verdicts",
]
