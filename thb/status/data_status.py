"""data status: what there is of the corpus, and which fits, protocols and exhibits it allows, or why it does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from thb.core.errors import printable
from thb.core.params import Params, Protocol
from thb.core.paths import Paths
from thb.core.tables import OK
from thb.corpus import layout, own_reals, real_lists
from thb.splits import assignment, protocols
from thb.status import census

YES = "yes"
SHIFTS = ("P1", "P2", "P3")
# What a kind of exhibit reads if its parameters name no protocol: printed files alone, the clips by name and count, the
# embedded corpus, or scores of these protocols; a kind that is not listed reads scores of SHIFTS.
PAPER, CLIPS, RENDERED = "paper", "clips", "rendered"
READS: dict[str, str | tuple[str, ...]] = {
    **dict.fromkeys(("benchmarks_table", "published_models", "pipeline", "claims_ledger", "settings_table"), PAPER),
    **dict.fromkeys(("statistics_table", "leakage_table"), CLIPS),
    **dict.fromkeys(("contact_sheet", "ablation_table"), RENDERED),
    "hard_table": ("P3",),
    "swap_table": ("ffpp", "P1"),
    "sound_check": ("P1",),
    "transitions": ("P1", "P3"),
}
# Heat maps of fakes can be drawn by weights from elsewhere; so can tables, of score files from elsewhere.
MAPS = ("gradcam_panel", "attention_table", "pointing_table")


def run(paths: Paths, params: Params) -> None:
    """Print what is there, beside what was published, and what it allows; nothing is changed."""
    clips, faults = census.rows(paths, params)
    counts = census.count(paths, params, clips, faults)
    print(f"The clips of profile {params.profile} (corpus {params.active.corpus})\n")
    print(_table(census.COLUMNS, _shown(counts)))
    print(
        "  listed: should be there; unlisted: in the folder, but in no list, and not used;\n"
        "  damaged: prepare could not read it, its name says nothing, or it is a link out of its folder"
    )
    _say_sources(paths, params, faults)
    print("\nCompared with what was published\n")
    print(_table(census.COMPARED, _differences(census.compare(params, counts, paths.published))))
    print("\nWhat they allow\n")
    print(_table(["what", "", "allowed"], allowed(params, clips)))


# ---- what there is ----------------------------------------------------------------------------------


def _shown(counts: pd.DataFrame) -> list[list[object]]:
    """The counts, and their sums."""
    total = ["all", "", *(counts[column].sum() for column in census.COLUMNS[2:])]
    return [*counts.to_numpy().tolist(), total]


def _differences(compared: pd.DataFrame) -> list[list[object]]:
    return [[*row[:-1], f"{row[-1]:+d}" if row[-1] else "as printed"] for row in compared.to_numpy().tolist()]


def _say_sources(paths: Paths, params: Params, faults: dict[str, str]) -> None:
    """Where the real clips are looked for, and what keeps a source from being listed."""
    for name, why in faults.items():
        print(f"  {name}: {printable(why)}")
    for folder, meant in layout.mistaken(paths, params.sources):
        print(f"  data/raw/{printable(folder)} is no source's folder, and is not read; is {meant} meant?")
    if params.active.corpus == "mini":
        return
    print(f"  sound: {layout.sound_generation(paths)}")
    print(f"  reals: {real_lists.list_name(paths) or 'no list'} says which there are, and in which split")
    for name in params.of_role("real", "swap"):
        folder = params.source(name).folder
        said = own_reals.origin(params, folder)
        where = f"in {printable(paths.clip_folder(folder))}, named by {said}" if said else _unnamed(params, folder)
        print(f"  {name}: {where}")
        if said and not own_reals.is_noted(paths, folder):
            print(f"  {name}: the folder is not as the last `thb fetch` saw it; run that again to take it in")


def _unnamed(params: Params, folder: str) -> str:
    named = [
        f"{variable} or reals.{name}"
        for name, variable in own_reals.VARIABLES.items()
        if folder.startswith(own_reals.BELOW[name]) or f"{folder}/" == own_reals.BELOW[name]
    ]
    return f"in data/raw/{folder}; {' or '.join(named) or 'no variable'} may name another place"


# ---- what it allows ---------------------------------------------------------------------------------


def allowed(params: Params, clips: pd.DataFrame) -> list[list[str]]:
    """[kind, name, `yes` or why not] of each fit, protocol and exhibit."""
    usable = clips.loc[clips["status"] == OK]
    fits = {fit: assignment.lacking(usable.assign(use=assignment.uses(usable, fit))) for fit in params.fits}
    tests = {name: _untested(params, name, usable, fits) for name in params.protocols}
    out = [["fit", fit, why or _starts(params, fit, fits)] for fit, why in fits.items()]
    out += [["protocol", name, why or YES] for name, why in tests.items()]
    return out + [
        ["exhibit", name, _unshown(params, entry, tests, len(usable)) or YES] for name, entry in params.exhibits.items()
    ]


def _starts(params: Params, fit: str, fits: dict[str, str]) -> str:
    """`yes`, but for detectors that start from a fit that cannot be made."""
    late = [d for d in params.detectors if params.detector(d).get("start_from") == "ffpp"]
    if fit == "ffpp" or not fits["ffpp"] or not late:
        return YES
    return f"{YES}, but not of {', '.join(late)}, which start from fit ffpp"


def _untested(params: Params, name: str, usable: pd.DataFrame, fits: dict[str, str]) -> str:
    """What keeps a protocol from being tested, wholly or of some generators."""
    trials = list(protocols.trials(params, [name]))
    whys = {t.generator: _lacks(params.protocols[name], t, usable, fits) for t in trials}
    lacking = {generator: why for generator, why in whys.items() if why}
    if not lacking:
        return ""
    first = next(iter(lacking.values()))
    return first if len(lacking) == len(trials) else f"not of {', '.join(lacking)}: {first}"


def _lacks(protocol: Protocol, trial: protocols.Trial, usable: pd.DataFrame, fits: dict[str, str]) -> str:
    if why := next((f"fit {fit}: {fits[fit]}" for fit in trial.fits if fits[fit]), ""):
        return why
    if not protocols.fakes(usable, protocol, trial.generator).any():
        return f"no {trial.generator} clip to test on"
    return "" if protocols.reals(usable, protocol).any() else "no real clip to test on"


def _unshown(params: Params, entry: dict[str, Any], tests: dict[str, str], clips: int) -> str:
    """What an exhibit lacks; its page then says so, and shows what the paper printed."""
    reads = READS.get(entry["notebook"], SHIFTS)
    if reads == PAPER:
        return ""
    if reads == CLIPS:
        return "" if clips else "no clip"
    if reads == RENDERED:
        return "" if params.active.corpus == "mini" else "of the embedded corpus only"
    lacking = [name for name in _named(entry, reads) if tests[name]]
    if not lacking:
        return ""
    other = "weights" if entry["notebook"] in MAPS else "score files"
    return f"no numbers of {', '.join(lacking)} unless {other} are given"


def _named(entry: dict[str, Any], default: Sequence[str]) -> Sequence[str]:
    """The protocols that an exhibit's parameters name, else those that its kind reads."""
    if "protocol" in entry:
        return [entry["protocol"]]
    return entry.get("protocols", default)


# ---- on paper ---------------------------------------------------------------------------------------


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; numbers to the right."""
    body = [[str(cell) for cell in row] for row in rows]
    lines = [list(heads), *body]
    for i in range(len(heads)):
        width = max(len(line[i]) for line in lines)
        right = i > 1 and all(row[i].lstrip("+-").isdigit() or row[i] in ("", "as printed") for row in body)
        for line in lines:
            line[i] = line[i].rjust(width) if right else line[i].ljust(width)
    return "\n".join("  " + "  ".join(line).rstrip() for line in lines)
