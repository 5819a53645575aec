"""A Grad-CAM panel shows what the rule chose, each clip on a scale of its own, and says what was not caught."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import vouching
from matplotlib.backends.backend_agg import FigureCanvasAgg

import notebooks
from thb.book.provenance import arguments
from thb.core.errors import DataError, ParamsError
from thb.core.tables import CAM_COLUMNS, PANEL_COLUMNS, read_csv, write_csv
from thb.report import cams, heat_page
from thb.report.figure import WIDTH
from thb.report.load import open_results

NETWORK = "tall"


def edit(paths, change, detector=NETWORK) -> None:
    """Change the clips shown, as a table."""
    path = paths.cams(detector) / "panels.csv"
    rows = read_csv(path, PANEL_COLUMNS)
    write_csv(change(rows), path, PANEL_COLUMNS)
    vouching.vouch(paths)


def set_maps(paths, value, detector=NETWORK) -> None:
    path = paths.cams(detector) / "panels.npz"
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **{**arrays, "maps": np.full_like(arrays["maps"], value)})
    vouching.vouch(paths)


def panel(detector=NETWORK, protocols=("P1",), **given) -> pd.DataFrame:
    return notebooks.rows("gradcam_panel", detector=detector, protocols=list(protocols), **given)


def page(detector=NETWORK, protocols=("P1",), **given) -> notebooks.Ran:
    return notebooks.run("gradcam_panel", detector=detector, protocols=list(protocols), **given)


def texts(figure) -> list[str]:
    return [text.get_text() for text in (*figure.texts, *(text for ax in figure.axes for text in ax.texts))]


# ---- which clips ------------------------------------------------------------------------------------------


def test_one_clip_per_generator_and_protocol_in_the_order_of_params(made):
    rows = panel(protocols=["P1", "P3"])
    generators = list(open_results().params.generators)
    assert rows["generator"].tolist() == [g for g in generators for _ in range(2)]
    assert rows["protocol"].tolist() == ["P1", "P3"] * len(generators)
    assert set(rows["rule"]) == {"caught_fake"}


def test_the_clips_are_those_that_explain_chose(made):
    (row,) = panel(protocols=["P3"], generators=["emoportraits"], rules=["missed_fake"]).to_dict("records")
    scores = read_csv(made.scores(NETWORK, "no-emoportraits"), ["clip", "source", "split", "score"])
    own = scores[(scores["source"] == "emoportraits") & (scores["split"] == "test")]
    assert row["clip"] == own.loc[own["score"].idxmin(), "clip"]


def test_another_detectors_choice_is_another_set_of_clips(made):
    own, theirs = (panel("df_adapter", chosen_by=by) for by in ("", "tall"))
    assert own["clip"].tolist() != theirs["clip"].tolist()


def test_whose_highest_score_it_was_is_said(made):
    theirs, own = (page("df_adapter", generators=["hallo"], chosen_by=by) for by in ("tall", ""))
    assert "fake of TALL's highest score" in theirs.title
    assert "fake of TALL's highest score" in texts(theirs["figure"])
    assert "TALL" not in own.title + own.html + "".join(texts(own["figure"]))


def test_reals_are_shown_in_p1_too_where_they_belong_to_no_generator(made):
    rows = panel(generators=["hallo"], rules=["accused_real"])
    assert len(rows) == 1
    assert open_results().params.sources[rows["source"].iloc[0]].role == "real"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"detector": "talll"}, "unknown explained detector 'talll'; known: caddm, tall, lipfd, df_adapter"),
        ({"chosen_by": "container"}, "unknown explained detector 'container'; known: caddm, tall"),
        ({"protocols": ["unseen_P3"]}, "unknown explained protocol 'unseen_P3'; known: P1, P2, P3"),
        ({"generators": ["magi"]}, "unknown generator 'magi'; known: hallo, hallo2"),
        ({"rules": ["best"]}, "unknown rule 'best'; known: caught_fake, missed_fake, accused_real, cleared_real"),
        ({"palette": "jet"}, "unknown palette 'jet'; known: inferno, viridis, cividis, magma"),
        ({"frames": 9}, "unknown number of frames '9'; known: 1, 2, 3, 4"),
    ],
)
def test_an_unknown_value_is_refused_in_one_line(made, given, words):
    with pytest.raises(ParamsError) as caught:
        notebooks.run("gradcam_panel", **{"detector": NETWORK, **given})
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


# ---- what is said of them -----------------------------------------------------------------------------------


def counts(ran: notebooks.Ran) -> list[str]:
    """Of P1: how many are called fake, and how many have a hot background."""
    return ran["answers"].loc["P1"].tolist()


def test_a_highest_score_below_the_threshold_is_not_called_fake(made):
    edit(made, lambda rows: rows.assign(threshold=0.9999, called=False))
    ran = page()
    assert set(ran["rows"]["verdict"]) == {"not called fake at T1"}
    assert counts(ran)[0] == "0 of 6 clips"
    assert all(": not called fake" in lines[2] for lines in ran["captions"])


def test_where_all_are_called_fake_they_are_counted(made):
    edit(made, lambda rows: rows.assign(threshold=0.0, called=True))
    assert counts(page())[0] == "6 of 6 clips"


def test_too_few_reals_give_no_threshold_and_no_verdict(made):
    edit(made, lambda rows: rows.assign(threshold=np.nan, called=""))
    ran = page()
    assert set(ran["rows"]["verdict"]) == {"no T1 threshold: too few reals"}
    assert counts(ran)[0] == "0 of 0 clips"
    assert "too few reals" in ran.html
    assert all(lines[2].endswith(": too few reals") for lines in ran["captions"])


@pytest.mark.parametrize(("mass", "count"), [(0.9, "6 of 6"), (0.0, "0 of 6"), (np.nan, "0 of 0")])
def test_heat_on_the_background_is_set_against_its_area(made, mass, count):
    path = made.cams(NETWORK) / "clips.csv"
    write_csv(read_csv(path, CAM_COLUMNS).assign(mass_background=mass, area_background=0.4), path, CAM_COLUMNS)
    vouching.vouch(made)
    ran = page()
    assert counts(ran)[1] == f"{count} clips"
    assert ("<br><small>of 0.40</small>" in ran.html) is not np.isnan(mass)


def test_a_detector_without_maps_is_said_to_have_none(made):
    for file in made.cams("caddm").iterdir():
        file.unlink()
    ran = page("caddm")
    assert ran["rows"].empty
    assert "CADDM has not been explained on these clips" in ran.html


def test_arrays_that_do_not_belong_to_the_table_are_refused(made):
    edit(made, lambda rows: rows.iloc[:-1])
    with pytest.raises(DataError, match=r"tall: panels.csv has \d+ rows, panels.npz \d+ pictures"):
        panel()


# ---- the figure ---------------------------------------------------------------------------------------------


def clip(heat: float) -> dict[str, np.ndarray]:
    """Two frames, of which the first has heat in its corner."""
    maps = np.zeros((2, 4, 4))
    maps[0, 0, 0] = heat
    return {"pictures": np.full((2, 8, 8, 3), 128, np.uint8), "maps": maps}


def drawn(clip: dict[str, np.ndarray]) -> np.ndarray:
    return heat_page._raster("inferno", 264, **clip).astype(int)


def test_every_clip_has_a_scale_of_its_own():
    assert np.array_equal(drawn(clip(0.1)), drawn(clip(1.0)))
    assert not np.array_equal(drawn(clip(0.1)), drawn(clip(0.0)))


def test_heat_lies_where_the_map_is_hot_and_nowhere_else():
    below = drawn(clip(1.0))[-125:]
    assert np.ptp(below[:, 140:, 0]) == 0  # the second frame's map is nought
    assert below[2, 2].sum() > below[-2, 2].sum() + 100


def test_the_peak_of_every_clip_is_printed(made):
    set_maps(made, 0.25)
    ran = page()
    assert all(lines[-1].endswith("peak 0.25") for lines in ran["captions"])
    assert set(ran["rows"]["peak"]) == {1.0}
    set_maps(made, 0)
    ran = page()
    assert all(lines[-1].endswith("peak 0") for lines in ran["captions"])
    assert set(ran["rows"]["peak"]) == {0.0}


@pytest.mark.parametrize(("detector", "by"), [("df_adapter", "tall"), ("tall", "")])
def test_no_caption_runs_into_the_next_column(made, detector, by):
    figure = page(detector, ["P1", "P2", "P3"], chosen_by=by, rules=["caught_fake", "missed_fake"])["figure"]
    renderer = FigureCanvasAgg(figure.get_figure(root=True)).get_renderer()
    column = figure.bbox.width / 3
    captions = [text for text in figure.texts if not text.get_text().startswith("heat")]
    assert captions
    for text in captions:
        assert text.get_window_extent(renderer).width < column - 5, text.get_text()


def test_several_protocols_stand_side_by_side_and_a_clip_that_is_not_there_is_said(made):
    panel = cams.chosen(NETWORK, ["P1", "P3"])
    short = replace(panel, rows=panel.rows[:-1], arrays={k: v[:-1] for k, v in panel.arrays.items()})
    whole, cut = (heat_page.faces(one, [["a"]] * len(one.rows)) for one in (panel, short))
    assert {"P1", "P3", open_results().protocol("P3").title} <= set(texts(whole))
    assert texts(cut).count("no such clip here") == 1
    assert "no such clip here" not in texts(whole)


def test_a_spectrogram_has_low_frequencies_at_the_bottom_and_all_of_the_greys():
    sound = np.full((100, 250, 3), 100, np.uint8)
    sound[:20] = 110  # low frequencies, which are stored above, a little louder
    heard = heat_page._heard(sound, 250)
    assert heard[-3:].min() == 255
    assert heard[:3].max() == 0


def test_sound_is_drawn_with_its_own_peak_where_it_is_heard(made):
    heard, unheard = (page(d, generators=["hallo"])["figure"] for d in ("lipfd", "tall"))
    said = [[t for t in texts(figure) if "low at the bottom; peak" in t] for figure in (heard, unheard)]
    assert [len(lines) for lines in said] == [1, 0]


def test_boxes_are_drawn_with_their_probability_unless_they_are_empty_or_the_whole_frame(made):
    panel = cams.chosen("caddm", ["P1"], ["hallo"])
    boxes, sure = np.full((1, 2, 3, 4), np.nan), np.full((1, 2, 3), np.nan)
    boxes[0, 0, 0], sure[0, 0, 0] = (0.1, 0.2, 0.5, 0.6), 0.875
    boxes[0, 1, 0], sure[0, 1, 0] = (-0.1, 0.0, 1.0, 1.1), 0.75
    told = replace(panel, arrays={**panel.arrays, "boxes": boxes, "box_sure": sure})
    figure = heat_page.faces(told, [["a"]])
    assert len([patch for ax in figure.axes for patch in ax.patches]) == 1
    assert "0.88" in texts(figure)
    assert not {"0.75", "nan"} & set(texts(figure))


def test_how_many_boxes_are_drawn_is_said_of_a_detector_that_has_them(made):
    said = {d: page(d, generators=["hallo"]).html for d in ("caddm", "tall")}
    assert [d for d in said if "boxes of its own" in said[d]] == ["caddm"]


@pytest.mark.parametrize("name", ["fig4", "fig5", "fig6", "figE7", "figE8", "cam_caddm", "cam_lipfd"])
def test_every_panel_of_params_is_as_wide_as_a_page_and_not_too_heavy(made, name):
    ran = notebooks.run("gradcam_panel", **arguments(open_results().params, name))
    assert len(ran["rows"]) >= 1
    assert ran["figure"].get_figure(root=True).get_size_inches()[0] == WIDTH
    assert len(ran.shown["figure"].data["image/svg+xml"]) < 2.5e6  # the made-up frames are noise: nothing shrinks it


@pytest.mark.parametrize(("heat", "said"), [(0.25, "0.25"), (0.0, "nothing raises it")])
def test_a_strip_of_frames_has_one_scale_and_says_its_end(heat, said):
    shown = clip(heat)
    figure = heat_page.strip(
        shown["pictures"] / 255, shown["maps"], np.array([0.0, 1.5]), "a/" * 99 + "b.mp4", "tall: 0.9"
    )
    assert said in [label.get_text() for ax in figure.axes for label in ax.get_xticklabels()]
    assert {"0.00 s", "1.50 s", "tall: 0.9"} <= set(texts(figure))
    assert any(text.startswith("…") and text.endswith("/b.mp4") for text in texts(figure))


def test_the_palette_can_be_changed():
    one, other = (heat_page._raster(palette, 264, **clip(1.0)) for palette in ("inferno", "cividis"))
    assert not np.array_equal(one, other)


def test_the_notebook_names_the_palettes_and_rules_that_are_known(repo):
    cells = json.loads((repo / "notebooks" / "gradcam_panel.ipynb").read_text())["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    assert all(word in text for word in (*cams.RULES, *heat_page.HEAT_PALETTES))
