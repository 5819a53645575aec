"""What the exhibits say of themselves in sentences, for pages that quote it, each with the files it was read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType

from thb.book.sentences import bullets
from thb.report import (
    attention_table,
    cam_panel,
    claims_ledger,
    comparison,
    control_table,
    generator_means,
    hard_table,
    leakage_table,
    pipeline,
    pointing_table,
    protocol_means,
    published_table,
    radar,
    sensitivity,
    swap_table,
    tpr_curve,
    transitions,
)
from thb.report.load import Results

CELLS, SCORES, CAMS, PRINTED = "results/cells.csv", "results/scores", "results/cams", "paper/published"
COMPARED = f"results/comparisons.csv, {CELLS}"
LEDGER = f"paper/claims.yaml, {PRINTED}, {COMPARED}"

# name -> the exhibit's module, what it reads
EXHIBITS: dict[str, tuple[ModuleType, str]] = {
    "said_about_lists": (published_table, PRINTED),
    "said_about_pipeline": (pipeline, f"results/corpus.csv, {PRINTED}"),
    "said_about_means": (protocol_means, f"{COMPARED}, {PRINTED}"),
    "said_about_generators": (generator_means, f"{COMPARED}, {PRINTED}"),
    "said_about_curve": (tpr_curve, f"{SCORES}, {PRINTED}"),
    "said_about_radar": (radar, f"{COMPARED}, {PRINTED}"),
    "said_about_swaps": (swap_table, f"{COMPARED}, {SCORES}"),
    "said_about_hard": (hard_table, f"{COMPARED}, {PRINTED}"),
    "said_about_transitions": (transitions, f"{SCORES}, {PRINTED}"),
    "said_about_panels": (cam_panel, CAMS),
    "said_about_attention": (attention_table, CAMS),
    "said_about_pointing": (pointing_table, CAMS),
    "said_about_claims": (claims_ledger, LEDGER),
    "said_about_comparison": (comparison, f"{CELLS}, {PRINTED}"),
    "said_about_shortcuts": (control_table, f"{CELLS}, {SCORES}"),
    "said_about_leakage": (leakage_table, "results/leakage.json, params.yaml"),
    "said_about_choices": (sensitivity, f"{SCORES}, results/pools"),
}
# page of the book -> the paper's sections whose claims it lists
CLAIMED = {
    "1": ("abstract", "1"),
    "2": ("2",),
    "3": ("3",),
    "4_1": ("4.1",),
    "4_2": ("4.2",),
    "4_3": ("4.3",),
    "4_4": ("4.4",),
    "4_5": ("4.5",),
    "B": ("B",),
    "D": ("D",),
}


def makers() -> dict[str, tuple[Callable[[Results], str], str]]:
    """name -> what writes the list, and its source."""
    said = {name: (partial(_said, module), source) for name, (module, source) in EXHIBITS.items()}
    claimed = {f"claims_{page}": (partial(_claims, sections), LEDGER) for page, sections in CLAIMED.items()}
    return {**said, **claimed}


def _said(module: ModuleType, results: Results) -> str:
    return bullets(module.sentences(results))


def _claims(sections: Sequence[str], results: Results) -> str:
    return "\n".join(claims_ledger.inline(results, section) for section in sections)
