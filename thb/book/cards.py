"""The cards: what the clips are and how they came about, and what each detector is, learnt from and reached."""

from __future__ import annotations

from typing import Any

import pandas as pd

from thb.core.metrics import AUC
from thb.report import settings_table, shifts, statistics_table, vouched
from thb.report.load import Entrant, Results
from thb.report.tables import text

SPLITS = ("train", "val", "test")


def facts(results: Results) -> dict[str, str]:
    """What the data card counts: clips a split, minutes, sizes and rates as found in the files."""
    corpus = statistics_table.read_corpus(results)
    counts = {f"n_{split}": f"{int(n):,}" for split, n in _by_split(corpus).items()}
    return counts | {
        "clip_minutes": f"{corpus['seconds'].sum() / 60:.0f}",
        "clip_sizes": _distinct(corpus["size"]),
        "clip_rates": _distinct(corpus["fps"]),
    }


def _by_split(corpus: pd.DataFrame) -> dict[str, int]:
    return {split: corpus[corpus["split"] == split]["clips"].sum() for split in SPLITS}


def _distinct(column: pd.Series) -> str:
    """Every value of a column of lists joined by ';', once, smallest first; the ends alone if there are many."""
    values = {one.strip() for cell in column.dropna().astype(str) for one in cell.split(";")}
    ordered = sorted(values, key=lambda one: float(one.split("x")[0]))
    return ", ".join(ordered) if len(ordered) <= 5 else f"{ordered[0]} to {ordered[-1]}"


def making(results: Results) -> str:
    """How the clips came about."""
    if results.params.active.corpus == "mini":
        return (
            "**How they were made.** Portraits, motion, voices and backgrounds are drawn from a seed; each simulated "
            "generator then adds the faults that the paper reports of its namesake and a faint fingerprint, and clips "
            "whose faults are too plain are thrown away. Files are written as the release writes them, with its "
            "rates and names."
        )
    return (
        "**How they were made.** The paper's authors ran the generators on portraits and drivers and removed what "
        "looked broken; the fakes are the published files, the reals are the builder's own copies."
    )


def people(results: Results) -> str:
    if results.params.active.corpus == "mini":
        return "**People.** Nobody in them exists; no face of a real person was used to draw them."
    return (
        "**People.** They show real people, who were not asked by this package and perhaps by nobody. Pass no clip "
        "on, and show no face that its owner's licence does not let you show."
    )


def models(results: Results) -> str:
    """A card for each detector, as Markdown tables; the controls last."""
    known = [e for e in results.entrants if e.key]
    chosen = [e.key for e in known]
    rows, sizes = settings_table.settings(results, chosen), settings_table.parameters(results, chosen)
    return "\n\n".join(_card(e, _lines(results, e, settings_table.summary(results, rows, sizes, e.key))) for e in known)


def _card(entrant: Entrant, lines: dict[str, str]) -> str:
    head = f"{text(entrant.label)}{' (control)' if entrant.control else ''}"
    return "\n".join([f"| **{head}** | |", "|---|---|", *(f"| {key} | {value} |" for key, value in lines.items())])


def _lines(results: Results, entrant: Entrant, size: str) -> dict[str, str]:
    network = results.params.detectors[entrant.key].parameters is not None
    return {
        "Run here": size,
        **({"Started from": _start(results.params.detector(entrant.key))} if network else {}),
        "Learnt from": _learnt(results, entrant.key),
        f"Mean {AUC}": ", ".join(f"{p} {shifts.mean(results, p, entrant, AUC)}" for p in ("P1", "P3")),
    }


def _learnt(results: Results, detector: str) -> str:
    """How many clips the fit on every generator saw; scores from elsewhere need not say."""
    about = vouched.fit(results.paths, results.params, detector, settings_table.FIT)
    if "clips" not in about:
        return "not said by who scored the clips"
    clips = about["clips"]
    return f"{clips['train']:,} clips, fakes of every generator and reals; {clips['val']:,} more chose the checkpoint"


def _start(settings: dict[str, Any]) -> str:
    """Where a detector's weights come from before its fits, in words."""
    weights = settings.get("init_weights", "none")
    first = "random weights" if weights == "none" else f"<code>{text(weights)}</code>"
    return f"{first}, then the fit on face swaps" if settings.get("start_from") == "ffpp" else first
