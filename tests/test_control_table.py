"""The controls' exhibit: what a control solves, and a label check that can fail."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import vouching
from results_made import edit_cells

from notebooks import run
from thb.cells.label_checks import IS_CHANCE, IS_NOT, fits_on_shuffled_labels, means_over_fits, student, verdict
from thb.core.decimals import UNRESOLVABLE
from thb.core.errors import DataError, ParamsError
from thb.core.metrics import AUC
from thb.core.params import load
from thb.core.tables import NO_AUDIO, SHUFFLED_COLUMNS, read_csv, shuffled_columns, write_csv
from thb.report.load import MEAN, open_results

TRUE, SHUFFLED = "true labels", "labels that say nothing"  # as the CSV calls them


def edit_drawn(paths, detector: str, change) -> None:
    columns = [*SHUFFLED_COLUMNS, *shuffled_columns(load(paths.params).label_check(detector))]
    write_csv(
        change(read_csv(paths.shuffled_labels(detector, "all"), columns)),
        paths.shuffled_labels(detector, "all"),
        columns,
    )
    vouching.vouch(paths)


def leaked(rows):
    """The scores of fits that knew the labels after all."""
    scores = [c for c in rows if c.startswith("score_")]
    return rows.assign(**{c: 0.7 * rows["label"] + 0.3 * rows[c] for c in scores})


def fits() -> pd.DataFrame:
    results = open_results()
    return fits_on_shuffled_labels(results.paths, results.params)


def verdicts() -> dict[str, str]:
    """detector -> whether its fits on shuffled labels are at chance."""
    means = means_over_fits(fits(), 0.95).query("generator == 'mean'")
    return {row.detector: verdict(row.lo, row.hi) for row in means.itertuples()}


def lines(shown) -> dict[str, str]:
    """The first word of a table's row -> the row's HTML."""
    html = shown._repr_mimebundle_()[0]["text/html"]
    return {re.sub(r"<[^>]+>", " ", row).split()[0]: row for row in re.findall(r"<tr.*?</tr>", html, re.S)}


# ── Label checks ─────────────────────────────────────────────────────────────────────────────────


def test_a_mean_has_students_interval():
    mean, _, hi = student(np.array([0.4, 0.5, 0.6]), 0.95)
    assert mean == pytest.approx(0.5)
    assert hi - mean == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-5)


@pytest.mark.parametrize(
    ("values", "word"),
    [((0.3, 0.7, 0.45), IS_CHANCE), ((0.7, 0.72, 0.71), IS_NOT), ((0.3, 0.28, 0.29), IS_NOT), ((0.5, 0.5), IS_CHANCE)],
)
def test_the_verdict_is_whether_the_interval_holds_chance(values, word):
    _, lo, hi = student(np.array(values), 0.95)
    assert verdict(lo, hi) == word


def test_fits_that_say_nothing_are_chance_and_a_leak_is_told(made):
    assert verdicts() == dict.fromkeys(open_results().params.label_checks, IS_CHANCE)
    edit_drawn(made, "container", leaked)
    found = verdicts()
    assert found.pop("container") == IS_NOT
    assert set(found.values()) == {IS_CHANCE}
    shown = lines(run("control_table").shown["checked"])
    assert IS_NOT in shown["container"]
    assert "fails" in shown["container"]
    assert "1.0000, interval 1.00–1.00" in shown["container"]
    assert IS_NOT not in shown["image_stats"]


def test_a_check_is_read_from_the_clips_that_p1_tests(made):
    before = fits()
    untested = ["unseen", "swap"]
    edit_drawn(
        made,
        before["detector"].iloc[0],
        lambda rows: rows.assign(score_1=rows["score_1"].mask(rows["role"].isin(untested), 0.999)),
    )
    after = fits()
    pd.testing.assert_frame_equal(before, after)
    assert set(after["generator"]) == {*open_results().params.generators, MEAN}
    clips = after[(after["detector"] == after["detector"].iloc[0]) & (after["fit"] == 1)].set_index("generator")
    assert clips["n_fake"][MEAN] == clips["n_fake"].drop(MEAN).sum()


def test_a_generator_without_a_scored_clip_is_left_out(made):
    edit_drawn(
        made, "df_adapter", lambda rows: rows.assign(status=rows["status"].mask(rows["source"] == "hallo", NO_AUDIO))
    )
    assert "hallo" not in set(fits().query("detector == 'df_adapter'")["generator"])
    assert ">—<" in lines(run("control_table").shown["checked"])["DF-Adapter"]


def test_what_was_not_run_is_said(made):
    made.shuffled_labels("df_adapter", "all").unlink()
    assert "DF-Adapter has no such fit here." in run("control_table").html
    for detector in ("container", "image_stats"):
        made.shuffled_labels(detector, "all").unlink()
    ran = run("control_table")
    assert ran.html.count("has no such fit here.") == 3
    assert set(ran["rows"]["part"]) == {TRUE}
    assert len(ran["figure"].axes) == 1


def test_fewer_drawings_than_asked_for_are_refused(made):
    rows = read_csv(made.shuffled_labels("container", "all"), [*SHUFFLED_COLUMNS, "score_1"])
    write_csv(rows, made.shuffled_labels("container", "all"), list(rows.columns))
    vouching.vouch(made)
    with pytest.raises(DataError, match="all.csv lacks column 'score_2'"):
        run("control_table")


# ── The exhibit ──────────────────────────────────────────────────────────────────────────────────


def test_every_detector_and_every_check_is_in_the_rows(made):
    ran = run("control_table")
    params, rows = load(made.params), ran["rows"]
    true, drawn = (rows[rows["part"] == part] for part in (TRUE, SHUFFLED))
    assert set(true["protocol"]) == {p for p, entry in params.protocols.items() if entry.printed}
    assert set(true["metric"]) == {AUC, next(iter(params.metrics.fpr))}
    assert set(true.loc[true["control"].astype(bool), "detector"]) == {
        n for n, e in params.detectors.items() if e.control
    }
    assert drawn.groupby("detector")["fits"].first().to_dict() == {
        params.detectors[d].printed or d: n for d, n in params.label_checks.items()
    }
    assert set(drawn.loc[drawn["generator"] == MEAN, "verdict"]) == {IS_CHANCE}
    assert len(ran["figure"].axes) == 2


def test_a_control_solves_what_its_whole_interval_reaches(made):
    def raised(cells):
        own = (cells["detector"] == "image_stats") & (cells["metric"] == AUC) & (cells["protocol"] == "P1")
        hallo, hallo2 = (own & (cells["generator"] == g) for g in ("hallo", "hallo2"))
        return cells.assign(lo=cells["lo"].mask(hallo, 0.91).mask(hallo2, 0.89), value=cells["value"].mask(own, 0.95))

    def solved(**given) -> dict[str, list[str]]:
        grid = run("control_table", **given)["grid"]
        return {name: [g for g, cell in row.items() if "best" in cell.css] for name, row in grid.iterrows()}

    assert solved()["image_stats"] == []
    edit_cells(made, raised)
    assert solved() == {"Best detector": [], "container": [], "image_stats": ["Hallo"]}
    assert solved(solved=0.85)["image_stats"] == ["Hallo", "Hallo2"]


def test_an_unresolvable_rate_is_no_number(made):
    html = run("control_table", metrics=["T0.1"]).html
    assert f"{UNRESOLVABLE} not resolvable: the test reals are too few" in html


def test_controls_are_never_best_of_a_column(made):
    edit_cells(made, lambda cells: cells.assign(value=cells["value"].mask(cells["detector"] == "container", 0.999)))
    rows = lines(run("control_table", protocols=["P1"], metrics=[AUC]).shown["table"])
    assert "best" not in rows["container"]
    assert [row for row in rows.values() if 'class="best"' in row]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protocols": ["P9"]}, "unknown protocol 'P9'; known: P1"),
        ({"metrics": ["T7"]}, "unknown metric 'T7'; known: AUC"),
        ({"one_by_one": "P9"}, "unknown protocol 'P9'; known: P1"),
        ({"solved": 0.4}, "solved = 0.4 .* above 0.5"),
    ],
)
def test_unknown_values_are_refused(made, given, words):
    with pytest.raises(ParamsError, match=words):
        run("control_table", **given)


def test_a_control_without_scores_solves_nothing_and_fails_at_nothing(made):
    def lose(cells):
        cells.loc[cells["detector"] == "container", ["value", "lo", "hi", "n_fake"]] = [np.nan, np.nan, np.nan, 0]
        return cells

    edit_cells(made, lose)
    ran = run("control_table")
    assert {cell.hover for cell in ran["grid"].loc["container"]} == {"no score here"}
