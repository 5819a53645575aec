"""What notebooks and book share: loading rows, setting tables, drawing figures, judging claims.

    from thb import report

    rows = report.cells("P3", ["AUC"])
    report.show(report.table(report.beside(rows, across="generator"), "AUC"))

Nothing below this package imports torch.
"""

from thb.core.decimals import decimal, signed
from thb.core.metrics import weakest
from thb.core.words import clip, words
from thb.report.cams import RULES, chosen, heat, regions, sanity, telling, unexplained
from thb.report.cell import (
    LEVELS,
    Cell,
    against,
    answer,
    class_of,
    difference,
    fixed,
    level,
    number,
    plain,
    printed,
    verdict,
)
from thb.report.claims import claims
from thb.report.conditions import leakage, look_alikes, reencoded, settings, shared, sizes, stops, taken_by_condition
from thb.report.corpus import NOT_SHOWN, clip_counts, curation, frames
from thb.report.figure import (
    PALETTES,
    canvas,
    colours,
    dots,
    height,
    legend,
    listed,
    message,
    panels,
    powers,
    share_axis,
    theme,
)
from thb.report.heat_page import faces
from thb.report.lists import addresses, printed_list
from thb.report.load import LOWER_IS_BETTER, SHUFFLED_SOUND, open_results
from thb.report.means import ALL, cells_across, falls, mean_of, unscored
from thb.report.queries import (
    cells,
    clips_behind,
    corpora,
    detector,
    label,
    printed_beside,
    protocol,
    rank_correlation,
    rates,
    scores,
    verdicts,
)
from thb.report.saving import picture, save
from thb.report.table import beside, show, table
from thb.report.verdicts import badge, by_machine, pooled

__all__ = [
    "ALL",
    "LEVELS",
    "LOWER_IS_BETTER",
    "NOT_SHOWN",
    "PALETTES",
    "RULES",
    "SHUFFLED_SOUND",
    "Cell",
    "addresses",
    "against",
    "answer",
    "badge",
    "beside",
    "by_machine",
    "canvas",
    "cells",
    "cells_across",
    "chosen",
    "claims",
    "class_of",
    "clip",
    "clip_counts",
    "clips_behind",
    "colours",
    "corpora",
    "curation",
    "decimal",
    "detector",
    "difference",
    "dots",
    "faces",
    "falls",
    "fixed",
    "frames",
    "heat",
    "height",
    "label",
    "leakage",
    "legend",
    "level",
    "listed",
    "look_alikes",
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
    "printed_beside",
    "printed_list",
    "protocol",
    "rank_correlation",
    "rates",
    "reencoded",
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
    "stops",
    "table",
    "taken_by_condition",
    "telling",
    "theme",
    "unexplained",
    "unscored",
    "verdict",
    "verdicts",
    "weakest",
    "words",
]
