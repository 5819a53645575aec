"""Figures 2 and 3: means and curves say what the cells and scores say, and stop where the reals do."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
import results_made
import vouching
from matplotlib.colors import to_hex
from results_made import edit_cells
from sklearn.metrics import roc_curve

from notebooks import run
from thb import report
from thb.cells.curves import curves, largest_rate
from thb.cells.role_means import scored_trials
from thb.cells.trials import mean_of
from thb.core.decimals import UNRESOLVABLE
from thb.core.errors import DataError, ParamsError
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.report import means, saving
from thb.report.figure import GREYS, PALETTES
from thb.report.load import MEAN, open_results

NOTEBOOKS = {"2a": "protocol_means", "2b": "tpr_curve", "2c": "generator_means", "3": "radar"}


def detectors(results) -> list[str]:
    return [e.key for e in results.tested]


# ---- means --------------------------------------------------------------------------------------------


def test_figure_2a_is_the_mean_of_the_cells_and_of_the_printed_ones(results):
    rows = run("protocol_means", metric="T1")["rows"]
    whole = rows[rows["detector"] == report.ALL].set_index("protocol")
    cells = results.cells.query("metric == 'T1'")
    for protocol in ("P1", "P2", "P3"):
        own = cells[(cells["protocol"] == protocol) & cells["detector"].isin(detectors(results))]
        assert whole.loc[protocol, "value"] == pytest.approx(own["value"].mean())
        assert whole.loc[protocol, "printed"] == pytest.approx(own["printed"].mean())
    assert list(whole["printed"]) == pytest.approx([0.7925, 0.7208, 0.6917], abs=1e-4)  # as the paper's tables have it


def test_controls_are_shown_but_not_in_the_mean(made):
    control = next(e for e in open_results(made.root).entrants if e.control)
    before = run("protocol_means", metric="AUC")["rows"]
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["detector"] != control.key, 0.0)))
    after = run("protocol_means", metric="AUC")["rows"]
    pd.testing.assert_frame_equal(before[before["detector"] == report.ALL], after[after["detector"] == report.ALL])
    assert control.label in set(after["detector"])


def test_the_interval_of_a_mean_over_detectors_is_that_of_the_mean_itself(results):
    """Errors partly cancel in a mean: its interval is narrower than the mean of the detectors' intervals."""
    rows = run("protocol_means", metric="T1", protocols=["P1"])["rows"]
    rows = rows[~rows["control"].astype(bool)].set_index("detector")
    own, whole = rows.loc[[e.label for e in results.tested]], rows.loc[report.ALL]
    told = results.verdicts.level("T1", "P1")
    assert (whole["value"], whole["lo"], whole["hi"]) == (told.difference, told.lo, told.hi)
    assert whole["hi"] - whole["lo"] < 0.8 * (own["hi"] - own["lo"]).mean()


def test_the_reals_of_a_mean_are_those_of_its_cells_not_fewer(results):
    """One generator tested on fewer reals than the others: the mean rests on as many as the most of them."""
    cells = [{"n_fake": 28, "n_real": n, "resolvable": "firm", "printed": 0.5} for n in (210, 150)]
    entrant = results.tested[0]
    assert results._mean_cell("P1", entrant, "T1", cells)["n_real"] == 210
    rows = means.cells(results, ["P1"], "T1")
    rows = rows[rows["detector"] == entrant.label].reset_index(drop=True)
    assert means.over(results, rows.assign(n_real=[150, *[210] * (len(rows) - 1)]))["n_real"] == 210


def test_figure_2c_is_the_mean_over_detectors_and_protocols_in_the_papers_order(results):
    rows = run("generator_means", metric="T1")["rows"]
    whole = rows[rows["protocol"] == "all"].set_index("generator")
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


def order(metric: str = "T1") -> pd.DataFrame:
    """The table of generators, hardest first, as its notebook shows it: words and numbers."""
    frame = run("generator_means", metric=metric)["order"].rename(report.label)
    return frame.map(lambda cell: re.sub(r"<[^>]+>", " ", cell.shown) if hasattr(cell, "shown") else cell)


def test_the_hardest_generators_follow_the_cells(made):
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["generator"] != "hallo", 0.01)))
    found = order()
    assert found.index[0] == "Hallo"
    assert found["Rank here"].is_monotonic_increasing
    assert found["Rank printed"].nsmallest(2).index.tolist() == ["EMOPortraits", "Hallo2"]


@pytest.mark.parametrize(("apart", "words"), [(0.0, "cannot be told"), (0.9, "harder by 0.")])
def test_an_order_that_may_be_chance_is_called_so(made, apart, words):
    def change(cells):
        low = cells["generator"] == "hallo"
        return cells.assign(
            **{k: cells[k].where(~low, (cells[k] - apart).clip(lower=0)) for k in ("value", "lo", "hi")}
        )

    edit_cells(made, change)
    last = order()["Than the last"].iloc[0]
    assert " ".join(last.split()).startswith(words)


def test_of_an_error_rate_the_highest_is_the_hardest(made):
    edit_cells(
        made, lambda c: c.assign(**{k: c[k].mask(c["generator"] == "hallo", 0.9) for k in ("value", "lo", "hi")})
    )
    found = order("EER")
    assert found.index[0] == "Hallo"
    assert " ".join(found["Than the last"].iloc[0].split()).startswith("harder by 0.")


def test_means_that_evaluate_did_not_take_together_have_no_interval_and_no_answer(results):
    ran = run("generator_means", protocols=["P1", "P2"])
    whole = ran["rows"].query("protocol == 'all'")
    assert whole["value"].notna().all()
    assert whole[["lo", "hi"]].isna().all(axis=None)
    assert not any(hasattr(cell, "shown") for cell in ran["order"]["Than the last"])


def test_a_protocol_that_does_not_test_a_generator_leaves_a_dash(results):
    ran = run("generator_means", protocols=["P1", "unseen_P1"])
    assert {"hallo", "hallo3"} <= set(ran["rows"]["generator"])
    assert "no score here" in ran.html


def test_unscored_cells_are_left_out_and_unresolvable_ones_hide_the_mean(results):
    rows = means.cells(results, ["P1"], "T1")
    own = rows[rows["detector"] == "TALL"].reset_index(drop=True)
    gone = own.assign(n_fake=own["n_fake"].where(own.index != 0, 0), value=own["value"].where(own.index != 0, math.nan))
    assert means.over(results, gone)["value"] == pytest.approx(own["value"][1:].mean())
    assert means.over(results, gone)["resolvable"]
    off = own.assign(resolvable=own["resolvable"].where(own.index != 0, ""))
    assert report.number(means.over(results, off)).shown == UNRESOLVABLE
    assert math.isnan(means.over(results, own.assign(printed=own["printed"].where(own.index != 0)))["printed"])
    assert not means.over(results, own.assign(n_fake=0))["resolvable"]


# ---- radar --------------------------------------------------------------------------------------------


def test_the_radar_averages_over_protocols(results):
    rows = run("radar", metric="T1")["rows"].set_index(["detector", "generator"])
    cells = results.cells.query("metric == 'T1' and protocol in ('P1', 'P2', 'P3') and detector == 'tall'")
    for generator, own in cells.groupby("generator"):
        if generator in results.params.generators:
            assert rows.loc[("TALL", generator), "value"] == pytest.approx(own["value"].mean())
            assert rows.loc[("TALL", generator), "printed"] == pytest.approx(own["printed"].mean())
    assert round(rows.loc[("TALL", MEAN), "printed"], 3) == 0.931


def test_where_nothing_can_be_resolved_the_radar_is_empty_and_says_why(results):
    ran = run("radar", metric="T0.1")
    above, below = ran["axes"]
    plain = len([e for e in results.entrants if not e.control])
    assert [len(ax.lines) for ax in (above, below)] == [len([e for e in results.entrants if e.printed]), 0]
    assert any("nothing reproduced" in t.get_text() for t in below.texts)
    assert "not resolvable: the test reals are too few" in ran.html
    assert len(run("radar", metric="T1")["axes"][1].lines) == plain
    assert {cell.shown for row in ran["better"].values() for cell in row if cell} == {
        cell.shown for row in ran["better"].values() for cell in row if cell and "cannot be told" in cell.shown
    }


def test_who_is_better_follows_the_means(made):
    edit_cells(
        made, lambda c: c.assign(**{k: c[k].mask(c["detector"] == "caddm", 0.05) for k in ("value", "lo", "hi")})
    )
    ran = run("radar", metric="AUC")
    assert set(ran["better"]) == {e.label for e in open_results(made.root).tested}
    assert all("worse" in cell.shown for cell in ran["better"]["CADDM"] if cell)
    swapped = run("radar", metric="Brier")["better"]["CADDM"]  # where lower is better
    assert all("better" in cell.shown for cell in swapped if cell)


# ---- the curve ----------------------------------------------------------------------------------------


def test_the_curve_is_the_mean_of_independent_curves(results):
    rows = run("tpr_curve", detectors=["tall"], protocols=["P1"])["rows"].set_index("fpr")
    table = read_csv(results.paths.scores("tall", "all"), SCORE_COLUMNS).query("split == 'test'")
    curves = []
    for generator in results.params.generators:
        own = table[(table["role"] == "real") | (table["source"] == generator)]
        curves.append(roc_curve(own["label"], own["score"], drop_intermediate=False)[:2])
    for fpr in (0.01, 0.1, 34 / 310):
        highest = [tpr[x <= fpr + 1e-12].max() for x, tpr in curves]
        assert rows.loc[fpr, "value"].max() == pytest.approx(np.mean(highest))
    assert (rows["lo"] <= rows["value"] + 1e-12).all()
    assert (rows["value"] <= rows["hi"] + 1e-12).all()


def test_at_a_tables_rate_the_curve_is_the_mean_of_its_cells(results):
    tall = curves(results.params, report.scores, ["tall"], ["P2"], [0.01]).set_index("fpr")
    cells = scored_trials(results.params, report.scores, "tall", "P2", list(results.params.generators))
    assert tall.loc[0.01, ["value", "lo", "hi"]].to_numpy(float) == pytest.approx(mean_of(results.params, cells, "T1"))


def test_what_the_reals_cannot_tell_is_not_drawn_but_shaded_and_explained(results):
    ran = run("tpr_curve")
    reals, rows = results_made.REALS, ran["rows"]
    told = rows[rows["resolvable"].astype(bool)]
    assert told["fpr"].min() == pytest.approx(1 / reals)
    assert set(rows.loc[rows["allowed"] == 0, "resolvable"]) == {""}
    ax = ran["ax"]
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert len(steps) == 2
    assert all(min(line.get_xdata()) == pytest.approx(1 / reals) for line in steps)
    assert any(f"{reals} reals" in t.get_text() for t in ax.texts)
    assert f"0 of {reals}" in ran.html
    assert f"accuses none of {reals} reals may accuse up to 0.96 % of all" in ran.html
    assert ran["heads"] == ["Does TALL catch more than DF-Adapter?"]
    assert [row[0].css for row in ran["answers"].values()] == ["told", "told unknown"]  # T0.1 has no number


def test_zero_of_n_still_allows_about_three_in_n():
    assert largest_rate(210, 0.95) == pytest.approx(3 / 210, rel=0.02)
    assert (1 - largest_rate(50, 0.95)) ** 50 == pytest.approx(0.05)


def test_fewer_reals_tell_less(made):
    table = read_csv(made.scores("tall", "all"), SCORE_COLUMNS)
    few = table[(table["role"] != "real") | (table["video"].str[-2:] < "20")]
    write_csv(few, made.scores("tall", "all"), SCORE_COLUMNS)
    vouching.vouch(made)
    rows = run("tpr_curve", detectors=["tall"], protocols=["P1"])["rows"]
    reals = int(((few["role"] == "real") & (few["split"] == "test")).sum())
    assert rows["n_real"].unique().tolist() == [reals]
    assert not rows.loc[np.isclose(rows["fpr"], 0.01), "resolvable"].any()
    assert rows[rows["resolvable"].astype(bool)]["fpr"].min() == pytest.approx(1 / reals)


def test_a_detector_without_a_scored_clip_has_no_curve_and_all_such_are_refused(made):
    path = made.scores("lipfd", "all")
    table = read_csv(path, SCORE_COLUMNS)
    write_csv(table.assign(status=table["status"].where(table["label"] == 0, "no_audio")), path, SCORE_COLUMNS)
    vouching.vouch(made)
    assert set(run("tpr_curve", detectors=["tall", "lipfd"], protocols=["P1"])["rows"]["detector"]) == {"TALL"}
    with pytest.raises(DataError, match="none of lipfd has a score under P1"):
        run("tpr_curve", detectors=["lipfd"], protocols=["P1"])


# ---- parameters ---------------------------------------------------------------------------------------


def test_palettes_differ_and_controls_stay_grey(results):
    labels = [e.label for e in results.entrants]
    shades = {}
    for name in PALETTES:
        report.theme(name)
        shades[name] = {label: to_hex(colour) for label, colour in report.colours(labels).items()}
    assert len({own["TALL"] for own in shades.values()}) == len(PALETTES)
    controls = [e.label for e in results.entrants if e.control]
    assert {own[c] for own in shades.values() for c in controls} <= set(GREYS)
    assert shades["okabe-ito"]["TALL"] == PALETTES["okabe-ito"][1].lower()


@pytest.mark.parametrize("kind", NOTEBOOKS)
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
            run(NOTEBOOKS[kind], **given)


@pytest.mark.parametrize("kind", ["2a", "2b", "3"])
def test_another_palette_changes_the_figure_alone(results, kind):
    one, two = (run(NOTEBOOKS[kind], palette=name, protocols=["P1"]) for name in ("okabe-ito", "muted"))
    pd.testing.assert_frame_equal(one["rows"], two["rows"])
    inks = [{to_hex(line.get_color()) for ax in ran["figure"].axes for line in ax.lines} for ran in (one, two)]
    known = {name: {colour.lower() for colour in PALETTES[name]} for name in PALETTES}
    assert inks[0] & known["okabe-ito"]
    assert inks[1] & known["muted"]
    assert not inks[1] & (known["okabe-ito"] - {"#000000"})


@pytest.mark.parametrize("kind", NOTEBOOKS)
def test_a_figure_has_named_axes_words_and_closed_html(results, kind):
    ran = run(NOTEBOOKS[kind])
    if kind != "3":
        assert all(ax.get_ylabel() or ax.get_yticklabels() for ax in ran["figure"].axes)
        assert ran["figure"].axes[-1].get_xlabel()
    assert len(ran.alt) > 60
    assert len(ran["rows"])
    assert "nan" not in re.sub(r"<[^>]+>", " ", ran.html).lower().split()
    for tag in ("table", "tbody", "tr", "ul", "li", "div"):
        assert ran.html.count(f"<{tag}>") + ran.html.count(f"<{tag} ") == ran.html.count(f"</{tag}>"), tag


def test_a_mean_of_means_has_one_definition(results):
    rows = run("protocol_means", metric="T1", protocols=["P1"])["rows"]
    own = rows[rows["detector"].isin([e.label for e in results.tested])]
    whole = rows[rows["detector"] == report.ALL].iloc[0]
    assert whole["resolvable"]
    assert own["resolvable"].all()
    assert whole["value"] == pytest.approx(own["value"].mean())


@pytest.mark.parametrize("changed", [False, True])
def test_a_figure_is_drawn_once_to_be_shown_and_saved_unless_it_changes(results, tmp_path, monkeypatch, changed):
    drawn, as_bytes = [], saving.as_bytes
    monkeypatch.setattr(saving, "as_bytes", lambda figure, kind: drawn.append(kind) or as_bytes(figure, kind))
    figure, (ax,) = report.panels([2])
    (line,) = ax.plot([1, 2])
    shown = report.picture(figure, "a line").data["image/svg+xml"]
    if changed:
        line.set_color("red")
    report.save(str(tmp_path / "fig"), pd.DataFrame({"a": [1]}), figure)
    assert drawn == ["svg", *(["svg"] if changed else []), "pdf", "png"]
    assert ((tmp_path / "fig.svg").read_text() == shown) != changed
    assert ("#ff0000" in (tmp_path / "fig.svg").read_text()) == changed
