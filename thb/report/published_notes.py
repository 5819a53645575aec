"""Which rows of Tables 1 to 3 this package runs, and where these tables are at odds with other places."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from thb.cells.printed import LATER, printed_cells
from thb.core.tables import read_csv
from thb.report.load import Results
from thb.report.published_dots import count
from thb.report.statistics_table import PRINTED_COLUMNS, TOTAL
from thb.report.tables import text

OWN = "TalkingHeadBench (Ours)"
ROLES = {"generator": "trained on and tested", "unseen": "tested only"}
BOLD = "Bold: what this package runs."


def role_of_dataset(results: Results, row: dict) -> str:
    if row["dataset"] == OWN:
        return "imitated by rendered clips" if _rendered(results) else "tested on"
    reals = [results.params.sources[s].printed for s in results.params.of_role("real")]
    return "a source of reals" if row["dataset"] in reals else ""


def role_of_generator(results: Results, row: dict) -> str:
    roles = {ROLES[results.params.sources[s].role] for s in _sources(results, row["generator"])}
    return ", ".join((["imitated"] if roles and _rendered(results) else []) + sorted(roles))


def role_of_detector(results: Results, row: dict) -> str:
    ours = {key for entry in results.params.detectors.values() if entry.printed for key in keys(entry.printed)}
    return "run" if keys(row["detector"]) & ours else ""


def _rendered(results: Results) -> bool:
    return results.params.active.corpus == "mini"


def _sources(results: Results, printed: str) -> list[str]:
    """The sources that one printed generator is here: AniPortrait is two, by what drives it."""
    names = {printed, f"{printed}Audio", f"{printed}Video"}
    return [s for s in results.params.of_role(*ROLES) if results.params.sources[s].printed in names]


def keys(name: str) -> set[str]:
    """What a detector's spellings have in common: TALL/TALL++ and TALL, HiFiNet and HiFi-Net."""
    plain = re.sub(r"[-+\s]", "", name.lower()).replace("deepfake", "df")
    return set(plain.split("/"))


# ── Notes ────────────────────────────────────────────────────────────────────────────────────────


def of_datasets(results: Results, rows: pd.DataFrame) -> list[str]:
    own = rows.set_index("dataset").loc[OWN]
    table4 = read_csv(results.paths.published / "table4_stats.csv", PRINTED_COLUMNS).set_index("generator")
    fakes, total = count(own["fake_count"])[0], int(table4.loc[TOTAL, "total"])
    bounded = rows.loc[[count(n)[1] for n in rows["fake_count"]], "dataset"]
    agree = "as Table 4 does" if fakes == total else f"where Table 4 has {total:,}"
    return [
        BOLD,
        f"The benchmark's own row counts {fakes:,} fakes, {agree}; a later version adds those of Hallo3.",
        f"Its {count(own['real_count'])[0]:,} reals are not broken down anywhere, and the section on the setup "
        "speaks of fewer, chosen to match the fakes; the claims ledger recomputes both.",
        f"Only a bound is printed for the fakes of {_names(bounded)}. Others' counts are copied as printed, images "
        "among them where a benchmark holds images.",
    ]


def of_generators(results: Results, rows: pd.DataFrame) -> list[str]:
    several = rows.loc[[len(_sources(results, g)) > 1 for g in rows["generator"]], "generator"]
    added = rows.loc[(rows["here"] != "") & (rows["used_in_thb"] == "no"), "generator"]
    lines = [BOLD]
    if _rendered(results):
        lines.append(
            "Imitated: the embedded corpus draws clips with that generator's faults; the generator itself was not run."
        )
    if len(several):
        lines.append(
            f"{_names(several)} is one row here, but two generators in every table of results: driven by "
            "sound, and by a video."
        )
    if len(added):
        lines.append(
            f"{_names(added)} was not used by this version of the paper; it is tested here, as in the later one."
        )
    return [*lines, *_commercial(rows), *_unpublished(rows)]


def _commercial(rows: pd.DataFrame) -> list[str]:
    code = rows.set_index("generator")["code_available"].get("MAGI-1")
    return (
        ["MAGI-1's code is marked as available, as it is, under an open licence; the paper's text calls it commercial."]
        if code == "yes"
        else []
    )


def _unpublished(rows: pd.DataFrame) -> list[str]:
    without = rows.loc[rows["venue"] == "N/A", "generator"]
    return [f"No venue is printed for {_names(without)}."] if len(without) else []


def of_detectors(results: Results, rows: pd.DataFrame) -> list[str]:
    later = {key for cell in printed_cells(results.paths.published, LATER) for key in keys(cell[1])}
    added = rows[rows["detector"].map(lambda d: bool(keys(d) & later)) & (rows["benchmarked"] == "no")]
    closed = added.loc[added["code_available"] == "no", "detector"]
    lines = [
        BOLD,
        f"{(rows['benchmarked'] == 'yes').sum()} rows are marked as tested, and results are printed for "
        f"{len({cell[1] for cell in results.printed})}; the paper's text once speaks of more, as "
        "the claims ledger shows.",
    ]
    if len(added):
        lines.append(
            f"The later version tests {_names(added['detector'])} too"
            + (f", although no code is marked as available for {_names(closed)}." if len(closed) else ".")
        )
    return [*lines, "“Neural network” tells nothing apart: CADDM's is a convolutional one, like those called CNN."]


def _names(names: Collection[str]) -> str:
    *most, last = map(text, names)
    return f"{', '.join(most)} and {last}" if most else last
