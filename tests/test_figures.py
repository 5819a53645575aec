"""Figures 2 and 3: means and curves say what the cells and scores say, and stop where the reals do."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import results_made
import vouching
from results_made import edit_cells
from sklearn.metrics import roc_curve

from thb.core import metrics
from thb.core.errors import DataError, ParamsError
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.report import dots, generator_means, means, protocol_means, radar, style, tpr_curve
from thb.report.load import MEAN, open_results

BUILDS = {"2a": protocol_means.build, "2b": tpr_curve.build, "2c": generator_means.build, "3": radar.build}


def detectors(results) -> list[str]:
    return [e.key for e in results.tested]


# ---- means --------------------------------------------------------------------------------------------


def test_figure_2a_is_the_mean_of_the_cells_and_of_the_printed_ones(results):
    rows = protocol_means.build("T1").rows
    whole = rows[rows["detector"] == protocol_means.ALL].set_index("protocol")
    cells = results.cells.query("metric == 'T1'")
    for protocol in ("P1", "P2", "P3"):
        own = cells[(cells["protocol"] == protocol) & cells["detector"].isin(detectors(results))]
        assert whole.loc[protocol, "value"] == pytest.approx(own["value"].mean())
        assert whole.loc[protocol, "printed"] == pytest.approx(own["printed"].mean())
    assert [round(v, 3) for v in whole["printed"]] == [0.793, 0.721, 0.692]  # as the paper's tables have it


def test_controls_are_shown_but_not_in_the_mean(made):
    control = next(e for e in open_results(made.root).entrants if e.control)
    before = protocol_means.build("AUC").rows
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["detector"] != control.key, 0.0)))
    after = protocol_means.build("AUC").rows
    pd.testing.assert_frame_equal(
        before[before["detector"] == protocol_means.ALL], after[after["detector"] == protocol_means.ALL]
    )
    assert control.label in set(after["detector"])


def test_the_interval_of_a_mean_over_detectors_is_that_of_the_mean_itself(results):
    """Errors partly cancel in a mean: its interval is narrower than the mean of the detectors' intervals."""
    exhibit = protocol_means.build("T1", ["P1"])
    rows = exhibit.rows[~exhibit.rows["control"]].set_index("detector")
    own, whole = rows.loc[[e.label for e in results.tested]], rows.loc[protocol_means.ALL]
    told = results.verdicts.level("T1", "P1")
    assert (whole["value"], whole["lo"], whole["hi"]) == (told.difference, told.lo, told.hi)
    assert whole["hi"] - whole["lo"] < 0.8 * (own["hi"] - own["lo"]).mean()
    assert "that of the mean itself" in exhibit.html


def test_the_reals_of_a_mean_are_those_of_its_cells_not_fewer(results):
    """One generator tested on fewer reals than the others: the mean rests on as many as the most of them."""
    cells = [{"n_fake": 28, "n_real": n, "resolvable": True} for n in (210, 150)]
    entrant = results.tested[0]
    assert results._mean_cell("P1", entrant, "T1", cells)["n_real"] == 210
    rows = means.cells(results, ["P1"], "T1")
    rows = rows[rows["detector"] == entrant.label].reset_index(drop=True)
    assert means.over(results, rows.assign(n_real=[150, *[210] * (len(rows) - 1)]))["n_real"] == 210


def test_figure_2c_is_the_mean_over_detectors_and_protocols_in_the_papers_order(results):
    rows = generator_means.build("T1").rows
    whole = rows[rows["protocol"] == generator_means.ALL].set_index("generator")
    assert list(whole.index) == [
        "aniportrait_audio",
        "aniportrait_video",
        "hallo",
        "hallo2",
        "emoportraits",
        "liveportrait",
    ]
    cells = results.cells.query("metric == 'T1' and protocol in ('P1', 'P2', 'P3') and generator == 'hallo2'")
    own = cells[cells["detector"].isin(detectors(results))]
    assert whole.loc["hallo2", "value"] == pytest.approx(own["value"].mean())
    assert round(whole.loc["hallo2", "printed"], 2) == 0.69
    assert whole.loc["hallo2", "n_fake"] == 2 * results_made.FAKES  # P1 and P3 test the same clips


def test_the_hardest_generators_are_named_and_follow_the_cells(made):
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["generator"] != "hallo", 0.01)))
    said = generator_means.sentences(open_results(made.root))
    assert "printed: the hardest are EMOPortraits (0.54) and Hallo2 (0.69)" in said[0]
    assert "here: the hardest are Hallo (0.01)" in said[1]


@pytest.mark.parametrize(("apart", "words"), [(0.0, "differ cannot be told"), (0.9, "the last differ by 0.")])
def test_an_order_that_may_be_chance_is_called_so(made, apart, words):
    def change(cells):
        low = cells["generator"] == "hallo"
        return cells.assign(**{k: cells[k].where(~low, cells[k] - apart) for k in ("value", "lo", "hi")})

    edit_cells(made, change)
    assert words in generator_means.sentences(open_results(made.root))[1]


def test_of_an_error_rate_the_highest_is_the_hardest(made):
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["generator"] != "hallo", 0.9)))
    assert "the hardest are Hallo (0.90)" in generator_means.sentences(open_results(made.root), "EER")[0]


def test_unscored_cells_are_left_out_and_unresolvable_ones_hide_the_mean(results):
    rows = means.cells(results, ["P1"], "T1")
    own = rows[rows["detector"] == "TALL"].reset_index(drop=True)
    gone = own.assign(n_fake=own["n_fake"].where(own.index != 0, 0), value=own["value"].where(own.index != 0, math.nan))
    assert means.known(means.over(results, gone)).value == pytest.approx(own["value"][1:].mean())
    off = own.assign(resolvable=own.index != 0)
    assert math.isnan(means.known(means.over(results, off)).value)
    assert math.isnan(means.over(results, own.assign(printed=own["printed"].where(own.index != 0)))["printed"])
    assert not means.over(results, own.assign(n_fake=0))["resolvable"]


# ---- radar --------------------------------------------------------------------------------------------


def test_the_radar_averages_over_protocols(results):
    rows = radar.build("T1").rows.set_index(["detector", "generator"])
    cells = results.cells.query("metric == 'T1' and protocol in ('P1', 'P2', 'P3') and detector == 'tall'")
    for generator, own in cells.groupby("generator"):
        if generator in results.params.generators:
            assert rows.loc[("TALL", generator), "value"] == pytest.approx(own["value"].mean())
            assert rows.loc[("TALL", generator), "printed"] == pytest.approx(own["printed"].mean())
    assert round(rows.loc[("TALL", MEAN), "printed"], 3) == 0.931


def test_where_nothing_can_be_resolved_the_radar_is_empty_and_says_why(results):
    exhibit = radar.build("T0.1")
    above, below = exhibit.drawing.axes
    plain = len([e for e in results.entrants if not e.control])
    closed = [len([line for line in ax.lines if line.get_marker() in radar.MARKERS]) for ax in (above, below)]
    assert closed == [len([e for e in results.entrants if e.printed]), 0]
    assert any("too few" in t.get_text() for t in below.texts)
    assert "nothing is drawn" in exhibit.alt
    drawn = radar.build("T1").drawing.axes[1]
    assert len([line for line in drawn.lines if line.get_marker() in radar.MARKERS]) == plain
    assert "too few clips to tell" in radar.sentences(results)[1]


# ---- the curve ----------------------------------------------------------------------------------------


def test_the_curve_is_the_mean_of_independent_curves(results):
    rows = tpr_curve.build(["tall"], ["P1"]).rows.set_index("fpr")
    table = read_csv(results.paths.scores("tall", "all"), SCORE_COLUMNS).query("split == 'test'")
    curves = []
    for generator in results.params.generators:
        own = table[(table["role"] == "real") | (table["source"] == generator)]
        curves.append(roc_curve(own["label"], own["score"], drop_intermediate=False)[:2])
    for fpr in (0.01, 0.1, 21 / 210):
        highest = [tpr[x <= fpr + 1e-12].max() for x, tpr in curves]
        assert rows.loc[fpr, "value"].max() == pytest.approx(np.mean(highest))
    assert (rows["lo"] <= rows["value"] + 1e-12).all()
    assert (rows["value"] <= rows["hi"] + 1e-12).all()


def test_at_a_tables_rate_the_curve_is_the_mean_of_its_cells(results):
    tall = tpr_curve.curves(results, ["tall"], ["P2"]).set_index("fpr")
    drawn = means.drawn(results, "tall", "P2", list(results.params.generators))
    assert tall.loc[0.01, "value"] == pytest.approx(drawn.replicates["T1"][0])
    assert tall.loc[0.01, ["lo", "hi"]].to_numpy(float) == pytest.approx(
        metrics.interval(drawn.replicates["T1"][1:], results.params.metrics.confidence)
    )


def test_what_the_reals_cannot_tell_is_not_drawn_but_shaded_and_explained(results):
    exhibit = tpr_curve.build()
    reals = results_made.REALS
    told = exhibit.rows[exhibit.rows["resolvable"]]
    assert told["fpr"].min() == pytest.approx(1 / reals)
    assert set(exhibit.rows.loc[exhibit.rows["allowed"] == 0, "resolvable"]) == {False}
    (ax,) = exhibit.drawing.axes
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert len(steps) == 2
    assert all(min(line.get_xdata()) == pytest.approx(1 / reals) for line in steps)
    assert any(f"{reals} reals" in t.get_text() for t in ax.texts)
    assert f"1 in {reals}" in tpr_curve.sentences(results)[0]
    crosses = [line for line in ax.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert len(crosses) == 2


def test_zero_of_n_still_allows_about_three_in_n():
    assert tpr_curve.bound(210, 0.95) == pytest.approx(3 / 210, rel=0.02)
    assert (1 - tpr_curve.bound(50, 0.95)) ** 50 == pytest.approx(0.05)


def test_fewer_reals_tell_less(made):
    table = read_csv(made.scores("tall", "all"), SCORE_COLUMNS)
    few = table[(table["role"] != "real") | (table["video"].str[-2:] < "20")]
    write_csv(few, made.scores("tall", "all"), SCORE_COLUMNS)
    vouching.vouch(made)
    rows = tpr_curve.build(["tall"], ["P1"]).rows
    reals = int(((few["role"] == "real") & (few["split"] == "test")).sum())
    assert rows["n_real"].unique().tolist() == [reals]
    assert not rows.loc[np.isclose(rows["fpr"], 0.01), "resolvable"].any()
    assert rows[rows["resolvable"]]["fpr"].min() == pytest.approx(1 / reals)


def test_a_detector_without_a_scored_clip_has_no_curve_and_all_such_are_refused(made):
    path = made.scores("lipfd", "all")
    table = read_csv(path, SCORE_COLUMNS)
    write_csv(table.assign(status=table["status"].where(table["label"] == 0, "no_audio")), path, SCORE_COLUMNS)
    vouching.vouch(made)
    assert set(tpr_curve.build(["tall", "lipfd"], ["P1"]).rows["detector"]) == {"TALL"}
    with pytest.raises(DataError, match="none of lipfd has a score under P1"):
        tpr_curve.build(["lipfd"], ["P1"])


# ---- parameters ---------------------------------------------------------------------------------------


def test_palettes_differ_and_controls_stay_grey(results):
    shades = [dots.colours(results.entrants, name) for name in style.PALETTES]
    assert len({s["TALL"] for s in shades}) == len(style.PALETTES)
    controls = [e.label for e in results.entrants if e.control]
    assert {s[c] for s in shades for c in controls} <= set(style.GREYS)
    assert dots.colours(results.entrants) == shades[0]


@pytest.mark.parametrize("kind", BUILDS)
def test_what_is_not_known_is_refused_in_one_line(results, kind):
    for given, words in (
        ({"palette": "jet"}, "unknown palette 'jet'; known: okabe-ito, bright, muted"),
        ({"protocols": ["P9"]}, "unknown protocol 'P9'; known: P1, P2, P3"),
        ({"protocols": []}, r"unknown protocols? '\(none\)'; known: P1"),
        ({"metric": "F1"}, "unknown metric 'F1'; known: AUC, T1"),
        ({"detectors": ["xception"]}, "unknown detector 'xception'; known: caddm"),
    ):
        if ("metric" in given and kind == "2b") or ("detectors" in given and kind != "2b"):
            continue
        with pytest.raises(ParamsError, match=words):
            BUILDS[kind](**given)


@pytest.mark.parametrize("kind", BUILDS)
def test_another_palette_changes_the_figure_alone(results, kind):
    one, two = (BUILDS[kind](palette=palette, protocols=["P1"]) for palette in ("okabe-ito", "muted"))
    pd.testing.assert_frame_equal(one.rows, two.rows)
    inks = [{line.get_color() for ax in e.drawing.axes for line in ax.lines} for e in (one, two)]
    assert inks[0] & set(style.PALETTES["okabe-ito"])
    assert inks[1] & set(style.PALETTES["muted"])
    assert not inks[1] & set(style.PALETTES["okabe-ito"])


@pytest.mark.parametrize("kind", BUILDS)
def test_a_figure_has_named_axes_words_and_closed_html(results, kind):
    exhibit = BUILDS[kind]()
    if kind != "3":
        assert all(ax.get_ylabel() or ax.get_yticklabels() for ax in exhibit.drawing.axes)
        assert exhibit.drawing.axes[-1].get_xlabel()
    assert len(exhibit.alt) > 60
    assert len(exhibit.rows)
    for tag in ("table", "tbody", "tr", "ul", "li", "div"):
        assert exhibit.html.count(f"<{tag}>") + exhibit.html.count(f"<{tag} ") == exhibit.html.count(f"</{tag}>"), tag


@pytest.mark.parametrize("module", [protocol_means, generator_means, radar, tpr_curve], ids=lambda m: m.__name__)
def test_one_to_four_sentences(results, module):
    said = module.sentences(results)
    assert 1 <= len(said) <= 6
    assert all(line.endswith(".") and "nan" not in line for line in said)


def test_a_mean_of_means_has_one_definition(results):
    rows = protocol_means.by_protocol(results, ["P1"], "T1")
    own = rows[rows["detector"].isin([e.label for e in results.tested])]
    whole = means.known(rows[rows["detector"] == protocol_means.ALL].iloc[0])
    assert whole.value == pytest.approx(np.mean([means.known(row).value for _, row in own.iterrows()]))
