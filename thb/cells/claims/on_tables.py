"""What a claim can say of clips, tables and names: checks on the paper's other printed tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from thb.cells.claims.cells import HALF, Said, register
from thb.cells.printed import CELLS
from thb.core.errors import DataError, check_known

TOTAL = "TOTAL"  # Table 4's last row
OWN = "TalkingHeadBench (Ours)"
HOW = ("all", "academic", "unweighted")
TABLE8 = "table8_tp_to_fn.csv"
NOT_FOUND = "none found"  # what stated_elsewhere.csv says of a thing that was looked for
CHECKS: dict[str, Callable[..., Said]] = {}


@dataclass(frozen=True)
class Tables:
    """The printed tables that hold no cells."""

    folder: Path

    def read(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        if not path.is_file():
            raise DataError(f"missing {name} in {self.folder.name}: a printed table")
        return pd.read_csv(path)

    @cached_property
    def benchmark(self) -> pd.Series:
        """Table 1's row of the paper itself."""
        return self.read("table1_datasets.csv").set_index("dataset").loc[OWN]

    @property
    def reals(self) -> int:
        """How many reals Table 1 says there are."""
        return int(self.benchmark.loc["real_count"])

    @cached_property
    def statistics(self) -> pd.DataFrame:
        """Table 4, a row a generator and the total."""
        return self.read("table4_stats.csv").set_index("generator")

    @cached_property
    def generators(self) -> pd.DataFrame:
        """Table 4's generators, with the number of videos that its ratios imply were made."""
        rows = self.statistics.drop(index=TOTAL)
        return rows.assign(made=rows["total"] / (1 - rows["ratio_removed_pct_approx"] / 100))

    @cached_property
    def elsewhere(self) -> pd.DataFrame:
        """What is stated, or was found, outside the paper, a row a matter: `value`, and `where`."""
        return self.read("stated_elsewhere.csv").set_index("what")

    def address(self, name: str) -> pd.Series:
        """A row of addresses.csv: where the code of a generator or detector is, and under which licence."""
        rows = pd.read_csv(self.folder.parent / "addresses.csv").set_index("name")
        check_known("name in addresses.csv", [name], list(rows.index))
        return rows.loc[name]

    @property
    def academic(self) -> pd.DataFrame:
        """Those that detectors train on: all but the commercial one."""
        return self.generators.loc[self.generators["train"] > 0]


@register(CHECKS)
def sums(tables: Tables, stated: Mapping[str, int]) -> Said:
    """Columns of Table 4 add up to what is stated, and to its own last row."""
    found = {column: int(tables.generators.loc[:, column].sum()) for column in stated}
    printed = {column: int(tables.statistics.loc[TOTAL, column]) for column in stated}
    return Said(found == dict(stated) == printed, "sums of Table 4: " + _counts(found))


@register(CHECKS)
def rows_add_up(tables: Tables) -> Said:
    """Every row of Table 4: total = train + test."""
    off = tables.statistics.query("total != train + test").index
    return Said(off.empty, f"off in Table 4: {', '.join(off)}" if len(off) else "each row: total = train + test")


@register(CHECKS)
def overview(tables: Tables, column: str, stated: int) -> Said:
    """Table 1 says the same."""
    found = int(tables.benchmark.loc[column])
    return Said(found == stated, f"Table 1: {found:,}")


@register(CHECKS)
def parts(tables: Tables, stated: int, sources: Sequence[str]) -> Said:
    """A total is that of Table 1, and that of the clips which the paper and the release's own lists count."""
    counted = dict(tables.read("release_counts.csv")[["source", "clips"]].itertuples(index=False, name=None))
    check_known("source in claims.yaml", sources, counted)
    own = {name: counted[name] for name in sources}
    said = f"{tables.reals:,} in Table 1; counted by source: {_counts(own)}, together {sum(own.values()):,}"
    return Said(tables.reals == stated == sum(own.values()), said)


@register(CHECKS)
def matches_training(tables: Tables, reals: int, within: float, val: int) -> Said:
    """As many reals as training fakes, about, in every protocol; with or without the clips kept for validation."""
    train = tables.academic["train"]
    whole = pd.Series([train.sum(), *(train.sum() - train)])
    kept = pd.Series([train.sum() - val * len(train), *(train.sum() - train - val * (len(train) - 1))])
    truth = any(((reals / fakes - 1).abs() <= within).all() for fakes in (whole, kept))
    spans = [f"P1 {int(f.iloc[0]):,}, P2 and P3 {int(f[1:].min()):,} to {int(f[1:].max()):,}" for f in (whole, kept)]
    said = f"training fakes: {spans[0]} ({spans[1]} without validation clips); Table 1 has {tables.reals:,} reals"
    return Said(bool(truth), said)


@register(CHECKS)
def removed(tables: Tables, above: float = -math.inf, between: Sequence[float] = (0, 100), how: str = "all") -> Said:
    """The share of videos that curation removed, in per cent, as Table 4's ratios and counts imply it."""
    check_known("how in claims.yaml", [how], HOW)
    rows = tables.generators if how == "all" else tables.academic
    share = (
        rows["ratio_removed_pct_approx"].mean()
        if how == "unweighted"
        else 100 * (1 - rows["total"].sum() / rows["made"].sum())
    )
    what = f"plain mean of {len(rows)} ratios" if how == "unweighted" else f"videos of {len(rows)} generators"
    return Said(bool(share > above and between[0] <= share <= between[1]), f"{share:.1f} % ({what})")


@register(CHECKS)
def ratio(tables: Tables, stated: float) -> Said:
    """Table 4's own last row."""
    found = float(tables.statistics.loc[TOTAL, "ratio_removed_pct_approx"])
    return Said(found == stated, f"Table 4 prints {found:g} %")


@register(CHECKS)
def made(tables: Tables, between: Sequence[float]) -> Said:
    """How many videos each generator made before curation."""
    (low, high), found = between, tables.academic["made"]
    counts = _counts(found.round().astype(int).to_dict())
    return Said(bool(found.between(low, high).all()), f"implied by Table 4: {counts}")


@register(CHECKS)
def turned(tables: Tables, stated: Mapping[str, float]) -> Said:
    """Table 8's percentages follow from its counts."""
    rows = tables.read(TABLE8).set_index("generator")
    share = 100 * rows["fns_p3"] / rows["tps_p1"]
    said = ", ".join(f"{g} {rows['fns_p3'][g]}/{rows['tps_p1'][g]} = {share[g]:.2f} %" for g in rows.index)
    right = all(abs(share[g] - value) <= HALF and rows["drop_pct"][g] == value for g, value in stated.items())
    return Said(bool(right), said)


@register(CHECKS)
def hits_fit(tables: Tables, detector: str, metric: str, within: float) -> Said:
    """Table 8 against Table 4 and the cells: hits among the test clips, as many as are caught, and no more misses."""
    cells = tables.read(CELLS)
    values = {
        (row["protocol"], row["generator"]): row["value"]
        for row in cells.to_dict("records")
        if (row["detector"], row["metric"]) == (detector, metric)
    }
    tested, truths, said = tables.generators["test"].to_dict(), [], []
    for row in tables.read(TABLE8).to_dict("records"):
        name, hits, misses = row["generator"], row["tps_p1"], row["fns_p3"]
        caught, missed, share = values["P1", name], (1 - values["P3", name]) * tested[name], hits / tested[name]
        truths.append(hits <= tested[name] and abs(share - caught) <= within and misses <= missed + 0.5)
        said.append(
            f"{name} {hits}/{tested[name]} = {share:.3f}, {metric} in P1 {caught:.2f}; "
            f"{misses} misses, {missed:.0f} at {metric} in P3"
        )
    return Said(all(truths), "; ".join(said))


@register(CHECKS)
def one_label(tables: Tables, generator: str) -> Said:
    """What is called commercial is not open source too: its code is not to be had, nor is it licensed."""
    rows = tables.read("table2_generators.csv").set_index("generator")
    check_known("generator in claims.yaml", [generator], list(rows.index))
    code, licence = str(rows.loc[generator, "code_available"]), tables.address(generator)["licence"]
    is_open = code == "yes" and isinstance(licence, str)
    said = f"Table 2: code available: {code}; licence of that code: {licence if isinstance(licence, str) else 'none'}"
    more = "; the two labels are inconsistent, which does not say that nobody sells it" if is_open else ""
    return Said(not is_open, said + more)


@register(CHECKS)
def stands_alone(tables: Tables) -> Said:
    """Table 1 marks no other dataset as curated, as of talking heads and as of several generators."""
    rows = tables.read("table1_datasets.csv").to_dict("records")
    marks = {"talking_head": "yes", "curation": "yes", "n_generators": "Multiple"}
    found = [row["dataset"] for row in rows if all(row[name] == mark for name, mark in marks.items())]
    return Said(found == [OWN], f"all three marks in Table 1: {', '.join(found) or 'none'}")


@register(CHECKS)
def validated(tables: Tables, stated: int) -> Said:
    """The fakes that validate under P1, by the paper and by the dataset's card."""
    row, each = tables.elsewhere.loc["validation fakes a generator"], len(tables.academic)
    total = int(row["value"]) * each
    return Said(
        total == stated, f"{stated} in all by the paper, {total} by {row['where']} ({row['value']} a generator)"
    )


@register(CHECKS)
def to_be_had(tables: Tables, what: str) -> Said:
    """Something that the paper says is open: open until it is found, as what was not found may be somewhere."""
    check_known("matter in claims.yaml", [what], list(tables.elsewhere.index))
    row = tables.elsewhere.loc[what]
    return Said(None if row["value"] == NOT_FOUND else True, f"{what}: {row['value']} ({row['where']})")


@register(CHECKS)
def drive_nothing(tables: Tables) -> Said:
    """No real clip is known to drive a fake: open where none is known, as not every driver is."""
    rows = tables.read("known_drivers.csv")
    seen = [f"{row['clip']} drives a fake of {row['generator']} ({row['seen']})" for row in rows.to_dict("records")]
    return Said(False if seen else None, "; ".join(seen) or "no real clip is known to be a driver")


@register(CHECKS)
def fail_alike(tables: Tables, generators: Sequence[str]) -> Said:
    """Table 4 gives these generators the same artefacts."""
    found = tables.generators.loc[list(generators), "key_artifacts"]
    return Said(found.nunique() == 1, "Table 4: " + "; ".join(f"{name}: {words}" for name, words in found.items()))


@register(CHECKS)
def loses_most(tables: Tables, generator: str, more_than: float) -> Said:
    """Curation removed the largest share of this generator's videos, and more than so many per cent."""
    share = tables.generators["ratio_removed_pct_approx"].to_dict()
    order = sorted(share, key=share.__getitem__, reverse=True)
    said = ", ".join(f"{name} {share[name]:g} %" for name in order)
    return Said(order[0] == generator and share[generator] > more_than, f"removed, Table 4: {said}")


@register(CHECKS)
def detectors_are(tables: Tables, count: int) -> Said:
    """How many detectors were benchmarked."""
    found = list(tables.read("table3_detectors.csv")["benchmarked"]).count("yes")
    return Said(
        found == count, f"{found} detectors in Table 3, {len(tables.academic)} generators trained on in Table 4"
    )


@register(CHECKS)
def holds_only(tables: Tables, file: str, metric: str) -> Said:
    """A table shows one metric."""
    rows = tables.read(file)
    found, protocol = list(dict.fromkeys(rows["metric"])), ", ".join(dict.fromkeys(rows["protocol"]))
    return Said(found == [metric], f"that table is {protocol}, with {', '.join(found)}")


@register(CHECKS)
def enough_reals(tables: Tables, fpr: Mapping[str, float]) -> Said:
    """A rate can be told only where at least one real may be accused: open if even all reals are too few."""
    need = {name: math.ceil(1 / alpha - 1e-6) for name, alpha in fpr.items()}
    short = any(tables.reals < n for n in need.values())
    return Said((None if short else True), f"reals needed: {_counts(need)}; the whole benchmark has {tables.reals:,}")


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in found.items())
