"""verify: do the results at hand agree with the reference? Each check with what differs, and one verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from thb.book import provenance
from thb.cells.columns import CELL, CELL_COLUMNS, COMPARISON_COLUMNS, QUESTION
from thb.cells.comparisons import ABOVE, BELOW
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, SCORE_COLUMNS, TESTED_COLUMNS, read_csv, read_json
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.splits import protocols
from thb.submitted import compared as submitted

SAME, AGREES, DIFFERS, UNCHECKED = "same", "agrees", "differs", "not checked"
NOT_COMPARABLE = "not comparable"
PASS, FAIL = "PASS", "FAIL"
EXACT = 1e-9  # two numbers of one computation; the files keep ten digits
ROUNDED = 1e-3  # what other processors make of a score of the same weights, and more
RARE = 0.001  # how often luck alone may make a rerun differ


@dataclass(frozen=True)
class Check:
    """One thing that was compared, the verdict on it, a line for each part that differs, and rows, if it has some."""

    name: str
    verdict: str
    told: str
    differing: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


# ---- score files --------------------------------------------------------------------------------------


def scores(paths: Paths, params: Params, reference: Paths) -> Check:
    """Every score file against the reference's, clip by clip, and which cells rest on a clip that differs."""
    files = [ScoreFile(paths, params, detector, fit) for detector in params.detectors for fit in params.fits]
    worst, differing, absent = 0.0, [], 0
    for file in files:
        theirs = reference.scores(file.detector, file.fit)
        if not file.path.is_file() or not theirs.is_file():
            if file.path.is_file() != theirs.is_file():
                differing.append(f"{file} is {'here' if file.path.is_file() else 'in the reference'} only")
            absent += 1
            continue
        try:
            score_files.about(file)
        except DataError as fault:
            differing.append(str(fault))
        if file.path.read_bytes() != theirs.read_bytes():
            apart, lines = _rows_apart(params, file, theirs)
            if apart > ROUNDED and (ours := _weights(file.path)) and ours == _weights(theirs):
                differing.append(f"{file}: the weights are the reference's, and yet scores differ by {apart:.3g}")
            worst, differing = max(worst, apart), [*differing, *lines]
    counted = f"{len(files) - absent} files" + (f", {absent} absent on both sides" if absent else "")
    if differing:
        return Check("score files", DIFFERS, f"{counted}; scores differ by {worst:.3g} at most", differing)
    return Check("score files", SAME, f"{counted}, to the byte")


def _weights(scores: Path) -> list[str]:
    """The hashes of the weights that gave these scores; none where nothing says so."""
    beside = scores.with_suffix(".json")
    return read_json(beside).get("weights_sha256") or [] if beside.is_file() else []


def _rows_apart(params: Params, file: ScoreFile, theirs: Path) -> tuple[float, list[str]]:
    """The largest difference of a score, and a line for each clip that differs."""
    own, other = (read_csv(path, SCORE_COLUMNS).set_index("clip") for path in (file.path, theirs))
    if twice := own.index[own.index.duplicated()].tolist():
        return np.nan, [f"{file} has clip {twice[0]!r} twice"]
    lines = [f"{file} lacks clip {clip!r}" for clip in other.index.difference(own.index)]
    lines += [f"{file} has clip {clip!r}, which the reference lacks" for clip in own.index.difference(other.index)]
    both = own.index.intersection(other.index)
    here, there = own.loc[both], other.loc[both]
    apart = (here["score"] - there["score"]).abs()
    equal = here.drop(columns="score").fillna("").eq(there.drop(columns="score").fillna("")).all(axis=1)
    odd = both[((apart > EXACT) | ~equal).to_numpy()]
    cells = touched(params, file, own.loc[odd].reset_index())
    for clip in odd:
        change = f"score {there.loc[clip, 'score']:.10g} -> {here.loc[clip, 'score']:.10g}"
        lines.append(f"{file}: clip {clip!r}, {change if equal[clip] else 'its row changed'}; cells: {cells[clip]}")
    alike = [f"{file}: other bytes, score by score the same within {EXACT:g}"]  # as the last digit of another processor
    return float(apart.max()) if len(apart) else 0.0, lines or alike


def touched(params: Params, file: ScoreFile, rows: pd.DataFrame) -> dict[str, str]:
    """Clip -> the cells that rest on its score, as `P1 tall hallo`; 'none' of a clip that is only validated on."""
    found: dict[str, dict[str, list[str]]] = {clip: {} for clip in rows["clip"]}
    for trial in protocols.trials(params):
        if file.fit not in trial.fits:
            continue
        protocol = params.protocols[trial.protocol]
        tested = protocols.reals(rows, protocol) | protocols.fakes(rows, protocol, trial.generator)
        for clip in rows.loc[tested, "clip"]:
            found[clip].setdefault(trial.protocol, []).append(trial.generator)
    return {
        clip: "; ".join(f"{name} {file.detector} {', '.join(of)}" for name, of in cells.items()) or "none"
        for clip, cells in found.items()
    }


# ---- tables -------------------------------------------------------------------------------------------


def clips(paths: Paths, reference: Paths) -> Check:
    """The clips that are tested, by name, split and use."""
    own, theirs = (read_csv(p.tested, TESTED_COLUMNS, as_text=True) for p in (paths, reference))
    if own.equals(theirs):
        usable = np.count_nonzero(own["status"] == OK)
        return Check("clips", SAME, f"{len(own)} clips, {usable} of them usable")
    odd = pd.concat([own, theirs]).drop_duplicates(keep=False)["clip"].unique()
    return Check("clips", DIFFERS, f"{len(odd)} clips differ in name, split or status", [f"clip {c!r}" for c in odd])


def _without_submitted(rows: pd.DataFrame, paths: Paths, reference: Paths) -> pd.DataFrame:
    """The rows of a table that do not speak of a detector that was submitted on one side only."""
    alone = list({*submitted.names(paths)} ^ {*submitted.names(reference)})
    speaks = rows[[c for c in ("detector", "first", "second") if c in rows]].isin(alone).any(axis=1)
    return rows.loc[~speaks].reset_index(drop=True)


def cells(paths: Paths, params: Params, reference: Paths, exact: bool) -> Check:
    """Every cell: the same number or, where fits were trained again, no more out of their intervals than luck explains.

    Counts of clips are the same in either case.
    """
    own, theirs = (
        _without_submitted(read_csv(p.cells, CELL_COLUMNS), paths, reference).set_index(CELL)
        for p in (paths, reference)
    )
    wrong = [f"cell {' '.join(key)} is here only" for key in own.index.difference(theirs.index)]
    wrong += [f"cell {' '.join(key)} is missing" for key in theirs.index.difference(own.index)]
    both = own.index.intersection(theirs.index)
    here, there = own.loc[both], theirs.loc[both]
    unequal = ~_equal(here["value"], there["value"])
    ends = ~(_equal(here["lo"], there["lo"]) & _equal(here["hi"], there["hi"]))
    within = ((here["value"] >= there["lo"] - EXACT) & (here["value"] <= there["hi"] + EXACT)).to_numpy()
    counts = (here[["n_real", "n_fake"]] != there[["n_real", "n_fake"]]).any(axis=1).to_numpy()
    untold = (here["value"].isna() != there["value"].isna()).to_numpy()
    outside = unequal & ~within
    off = counts | untold | (unequal | ends if exact else outside)
    lines = [
        f"{' '.join(key)}: {a['value']:.6g} [{a['lo']:.6g}, {a['hi']:.6g}] here, "
        f"{b['value']:.6g} [{b['lo']:.6g}, {b['hi']:.6g}] in the reference"
        for key, (_, a), (_, b) in zip(both[off], here[off].iterrows(), there[off].iterrows(), strict=True)
    ]
    moved = f"values move by {np.nanmax((here['value'] - there['value']).abs(), initial=0):.3g} at most"
    if exact or wrong or (counts | untold).any():
        told = f"{len(wrong) + len(lines)} of {len(both)}; {moved}"
        same = Check("cells", SAME, f"{len(both)} cells, every value the same")
        return Check("cells", DIFFERS, told, [*wrong, *lines]) if wrong or lines else same
    n, allowed = int(unequal.sum()), by_luck(int(unequal.sum()), params)
    told = (
        f"{n} of {len(both)} moved, {len(lines)} of them out of the reference's interval; luck alone: up to {allowed}; "
        f"{moved}"
    )
    return Check("cells", DIFFERS if len(lines) > allowed else AGREES if n else SAME, told, lines)


def by_luck(n: int, params: Params) -> int:
    """How many of n intervals miss in all but RARE of the reruns that differ in nothing but luck."""
    return int(binom.ppf(1 - RARE, n, 1 - params.metrics.confidence)) if n else 0


def _equal(one: pd.Series, other: pd.Series) -> np.ndarray:
    """Mask: the same number, or none on both sides."""
    return np.isclose(one.to_numpy(float), other.to_numpy(float), rtol=0, atol=EXACT, equal_nan=True)


def comparisons(paths: Paths, reference: Paths, exact: bool) -> Check:
    """Every paired comparison's verdict: the same or, where fits were trained again, none turned into its opposite."""
    own, theirs = (
        _without_submitted(read_csv(p.comparisons, COMPARISON_COLUMNS, as_text=True), paths, reference)
        for p in (paths, reference)
    )
    if not own[QUESTION].equals(theirs[QUESTION]):
        return Check("comparisons", DIFFERS, "not the same questions are answered")
    here, there = own["verdict"].fillna(""), theirs["verdict"].fillna("")
    changed = (here != there).to_numpy()
    turned = changed & (here.isin([ABOVE, BELOW]) & there.isin([ABOVE, BELOW])).to_numpy()
    lines = [
        f"{' '.join(word for word in asked if isinstance(word, str))}: {ours} here, {other} in the reference"
        for of in (turned, changed & ~turned)
        for asked, ours, other in zip(own.loc[of, QUESTION].itertuples(index=False), here[of], there[of], strict=True)
    ]
    told = f"{len(own):,} paired comparisons, {len(lines)} verdicts changed"
    if exact or not lines:
        return Check("comparisons", DIFFERS if lines else SAME, told, lines)
    told += f", {np.count_nonzero(turned)} of them into the opposite"
    return Check("comparisons", DIFFERS if turned.any() else AGREES, told, lines)


def exhibits(paths: Paths, params: Params) -> Check:
    """Every exhibit has been made, from the results at hand."""
    made, lines = 0, []
    for name in params.exhibits:
        try:
            provenance.made_from(paths, name)
            made += 1
        except DataError as fault:
            lines.append(str(fault))
    if not made:
        return Check("exhibits", UNCHECKED, "none has been made here; `thb recompute` makes them")
    told = f"{made} of {len(params.exhibits)} made from the results at hand"
    return Check("exhibits", DIFFERS if lines else SAME, told, lines)


# ---- the verdict --------------------------------------------------------------------------------------


def judge(checks: Iterable[Check]) -> str:
    """PASS unless something differs."""
    return FAIL if any(check.verdict == DIFFERS for check in checks) else PASS


def compare(paths: Paths, params: Params, reference: Paths, exact: bool) -> list[Check]:
    """Everything that results/ hold against the reference; `exact`: no fit was trained again.

    If all scores are the same, so is what is made of them.
    """
    found = [clips(paths, reference), scores(paths, params, reference)]
    again = not exact and found[1].verdict == DIFFERS and _trained_again(found[1])
    if again:
        told = f"{found[1].told}: fits were trained again, their cells decide"
        found[1] = Check(found[1].name, AGREES, told)
    made = cells(paths, params, reference, not again), comparisons(paths, reference, not again)
    return [*found, *made, exhibits(paths, params)]


def _trained_again(check: Check) -> bool:
    """Whether all that differs are scores of the same clips."""
    return all(", score " in line for line in check.differing)
