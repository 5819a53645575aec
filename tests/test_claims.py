"""Every claim is recomputed from the printed tables, each check can fail, and ours are judged with their intervals."""

from __future__ import annotations

import pandas as pd

from notebooks import run
from thb.cells.answers import FAILS, HOLDS
from thb.cells.claims import ledger
from thb.cells.claims.cells import Cells, OwnCells
from thb.cells.claims.on_tables import Tables
from thb.cells.comparisons import OPEN
from thb.cells.printed import CELLS, printed_cells
from thb.core.params import load
from thb.report import badge
from thb.report.load import Results

TABLE1, TABLE2, TABLE3, TABLE4, TABLE8 = (
    "table1_datasets.csv",
    "table2_generators.csv",
    "table3_detectors.csv",
    "table4_stats.csv",
    "table8_tp_to_fn.csv",
)
RATIO = "ratio_removed_pct_approx"

# id -> our verdict, and what an independent recomputation by hand wrote before this code was there. Its words map to
# ours so: "holds ..." and "consistent ..." hold, a stricter reading told beside; "does not hold", "inconsistent",
# "slip", "wrong" and "A holds, B does not" do not hold, as a claim holds only whole; "not recomputable" and
# "corroborated externally" cannot be told from what was printed; "rule retires none today" bears out that all may stay.
# One is stricter: C19 names the two largest losses, and by the loss itself the second is another generator.
EXPECTED = {
    "C01": (HOLDS, "holds"),
    "C02": (HOLDS, "holds"),
    "C03": (OPEN, "corroborated externally"),
    "C04": (FAILS, "inconsistent"),
    "C05": (HOLDS, "holds"),
    "C06": (HOLDS, "holds (weighted)"),
    "C07": (HOLDS, "holds"),
    "C08": (FAILS, "does not hold"),
    "C09": (HOLDS, "holds"),
    "C10": (HOLDS, "holds for the 4-detector mean"),
    "C11": (FAILS, "does not hold per detector or at T0.1"),
    "C12": (HOLDS, "holds"),
    "C13": (HOLDS, "holds"),
    "C14": (HOLDS, "holds overall, not in every protocol"),
    "C15": (HOLDS, "holds"),
    "C16": (FAILS, "P1 value wrong"),
    "C17": (HOLDS, "holds"),
    "C18": (HOLDS, "holds"),
    "C19": (FAILS, "holds for level; another generator's drop is larger"),
    "C20": (HOLDS, "holds (5/6)"),
    "C21": (HOLDS, "holds by 0.002 on T1 and clearly on T0.1, not on AUC nor in P2/P3 T1"),
    "C22": (HOLDS, "holds"),
    "C23": (HOLDS, "holds"),
    "C24": (HOLDS, "holds"),
    "C25": (HOLDS, "holds"),
    "C26": (FAILS, "3/6 holds, 'no worse than fair' does not"),
    "C27": (FAILS, "count holds; range does not (P3)"),
    "C28": (HOLDS, "holds"),
    "C29": (HOLDS, "holds"),
    "C30": (HOLDS, "holds"),
    "C31": (FAILS, "EMO does not hold (0.48); Hallo2 loose"),
    "C32": (FAILS, "slip"),
    "C33": (FAILS, "does not hold as written"),
    "C34": (FAILS, "inconsistent"),
    "C35": (HOLDS, "rule retires none today"),
    "C36": (FAILS, "inconsistent label"),
    "C37": (OPEN, "not recomputable / suspect"),
    "C38": (HOLDS, "consistent with n=66"),
}
# Claims that hold in one reading only: words of the reading that must be told beside.
QUALIFIED = {
    "C06": "plain mean",
    "C10": "every detector",
    "C11": "mean over detectors",
    "C14": "every protocol",
    "C16": "order alone",
    "C17": "every protocol",
    "C19": "left at T0.1",
    "C20": "every generator",
    "C21": "on AUC",
    "C26": "count alone",
    "C27": "count alone",
    "C33": "T0.1 in P3",
}


# ---- ways to change what was printed ------------------------------------------------------------------


def entry(file, key, name, column, value):
    """One cell of a table, by the value of its key column."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        assert (frame[key] == name).sum() == 1, (file, name)
        frame = frame.astype({column: object})
        frame.loc[frame[key] == name, column] = value
        return frame

    return file, change


def cell(protocol, detector, generator, metric, value):
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        keys = frame[["protocol", "detector", "generator", "metric"]]
        at = (keys == [protocol, detector, generator, metric]).all(axis=1)
        assert at.sum() == 1
        return frame.assign(value=frame["value"].mask(at, value))

    return CELLS, change


def statistic(generator, column, value):
    return entry(TABLE4, "generator", generator, column, value)


def only(file, metric):
    return file, lambda frame: frame[frame["metric"] == metric]


def without_ties(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=frame["value"].mask((frame["metric"] == "T1") & (frame["value"] == 0.99), 1.0))


def with_rarer_rates(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["metric"] == "T0.1"]
    more = [rows.assign(metric=m, value=rows["value"] * f) for m, f in (("T0.01", 0.5), ("T0.001", 0.25))]
    return pd.concat([frame, *more])


FEW_MADE = {
    "Hallo": 20,
    "Hallo2": 20,
    "AniPortraitAudio": 2,
    "AniPortraitVideo": 20,
    "LivePortrait": 5,
    "EMOPortraits": 2,
}
# id -> changes of the printed tables after which the verdict must be another, and which.
FLIPS = {
    "C01": (FAILS, [statistic("Hallo", "total", 421)]),
    "C02": (FAILS, [statistic("Hallo", "train", 304)]),
    "C03": (FAILS, [entry(TABLE1, "dataset", "TalkingHeadBench (Ours)", "real_count", 2311)]),
    "C04": (HOLDS, [statistic(g, "train", 345) for g in FEW_MADE]),
    "C05": (FAILS, [statistic("AniPortraitVideo", RATIO, 50.0)]),
    "C06": (FAILS, [statistic("AniPortraitVideo", RATIO, 50.0)]),
    "C07": (FAILS, [statistic("AniPortraitVideo", RATIO, 50.0)]),
    "C08": (HOLDS, [statistic(g, RATIO, ratio) for g, ratio in FEW_MADE.items()]),
    "C09": (FAILS, [cell("P1", "TALL", "AniPortraitAudio", "T1", 0.9)]),
    "C10": (FAILS, [cell("P3", "CADDM", "EMOPortraits", "T1", 1.0)]),
    "C11": (
        HOLDS,
        [cell("P3", "LipFD", "AniPortraitAudio", "T1", 0.2), cell("P1", "DF-Adapter", "AniPortraitAudio", "T1", 1.0)],
    ),
    "C12": (FAILS, [cell("P1", "DF-Adapter", "AniPortraitAudio", "T1", 0.99)]),
    "C13": (FAILS, [cell("P1", "CADDM", "Hallo2", "T1", 1.0)]),
    "C14": (FAILS, [cell("P1", "TALL", "Hallo", "T1", 0.0)]),
    "C15": (FAILS, [cell("P3", "CADDM", "EMOPortraits", "AUC", 0.7)]),
    "C16": (HOLDS, [cell("P1", "CADDM", "EMOPortraits", "T1", 0.45)]),
    "C17": (FAILS, [cell(p, "TALL", "EMOPortraits", "T1", 0.0) for p in ("P2", "P3")]),
    "C18": (FAILS, [cell("P1", "DF-Adapter", "Hallo", "T1", 0.3)]),
    "C19": (HOLDS, [cell("P1", "DF-Adapter", "Hallo", "T0.1", 0.99)]),
    "C20": (FAILS, [cell("P1", "TALL", g, "T0.1", 0.1) for g in ("Hallo2", "AniPortraitAudio")]),
    "C21": (FAILS, [cell("P1", "DF-Adapter", "AniPortraitAudio", "T1", 1.0)]),
    "C22": (FAILS, [cell("P3", "TALL", "EMOPortraits", "T1", 0.9)]),
    "C23": (FAILS, [cell("P3", d, "EMOPortraits", "T1", 0.9) for d in ("TALL", "DF-Adapter")]),
    "C24": (FAILS, [cell("P1", "CADDM", "Hallo", "T1", 0.9)]),
    "C25": (FAILS, [entry(TABLE8, "generator", "EMOPortraits", "fns_p3", 60)]),
    "C26": (HOLDS, [cell("P3", "TALL", "EMOPortraits", "T1", 0.8)]),
    "C27": (HOLDS, [cell("P3", "DF-Adapter", g, "T1", v) for g, v in (("LivePortrait", 0.9), ("EMOPortraits", 0.8))]),
    "C28": (FAILS, [cell("P3", "TALL", "Hallo", "T1", 0.98)]),
    "C29": (FAILS, [cell("P3", "TALL", "EMOPortraits", "T1", 0.8)]),
    "C30": (FAILS, [cell("P3", "LipFD", "EMOPortraits", "T1", 1.0)]),
    "C31": (HOLDS, [cell("P3", "TALL", "Hallo2", "T1", 0.88), cell("P3", "TALL", "EMOPortraits", "T1", 0.8)]),
    "C32": (HOLDS, [entry(TABLE3, "detector", d, "benchmarked", "yes") for d in ("SBI", "RFFR")]),
    "C33": (
        HOLDS,
        [
            only("tableD9_p1_magi1.csv", "T1"),
            only("tableD10_p3_magi1.csv", "T0.1"),
            cell("P3", "DF-Adapter", "MAGI-1", "T1", 0.89),
        ],
    ),
    "C34": (HOLDS, [(CELLS, without_ties)]),
    "C35": (FAILS, [cell("P1", d, "Hallo", "T0.1", 1.0) for d in ("CADDM", "LipFD", "DF-Adapter")]),
    "C36": (HOLDS, [entry(TABLE2, "generator", "MAGI-1", "code_available", "no")]),
    "C37": (
        HOLDS,
        [entry(TABLE1, "dataset", "TalkingHeadBench (Ours)", "real_count", 200000), (CELLS, with_rarer_rates)],
    ),
    "C38": (FAILS, [cell("P1", "CADDM", "MAGI-1", "T1", 0.54)]),
}


def cells_of(project) -> Cells:
    return Cells.printed(load(project.params), project.published)


def own_cells(results: Results) -> OwnCells:
    return OwnCells.of(results.params, cells_of(results.paths), results.cells, results.verdicts)


def judged(project) -> dict[str, ledger.Judged]:
    """id -> verdict on the printed tables alone; nothing was reproduced in this clone."""
    cells, tables = cells_of(project), Tables(project.published)
    return {claim.id: ledger.judge_readings(claim, cells, tables) for claim in ledger.read(project.claims)}


# ---- the printed tables -------------------------------------------------------------------------------


def test_every_claim_comes_out_as_it_was_recomputed_by_hand(project):
    assert {one: found.verdict for one, found in judged(project).items()} == {c: v for c, (v, _) in EXPECTED.items()}


def test_other_readings_stand_beside_the_verdict(project):
    found = judged(project)
    assert {one for one, judgement in found.items() if judgement.qualifier} == set(QUALIFIED)
    for one, words in QUALIFIED.items():
        assert words in found[one].qualifier, one


def test_words_of_a_claim_are_escaped_for_html(made):
    rewrite(made, lambda e: e[0].update(claim="a < b & c", where="<x> 2,984"))
    html = run("claims_ledger", section="abstract").shown["claims"].data["text/html"]
    assert "a &lt; b &amp; c<br><small>&lt;x&gt; 2,984</small>" in html
    assert "&lt;b" in badge("<b", HOLDS)


def test_the_printed_cells_are_read_from_one_file(project):
    assert len(cells_of(project).known) == len(printed_cells(project.published))
