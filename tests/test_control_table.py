"""The controls' exhibit: what a control solves, and a label check that can fail."""

from __future__ import annotations

import numpy as np
import pytest
import vouching
from results_made import edit_cells

from thb.core.errors import DataError, ParamsError
from thb.core.metrics import AUC
from thb.core.params import load
from thb.core.tables import DRAWN_COLUMNS, NO_AUDIO, drawn_columns, read_csv, write_csv
from thb.report import control_table, label_checks, tables
from thb.report.control_table import DRAWN, TRUE
from thb.report.label_checks import IS_CHANCE, IS_NOT, Check
from thb.report.load import MEAN, open_results


def edit_drawn(paths, detector: str, change) -> None:
    columns = [*DRAWN_COLUMNS, *drawn_columns(load(paths.params).label_check(detector))]
    write_csv(change(read_csv(paths.drawn(detector, "all"), columns)), paths.drawn(detector, "all"), columns)
    vouching.vouch(paths)


def leaked(rows):
    """The scores of fits that knew the labels after all."""
    scores = [c for c in rows if c.startswith("score_")]
    return rows.assign(**{c: 0.7 * rows["label"] + 0.3 * rows[c] for c in scores})


def check(*values: float) -> Check:
    return Check("tall", {MEAN: np.array(values)}, 10, {MEAN: 10}, 0.95)


# ── Label checks ─────────────────────────────────────────────────────────────────────────────────


def test_a_mean_has_students_interval():
    mean = check(0.4, 0.5, 0.6).mean()
    assert mean.value == pytest.approx(0.5)
    assert mean.hi - mean.value == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-5)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((0.3, 0.7, 0.45), IS_CHANCE), ((0.7, 0.72, 0.71), IS_NOT), ((0.3, 0.28, 0.29), IS_NOT), ((0.5, 0.5), IS_CHANCE)],
)
def test_the_verdict_is_whether_the_interval_holds_chance(values, verdict):
    assert check(*values).verdict == verdict


def test_fits_that_say_nothing_are_chance_and_a_leak_is_told(made):
    results = open_results()
    assert {c.detector: c.verdict for c in label_checks.checks(results)} == dict.fromkeys(
        results.params.label_checks, IS_CHANCE
    )
    edit_drawn(made, "container", leaked)
    verdicts = {c.detector: c.verdict for c in label_checks.checks(results)}
    assert verdicts.pop("container") == IS_NOT
    assert set(verdicts.values()) == {IS_CHANCE}
    said = "\n".join(label_checks.sentences(results))
    assert said.count("something true reaches the fit") == 1
    assert f"fits of container on labels that say nothing have a mean AUC of 1.00 (1.00–1.00): <b>{IS_NOT}</b>" in said


def test_a_check_is_read_from_the_clips_that_p1_tests(made):
    before = label_checks.checks(open_results())[0]
    untested = ["unseen", "swap"]
    edit_drawn(
        made,
        before.detector,
        lambda rows: rows.assign(score_1=rows["score_1"].mask(rows["role"].isin(untested), 0.999)),
    )
    after = label_checks.checks(open_results())[0]
    assert all(np.array_equal(before.aucs[g], after.aucs[g]) for g in before.aucs)
    assert set(after.aucs) == {*open_results().params.generators, MEAN}
    assert after.n_fake[MEAN] == sum(n for g, n in after.n_fake.items() if g != MEAN)


def test_a_generator_without_a_scored_clip_is_left_out(made):
    edit_drawn(
        made, "df_adapter", lambda rows: rows.assign(status=rows["status"].mask(rows["source"] == "hallo", NO_AUDIO))
    )
    found = {c.detector: c for c in label_checks.checks(open_results())}["df_adapter"]
    assert "hallo" not in found.aucs
    assert f">{tables.NONE}<" in control_table.build().html


def test_what_was_not_run_is_said(made):
    made.drawn("df_adapter", "all").unlink()
    assert "df_adapter has no such fit here." in control_table.build().html
    for detector in ("container", "image_stats"):
        made.drawn(detector, "all").unlink()
    assert label_checks.sentences(open_results()) == [label_checks.NONE_HERE]
    shown = control_table.build()
    assert label_checks.NONE_HERE in shown.html
    assert set(shown.rows["part"]) == {TRUE}
    assert len(shown.drawing.axes) == 1


def test_fewer_drawings_than_asked_for_are_refused(made):
    rows = read_csv(made.drawn("container", "all"), [*DRAWN_COLUMNS, "score_1"])
    write_csv(rows, made.drawn("container", "all"), list(rows.columns))
    vouching.vouch(made)
    with pytest.raises(DataError, match="all.csv lacks column 'score_2'"):
        control_table.build()


# ── The exhibit ──────────────────────────────────────────────────────────────────────────────────


def test_every_detector_and_every_check_is_in_the_rows(made):
    shown = control_table.build()
    params = load(made.params)
    true, drawn = (shown.rows[shown.rows["part"] == part] for part in (TRUE, DRAWN))
    assert set(true["protocol"]) == {p for p, entry in params.protocols.items() if entry.printed}
    assert set(true["metric"]) == {AUC, next(iter(params.metrics.fpr))}
    assert set(true.loc[true["control"], "detector"]) == {n for n, e in params.detectors.items() if e.control}
    assert drawn.groupby("detector")["fits"].first().to_dict() == {
        params.detectors[d].printed or d: n for d, n in params.label_checks.items()
    }
    assert set(drawn.loc[drawn["generator"] == MEAN, "verdict"]) == {IS_CHANCE}
    assert len(shown.drawing.axes) == 2


def test_a_control_solves_what_its_whole_interval_reaches(made):
    def raised(cells):
        own = (cells["detector"] == "image_stats") & (cells["metric"] == AUC) & (cells["protocol"] == "P1")
        hallo, hallo2 = (own & (cells["generator"] == g) for g in ("hallo", "hallo2"))
        return cells.assign(lo=cells["lo"].mask(hallo, 0.91).mask(hallo2, 0.89), value=cells["value"].mask(own, 0.95))

    assert "alone it solves no generator" in control_table.sentences(open_results())[1]
    edit_cells(made, raised)
    said = control_table.sentences(open_results())
    assert "alone it solves no generator" in said[0]
    assert "alone it solves Hallo (in P1" in said[1]
    lower = control_table.build(solved=0.85).html
    assert "solves Hallo, Hallo2 (in P1, the interval of its AUC at or above 0.85)" in lower
    assert "which sees a few numbers of each picture and no face, reaches mean AUC" in said[1]


def test_an_unresolvable_rate_is_no_number(made):
    html = control_table.build(metrics=["T0.1"]).html
    assert tables.UNRESOLVABLE in html
    assert "not resolvable. A false-positive rate of 0.1 %" in html


def test_controls_are_never_best_of_a_column(made):
    edit_cells(made, lambda cells: cells.assign(value=cells["value"].mask(cells["detector"] == "container", 0.999)))
    rows = control_table.build(protocols=["P1"], metrics=[AUC]).html.split("<caption>Generator by")[0].split("<tr")
    assert [row for row in rows if "container" in row and "best" in row] == []
    assert [row for row in rows if 'class="best"' in row]


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
        control_table.build(**given)


def test_a_control_without_scores_solves_nothing_and_fails_at_nothing(made):
    def lose(cells):
        cells.loc[cells["detector"] == "container", ["value", "lo", "hi", "n_fake"]] = [np.nan, np.nan, np.nan, 0]
        return cells

    edit_cells(made, lose)
    said = control_table.sentences(open_results())
    assert "The control container, which sees the container of the file and no picture, has no numbers here." in said
    assert sum("alone it solves" in line for line in said) == 1
