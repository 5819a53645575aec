"""Every claim is recomputed from the printed tables, each check can fail, and ours are judged with their intervals."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import results_made
import yaml

from notebooks import run
from thb.cells.answers import FAILS, HOLDS, all_of
from thb.cells.claims import ledger, on_cells, on_heat
from thb.cells.claims.cells import Cells, Estimate, OwnCells, exceeds, most_of, reaches
from thb.cells.claims.on_heat import Maps
from thb.cells.comparisons import INCONCLUSIVE
from thb.cells.printed import CELLS, printed_cells
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.report import badge, heat
from thb.report.load import Results, open_results

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
# "none found" cannot be told from what was printed; "rule retires none today" bears out that all may stay.
# One is stricter: C19 names the two largest losses, and by the loss itself the second is another generator.
EXPECTED = {
    "C01": (HOLDS, "holds"),
    "C02": (HOLDS, "holds"),
    "C03": (HOLDS, "corroborated: 704 + 1,608 = 2,312"),
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
    "C37": (INCONCLUSIVE, "not recomputable / suspect"),
    "C38": (HOLDS, "consistent with n=66"),
    "C39": (FAILS, "contradicted by the project page's list"),
    "C40": (FAILS, "3 of 6"),
    "C41": (HOLDS, ".10/.03/.22/.32"),
    "C42": (HOLDS, ".931 to .903"),
    "C43": (HOLDS, "5 of 6 each at .85 or above"),
    "C44": (HOLDS, "means of .87 or above"),
    "C45": (HOLDS, "holds"),
    "C46": (HOLDS, ".99, .93, .70"),
    "C47": (HOLDS, "holds by Table 1's marks"),
    "C48": (HOLDS, "consistent"),
    "C49": (FAILS, "inconsistent"),
    "C50": (INCONCLUSIVE, "none found"),
    "C51": (INCONCLUSIVE, "in print untold"),
    "C52": (HOLDS, "the same words in Table 4"),
    "C53": (HOLDS, "80 %, the largest"),
    "C54": (HOLDS, "holds"),
    **{f"C{n}": (INCONCLUSIVE, "never measured in print") for n in range(55, 66)},
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
    "C40": "mean over generators",
    "C41": "every detector",
    "C42": "each generator",
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


def with_face_swaps(frame: pd.DataFrame) -> pd.DataFrame:
    """As if the paper had a table of its detectors on face swaps."""
    rows = frame[(frame["protocol"] == "P1") & (frame["generator"] == "Hallo") & (frame["metric"] == "AUC")]
    return pd.concat([frame, rows.assign(protocol="ffpp", generator="FaceSwap (FF++)", value=0.99)])


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
    "C03": (FAILS, [entry("release_counts.csv", "source", "CelebV-HQ", "clips", 1607)]),
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
    "C39": (INCONCLUSIVE, [("known_drivers.csv", lambda rows: rows.head(0))]),
    "C40": (
        HOLDS,
        [
            cell(p, d, g, "T1", 0.0)
            for d in ("CADDM", "TALL")
            for p, g in (("P2", "AniPortraitAudio"), ("P3", "AniPortraitAudio"), ("P3", "AniPortraitVideo"))
        ]
        + [cell("P3", d, "AniPortraitAudio", "T1", 0.0) for d in ("LipFD", "DF-Adapter")]
        + [cell("P2", "LipFD", "LivePortrait", "T1", 0.5)],
    ),
    "C41": (FAILS, [cell(p, "CADDM", g, "T0.1", 0.9) for p in ("P1", "P2", "P3") for g in FEW_MADE]),
    "C42": (FAILS, [cell("P1", "TALL", "Hallo", "T0.1", 0.0)]),
    "C43": (FAILS, [cell(p, "DF-Adapter", g, "T1", 0.0) for p in ("P1", "P2") for g in ("Hallo", "Hallo2")]),
    "C44": (FAILS, [cell("P3", "TALL", "LivePortrait", "T1", 0.5)]),
    "C45": (FAILS, [cell("P1", "DF-Adapter", "MAGI-1", "T1", 0.98)]),
    "C46": (FAILS, [cell("P2", "DF-Adapter", "EMOPortraits", "T1", 0.97)]),
    "C47": (FAILS, [entry(TABLE1, "dataset", "DF-40", "curation", "yes")]),
    "C48": (FAILS, [entry(TABLE8, "generator", "LivePortrait", "fns_p3", 14)]),
    "C49": (HOLDS, [statistic(g, "train", 0) for g in list(FEW_MADE)[1:]]),
    "C50": (HOLDS, [entry("stated_elsewhere.csv", "what", "baseline code", "value", "https://example.org/code")]),
    "C51": (HOLDS, [(CELLS, with_face_swaps)]),
    "C52": (FAILS, [statistic("Hallo2", "key_artifacts", "hair artifacts")]),
    "C53": (FAILS, [statistic("Hallo", RATIO, 90.0)]),
    "C54": (FAILS, [cell("P3", d, "EMOPortraits", "T1", 0.9) for d in ("CADDM", "TALL", "LipFD")]),
}


def cells_of(project) -> Cells:
    return Cells.printed(load(project.params), project.published)


def own_cells(results: Results) -> OwnCells:
    return OwnCells.of(results.params, cells_of(results.paths), results.cells, results.verdicts)


def of_ours(results: Results, maps=None) -> ledger.Evidence:
    """What was computed here, with these heat maps."""
    printed = ledger.in_print(results.params, results.paths)
    return ledger.Evidence(own_cells(results), printed.tables, Maps(results.params, maps or {}))


def judged(project) -> dict[str, ledger.Judged]:
    """id -> verdict on the printed tables alone; nothing was reproduced in this clone."""
    printed = ledger.in_print(load(project.params), project)
    return {claim.id: ledger.judge_readings(claim, printed) for claim in ledger.read(project.claims)}


# ---- the printed tables -------------------------------------------------------------------------------


def test_every_claim_comes_out_as_it_was_recomputed_by_hand(project):
    assert {one: found.verdict for one, found in judged(project).items()} == {c: v for c, (v, _) in EXPECTED.items()}


def test_other_readings_stand_beside_the_verdict(project):
    found = judged(project)
    assert {one for one, judgement in found.items() if judgement.qualifier} == set(QUALIFIED)
    for one, words in QUALIFIED.items():
        assert words in found[one].qualifier, one


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("C05", "63.1 %"),
        ("C06", "59.8 %"),
        ("C08", "AniPortraitVideo 2,110"),
        ("C09", "P1 0.988, P2 0.93, P3 0.873"),
        ("C10", "T1 0.793 → 0.721 → 0.692"),
        ("C13", "EMOPortraits 0.54, Hallo2 0.69"),
        ("C16", "P1 0.755"),
        ("C19", "Hallo 0.40, EMOPortraits 0.347"),
        ("C21", "TALL 0.931; next: DF-Adapter 0.928"),
        ("C24", "18 of 18"),
        ("C29", "EMOPortraits, DF-Adapter 0.70"),
        ("C30", "DF-Adapter 0.013"),
        ("C34", "8 of 72"),
        ("C37", "100,000"),
        ("C38", "0.89 = 59/66"),
    ],
)
def test_the_recomputed_numbers_are_told(project, claim, words):
    found = judged(project)[claim]
    assert words in f"{found.text} {found.qualifier}"


def test_every_claim_has_a_change_that_turns_it():
    assert set(FLIPS) | set(LEANS) | {"C60", "C62", "C64"} == set(EXPECTED)


@pytest.mark.parametrize("claim", FLIPS)
def test_a_changed_table_changes_the_verdict(project, claim):
    wanted, changes = FLIPS[claim]
    assert wanted != EXPECTED[claim][0]
    for file, change in changes:
        path = project.published / file
        change(pd.read_csv(path, keep_default_na=False, na_values=[""])).to_csv(path, index=False)
    assert judged(project)[claim].verdict == wanted


def test_every_check_is_used_by_a_claim(project):
    used = {name for claim in ledger.read(project.claims) for check in claim.checks for name in check}
    assert used == set(ledger.CHECKS)


def test_what_a_check_looks_for_stands_in_the_claims_own_words(project):
    for claim in ledger.read(project.claims):
        for check in claim.checks:
            for arguments in check.values():
                stated = arguments.get("stated", {})
                for value in stated.values() if isinstance(stated, dict) else [stated]:
                    shown = f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
                    assert shown in claim.claim, f"{claim.id}: {shown}"


# ---- claims.yaml --------------------------------------------------------------------------------------


def rewrite(project, change) -> None:
    entries = yaml.safe_load(project.claims.read_text())
    change(entries)
    project.claims.write_text(yaml.safe_dump(entries))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e[0].update(checks=[{"summs": {}}]), "unknown check of C01 'summs'; known: means"),
        (
            lambda e: e[0].update(checks=[{"sums": {"sated": 1}}]),
            "unknown argument of sums in C01 'sated'; known: stated",
        ),
        (lambda e: e[0].update(section="4.9"), "unknown section of C01 '4.9'; known: abstract, 1"),
        (lambda e: e[0].update(verdict="holds"), "C01: verdict: .* known: id, where, section"),
        (lambda e: e[1].update(id="C01"), "C01 stands twice"),
    ],
)
def test_a_fault_in_the_claims_is_one_line(project, change, words):
    rewrite(project, change)
    with pytest.raises(ParamsError, match=words) as caught:
        ledger.read(project.claims)
    assert "\n" not in str(caught.value)


def test_a_detector_that_the_paper_does_not_know_is_refused(project):
    rewrite(project, lambda e: e[8].update(checks=[{"falls": {"metrics": ["T1"], "detector": "TALK"}}]))
    with pytest.raises(ParamsError, match=r"unknown detector in claims.yaml 'TALK'; known: CADDM, TALL"):
        judged(project)


def test_missing_claims_are_named(project):
    project.claims.unlink()
    with pytest.raises(DataError, match=r"missing claims.yaml"):
        ledger.read(project.claims)


# ---- orders that may stay open ------------------------------------------------------------------------


def near(value, width=0.05):
    return Estimate(value, value - width, value + width)


def test_equal_printed_numbers_are_not_below_each_other(project):
    cells = cells_of(project)
    one, other = (Estimate.printed(value) for value in (0.93, 0.94))
    assert cells.less(one, other).below is True
    assert cells.less(one, one).below is False
    assert cells.less(one, Estimate(math.nan, math.nan, math.nan)).below is None


def test_a_bound_inside_the_interval_is_open():
    assert [reaches(near(v), 0.9) for v in (0.8, 0.9, 0.96)] == [False, None, True]
    assert exceeds(Estimate.printed(0.99), 0.99) is False
    assert reaches(Estimate.printed(0.99), 0.99) is True


def test_all_and_most_say_no_more_than_is_known():
    assert all_of([True, None]) is None
    assert all_of([False, None]) is False
    assert most_of([True, True, None]) is True
    assert most_of([True, None, False]) is None
    assert most_of([True, None, False, False]) is False


def test_a_mean_over_a_cell_that_is_not_known_is_not_known():
    axes = {"protocol": ["P1"], "detector": ["A"], "generator": ["x", "y"]}
    cells = Cells({("P1", "A", "x", "T1"): near(0.5)}, axes, axes)
    assert math.isnan(cells.mean("T1", {}).value)
    assert cells.mean("T1", {"generator": "x"}) == near(0.5)


def test_a_stated_number_inside_our_interval_holds():
    axes = {"protocol": ["P1"], "detector": ["A"], "generator": ["x"]}
    cells = Cells({("P1", "A", "x", "T1"): near(0.5)}, axes, axes)
    inside, *_ = on_cells.means(cells, "T1", by="generator", stated={"x": 0.54})
    outside, *_ = on_cells.means(cells, "T1", by="generator", stated={"x": 0.6})
    assert (inside, outside) == (True, False)


# ---- the reproduced cells -----------------------------------------------------------------------------


@pytest.fixture
def made(project):
    results_made.fill_cells(project)
    return project


def here(project) -> dict[str, ledger.Judged]:
    results = open_results(project.root)
    own, corpus = of_ours(results), results.params.active.corpus
    return {claim.id: ledger.judge_here(claim, own, corpus) for claim in ledger.read(project.claims)}


def test_numbers_of_another_corpus_are_not_compared_and_shapes_are(made):
    found = here(made)
    numeric = {"C15", "C20", "C23", "C26", "C27", "C28", "C29", "C31"}
    assert {found[c].verdict for c in numeric} == {ledger.ELSEWHERE}
    assert {found[c].verdict for c in ("C01", "C03", "C33", "C34", "C37", "C38")} == {ledger.PAPER_ONLY}
    assert all(found[c].verdict in ledger.JUDGED for c in ("C09", "C10", "C11", "C13", "C21", "C24", "C30"))


@pytest.mark.parametrize(("p3", "verdict"), [(0.6, HOLDS), (0.95, FAILS), (0.83, INCONCLUSIVE)])
def test_a_fall_is_judged_by_the_paired_difference(project, p3, verdict):
    results_made.fill_cells(project, p3)
    assert here(project)["C09"].verdict == verdict


def test_what_cannot_be_resolved_cannot_be_told(made):
    found = here(made)["C19"]
    assert found.verdict == INCONCLUSIVE
    assert "⊘" in found.text
    assert not re.search(r"\d\.\d\d", found.text)


def test_controls_and_detectors_without_a_printed_name_are_left_out(made):
    results = open_results(made.root)
    assert {key[1] for key in own_cells(results).known} == {e.printed for e in results.tested if e.printed}


def test_on_the_papers_own_corpus_stated_numbers_are_compared(made):
    own = of_ours(open_results(made.root))
    (claim,) = (c for c in ledger.read(made.claims) if c.id == "C15")
    assert ledger.judge_here(claim, own, "release").verdict in ledger.JUDGED
    assert ledger.judge_here(claim, own, "mini").verdict == ledger.ELSEWHERE


@pytest.mark.parametrize(("auc", "verdict"), [(0.99, HOLDS), (0.6, FAILS), (0.95, INCONCLUSIVE)])
def test_near_perfect_on_face_swaps_is_judged_by_the_fit_on_face_swaps(results, auc, verdict):
    own = of_ours(results)
    swaps = {key for key in own.cells.known if key[0] == "ffpp" and key[2] == "FaceSwap (FF++)" and key[3] == "AUC"}
    assert {key[1] for key in swaps} == set(own.cells.every["detector"])
    known = {**own.cells.known, **dict.fromkeys(swaps, near(auc, 0.01))}
    (claim,) = (c for c in ledger.read(results.paths.claims) if c.id == "C51")
    assert ledger.judge_here(claim, replace(own, cells=replace(own.cells, known=known)), "mini").verdict == verdict


# ---- where heat lies ----------------------------------------------------------------------------------

# id -> detector, regions, and where the claim looks: (protocol, generator), all six where none is named.
SIX = ("hallo", "hallo2", "aniportrait_audio", "aniportrait_video", "liveportrait", "emoportraits")
EVERYWHERE = [(protocol, generator) for protocol in ("P1", "P2", "P3") for generator in SIX]
LEANS = {
    "C55": ("tall", ["face", "mouth"], [("P1", g) for g in SIX if g not in ("hallo2", "emoportraits")]),
    "C56": ("tall", ["neck", "background"], [("P1", "hallo2"), ("P1", "emoportraits")]),
    "C57": ("tall", ["neck"], [("P3", "emoportraits")]),
    "C58": ("tall", ["background"], [("P3", "emoportraits"), ("P3", "reals")]),
    "C59": ("tall", ["face", "mouth"], EVERYWHERE[:10]),
    "C61": ("tall", ["face", "mouth"], [("P3", g) for g in SIX[:4]]),
    "C63": ("df_adapter", ["mouth"], [("P1", "emoportraits")]),
    "C65": ("df_adapter", ["face", "mouth"], EVERYWHERE[-10:]),
}
OTHERS = ["face", "mouth", "hair", "neck", "background"]


def places(clips: pd.DataFrame) -> pd.Series:
    """Where a claim looks for each clip; the reals of every fit but that without EMOPortraits are nowhere."""
    protocol = clips["split"].map({"train": "P2", "test": "P3"}).mask(clips["fit"] == "all", "P1")
    source = clips["source"].mask((clips["role"] == "real") & (clips["fit"] == "no-emoportraits"), "reals")
    return pd.Series(list(zip(protocol, source, strict=True)), clips.index)


def leaning(maps, detector: str, regions, inside, more: float, elsewhere: float):
    """The maps with this much more heat on regions than area, in the chosen places and elsewhere; all others are even.

    Every second clip is misclassified.
    """
    clips = maps[detector].copy()
    clips["score"] = (np.arange(len(clips)) % 2).astype(float)
    amount = np.where(places(clips).isin(inside), more, elsewhere)
    away = [region for region in OTHERS if region not in regions]
    for names, sign in ((regions, 1), (away, -1)):
        for name in names:
            clips[f"mass_{name}"] = clips[f"area_{name}"] + sign * amount / len(names)
    return {**maps, detector: clips}


def judged_here(results: Results, claim: str, maps) -> ledger.Judged:
    (asked,) = (one for one in ledger.read(results.paths.claims) if one.id == claim)
    return ledger.judge_here(asked, of_ours(results, maps), "mini")


@pytest.fixture
def maps(results) -> dict[str, pd.DataFrame]:
    return heat(["tall", "df_adapter"])


@pytest.mark.parametrize("claim", LEANS)
def test_heat_is_judged_where_the_claim_looks(results, maps, claim):
    detector, regions, inside = LEANS[claim]
    for more, elsewhere, verdict in ((0.2, -0.05, HOLDS), (-0.05, 0.2, FAILS)):
        assert judged_here(results, claim, leaning(maps, detector, regions, inside, more, elsewhere)).verdict == verdict


def test_only_misclassified_clips_count_where_the_claim_is_of_failures(results, maps):
    detector, regions, inside = LEANS["C58"]
    found = leaning(maps, detector, regions, inside, 0.2, 0.2)
    wrong = (found[detector]["score"] >= on_heat.BOUND) != (found[detector]["label"] == 1)
    elsewhere = leaning(maps, detector, regions, inside, -0.05, -0.05)
    shares = [f"mass_{region}" for region in OTHERS]
    for these, verdict in ((wrong, FAILS), (~wrong, HOLDS)):
        mixed = found[detector].copy()
        mixed.loc[these, shares] = elsewhere[detector].loc[these, shares]
        assert judged_here(results, "C58", {**maps, detector: mixed}).verdict == verdict
    for alone in inside:  # of fakes and reals, each must lean
        moved = leaning(maps, detector, regions, [alone], 0.2, -0.05)
        assert judged_here(results, "C58", moved).verdict == FAILS


@pytest.mark.parametrize(("more", "verdict"), [(0.65, HOLDS), (0.3, FAILS)])
def test_background_alone_is_a_share_of_the_heat(results, maps, more, verdict):
    moved = leaning(maps, "tall", ["background"], LEANS["C56"][2], more, 0.0)
    moved["tall"] = moved["tall"].assign(mass_background=lambda rows: rows["mass_background"].clip(upper=1))
    assert judged_here(results, "C60", moved).verdict == verdict


@pytest.mark.parametrize(("own", "other", "verdict"), [(0.0, 0.2, HOLDS), (0.2, 0.0, FAILS)])
def test_the_broader_map_is_the_more_even_one(results, maps, own, other, verdict):
    moved = leaning(maps, "df_adapter", ["face"], EVERYWHERE, own, own)
    assert judged_here(results, "C62", leaning(moved, "tall", ["face"], EVERYWHERE, other, other)).verdict == verdict


@pytest.mark.parametrize(("first", "later", "verdict"), [(0.2, 0.0, HOLDS), (0.0, 0.2, FAILS)])
def test_heat_fades_if_later_protocols_have_less_of_it(results, maps, first, later, verdict):
    moved = leaning(maps, "df_adapter", ["face", "mouth"], [("P1", "emoportraits")], first, later)
    assert judged_here(results, "C64", moved).verdict == verdict


def test_heat_that_leans_as_often_as_not_cannot_be_told(results, maps):
    moved = leaning(maps, "tall", ["neck"], EVERYWHERE, 0.2, 0.2)
    signs = np.where(np.arange(len(moved["tall"])) // 2 % 2, 1, -1)
    moved["tall"]["mass_neck"] = moved["tall"]["area_neck"] + 0.2 * signs
    assert judged_here(results, "C57", moved).verdict == INCONCLUSIVE


def test_without_maps_nothing_of_heat_can_be_told(results, maps):
    for claim in (*LEANS, "C60", "C62", "C64"):
        found = judged_here(results, claim, {})
        assert found.verdict == INCONCLUSIVE
        assert "no heat map of " in found.text
    assert "no heat map of TALL is here" in judged_here(results, "C62", {"df_adapter": maps["df_adapter"]}).text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"detector": "TALK"}, "unknown detector in claims.yaml 'TALK'; known: CADDM, TALL"),
        ({"protocol": "P4"}, "unknown protocol in claims.yaml 'P4'; known: P1, P2, P3"),
        ({"generator": "Hal"}, "unknown generator in claims.yaml 'Hal'; known: Hallo"),
        ({"regions": ["nose"]}, "unknown region in claims.yaml 'nose'; known: face"),
        ({"wrong": ["all"]}, "unknown wrong in claims.yaml 'all'; known: fakes, reals"),
    ],
)
def test_a_claim_of_heat_names_what_there_is(results, maps, arguments, words):
    asked = {"detector": "TALL", "regions": ["face"], "protocol": "P1", "generator": "Hallo", **arguments}
    with pytest.raises(ParamsError, match=words):
        on_heat.leans(Maps(results.params, maps), **asked)


def test_of_many_places_the_two_ends_are_told(results, maps):
    text = judged_here(results, "C59", leaning(maps, "tall", ["face", "mouth"], EVERYWHERE[:1], 0.3, -0.02)).text
    assert "from " in text
    assert " up to P1 Hallo 0.30 (" in text
    assert text.endswith("so for 1 of 18, not for 17, and 0 cannot be told")


# ---- the ledger ---------------------------------------------------------------------------------------


def test_the_ledger_shows_every_claim_in_the_order_of_the_paper(made):
    ran = run("claims_ledger")
    assert set(ran["rows"]["id"]) == set(EXPECTED)
    places = [ledger.SECTIONS.index(section) for section in ran["rows"]["section"]]
    assert places == sorted(places)
    html = ran.shown["claims"].data["text/html"]
    assert all(f">{one}</th>" in html for one in EXPECTED)
    assert 'class="sortable"' in html
    assert html.count("paper&#x27;s tables <span") == html.count(">here <span") == len(EXPECTED)


def test_no_cell_of_the_ledger_is_blank(made):
    rows = re.findall(r"<tr.*?</tr>", run("claims_ledger").shown["claims"].data["text/html"], re.S)
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for row in rows for cell in re.findall(r"<td.*?</td>", row, re.S)]
    assert len(cells) == 2 * len(EXPECTED)
    assert all(cells)


def test_section_and_verdict_filter(made):
    assert set(run("claims_ledger", section="4.4")["rows"]["section"]) == {"4.4"}
    untold = {claim for claim, (verdict, _) in EXPECTED.items() if verdict == INCONCLUSIVE}
    assert set(run("claims_ledger", verdict=INCONCLUSIVE)["rows"]["id"]) == untold
    nothing = run("claims_ledger", section="C", verdict=FAILS)
    assert nothing["rows"].empty
    assert "0 claims" in nothing.html


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"section": "9"}, "unknown section '9'; known: abstract"),
        ({"verdict": "maybe"}, "unknown verdict 'maybe'; known: holds, does not hold, cannot be told"),
    ],
)
def test_unknown_choices_are_refused_in_one_line(made, arguments, words):
    with pytest.raises(ParamsError, match=words):
        run("claims_ledger", **arguments)


def test_the_counts_add_up(made):
    ran = run("claims_ledger")
    printed = ran["counts"]["paper's tables"]
    assert sum(printed[verdict] for verdict in ledger.JUDGED) == len(EXPECTED)
    assert {verdict: printed[verdict] for verdict in ledger.JUDGED} == {
        verdict: [v for v, _ in EXPECTED.values()].count(verdict) for verdict in ledger.JUDGED
    }
    assert int(ran["tables"]["By the paper's own tables"].to_numpy().sum()) == len(EXPECTED)


def test_words_of_a_claim_are_escaped_for_html(made):
    rewrite(made, lambda e: e[0].update(claim="a < b & c", where="<x> 2,984"))
    html = run("claims_ledger", section="abstract").shown["claims"].data["text/html"]
    assert "a &lt; b &amp; c<br><small>&lt;x&gt; 2,984</small>" in html
    assert "&lt;b" in badge("<b", HOLDS)


def test_the_printed_cells_are_read_from_one_file(project):
    assert len(cells_of(project).known) == len(printed_cells(project.published))
