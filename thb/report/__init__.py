"""What notebooks and book share: loading rows, setting tables, drawing figures, judging claims.

    from thb import report

    rows = report.cells("P3", ["AUC"])
    report.show(report.table(report.beside(rows, across="generator"), "AUC"))

Nothing below this package imports torch.
"""

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
    LOWER_IS_BETTER,
    cells,
    clips_behind,
    corpora,
    label,
    open_results,
    protocol,
    rates,
    scores,
    verdicts,
)
from thb.report.means import ALL, cells_across, falls, mean_of, unscored
from thb.report.table import (
    LEVELS,
    Cell,
    answer,
    beside,
    class_of,
    fixed,
    level,
    number,
    plain,
    printed,
    show,
    table,
    verdict,
)
from thb.report.verdicts import by_machine, pooled
from thb.report.words import clip, decimal, signed

__all__ = [
    "ALL",
    "LEVELS",
    "LOWER_IS_BETTER",
    "PALETTES",
    "Cell",
    "answer",
    "beside",
    "by_machine",
    "canvas",
    "cells",
    "cells_across",
    "class_of",
    "clip",
    "clips_behind",
    "colours",
    "corpora",
    "decimal",
    "dots",
    "falls",
    "fixed",
    "height",
    "label",
    "legend",
    "level",
    "mean_of",
    "message",
    "number",
    "open_results",
    "panels",
    "picture",
    "plain",
    "pooled",
    "powers",
    "printed",
    "protocol",
    "rates",
    "save",
    "scores",
    "share_axis",
    "show",
    "signed",
    "table",
    "theme",
    "unscored",
    "verdict",
    "verdicts",
]
