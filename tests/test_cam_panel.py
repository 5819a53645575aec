"""A Grad-CAM panel shows what the rule chose, on one scale, and says what was not caught."""

from __future__ import annotations

import json

import numpy as np
import pytest
import vouching
from matplotlib.backends.backend_agg import FigureCanvasAgg

from thb.book.provenance import arguments
from thb.core.errors import DataError, ParamsError
from thb.core.tables import CAM_COLUMNS, PANEL_COLUMNS, read_csv, write_csv
from thb.report import cam_drawing, cam_panel, style
from thb.report.cam_drawing import Block
from thb.report.load import open_results

NETWORK = "tall"


@pytest.fixture
def made(few_draws):
    """A copy to spoil."""
    return few_draws


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


# ---- which clips ------------------------------------------------------------------------------------------


def test_one_clip_per_generator_and_protocol_in_the_order_of_params(made):
    rows = cam_panel.build(NETWORK, ["P1", "P3"]).rows
    generators = list(open_results().params.generators)
    assert rows["generator"].tolist() == [g for g in generators for _ in range(2)]
    assert rows["protocol"].tolist() == ["P1", "P3"] * len(generators)
    assert set(rows["rule"]) == {"caught_fake"}


def test_the_clips_are_those_that_explain_chose(made):
    (row,) = cam_panel.build(NETWORK, ["P3"], ["emoportraits"], ["missed_fake"]).rows.to_dict("records")
    scores = read_csv(made.scores(NETWORK, "no-emoportraits"), ["clip", "source", "split", "score"])
    own = scores[(scores["source"] == "emoportraits") & (scores["split"] == "test")]
    assert row["clip"] == own.loc[own["score"].idxmin(), "clip"]


def test_another_detectors_choice_is_another_set_of_clips(made):
    own, theirs = (cam_panel.build("df_adapter", ["P1"], chosen_by=by).rows for by in ("", "tall"))
    assert own["clip"].tolist() != theirs["clip"].tolist()


def test_whose_highest_score_it_was_is_said(made):
    theirs, own = (cam_panel.build("df_adapter", ["P1"], chosen_by=by) for by in ("tall", ""))
    assert "TALL's highest score" in theirs.title
    assert any(text.get_text().startswith("TALL's highest, here 0.") for text in theirs.drawing.texts)
    assert "TALL" not in own.title + own.html


def test_reals_are_shown_in_p1_too_where_they_belong_to_no_generator(made):
    rows = cam_panel.build(NETWORK, ["P1"], ["hallo"], ["accused_real"]).rows
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
        cam_panel.build(**{"detector": NETWORK, **given})
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


# ---- what is said of them -----------------------------------------------------------------------------------


def test_a_highest_score_below_the_threshold_is_not_called_fake(made):
    edit(made, lambda rows: rows.assign(threshold=0.9999, called=False))
    exhibit = cam_panel.build(NETWORK, ["P1"])
    assert set(exhibit.rows["verdict"]) == {"not called fake at T1"}
    assert "and are called fake: 0 of 6." in exhibit.html
    assert "still not be called fake" in exhibit.html
    assert "calls 0 of 6 fake in P1" in " ".join(cam_panel.sentences(open_results()))


def test_where_all_are_called_fake_no_excuse_is_made(made):
    edit(made, lambda rows: rows.assign(threshold=0.0, called=True))
    html = cam_panel.build(NETWORK, ["P1"]).html
    assert "and are called fake: 6 of 6." in html
    assert "still not" not in html


def test_too_few_reals_give_no_threshold_and_no_verdict(made):
    edit(made, lambda rows: rows.assign(threshold=np.nan, called=""))
    exhibit = cam_panel.build(NETWORK, ["P1"])
    assert set(exhibit.rows["verdict"]) == {"no T1 threshold: too few reals"}
    assert "too few test reals" in exhibit.html
    assert "reach the threshold" not in exhibit.html


@pytest.mark.parametrize(
    ("mass", "said", "count"),
    [
        (0.9, "P1, more heat on the background than its share", "in 6 of 6"),
        (0.0, "P1, no more heat on the background than its share", "in 0 of 6"),
        (np.nan, "P1, heat on the background not measured", "in 0 of 0"),
    ],
)
def test_heat_on_the_background_is_set_against_its_area(made, mass, said, count):
    path = made.cams(NETWORK) / "clips.csv"
    write_csv(read_csv(path, CAM_COLUMNS).assign(mass_background=mass, area_background=0.4), path, CAM_COLUMNS)
    vouching.vouch(made)
    exhibit = cam_panel.build(NETWORK, ["P1"])
    assert said in exhibit.alt
    own = [line for line in cam_panel.sentences(open_results()) if "TALL" in line]
    assert all(count in line for line in own)
    assert len(own) == 2


def test_a_detector_without_maps_is_said_to_have_none(made):
    for file in made.cams("caddm").iterdir():
        file.unlink()
    exhibit = cam_panel.build("caddm", ["P1"])
    assert exhibit.rows.empty
    assert "CADDM has not been explained on these clips" in exhibit.html
    assert "CADDM" not in " ".join(cam_panel.sentences(open_results()))


def test_arrays_that_do_not_belong_to_the_table_are_refused(made):
    edit(made, lambda rows: rows.iloc[:-1])
    with pytest.raises(DataError, match=r"tall: panels.csv has \d+ rows, panels.npz \d+ pictures"):
        cam_panel.build(NETWORK, ["P1"])


# ---- the figure ---------------------------------------------------------------------------------------------


def block(heat: float, **more) -> Block:
    maps = np.zeros((2, 4, 4))
    maps[0, 0, 0] = heat
    return Block(["a", "b"], np.full((2, 8, 8, 3), 128, np.uint8), maps, np.array([0.0, 1.0]), **more)


def test_one_scale_holds_for_all_clips():
    weak, strong = block(0.1), block(1.0)
    alone = cam_drawing.raster(weak, 1, 1, 0.1, "inferno")
    beside = cam_drawing.raster(weak, 1, 1, 1.0, "inferno")
    assert not np.array_equal(alone, beside)  # under a common scale the weak map is paler
    assert np.array_equal(alone, cam_drawing.raster(strong, 1, 1, 1.0, "inferno"))


def test_heat_lies_where_the_map_is_hot_and_nowhere_else():
    drawn = cam_drawing.raster(block(1.0), 1, 1, 1.0, "inferno").astype(int)
    height = drawn.shape[0] // 2
    below = drawn[-height + 5 :]
    half = below.shape[1] // 2
    assert np.ptp(below[:, half + 5 :, 0]) == 0  # the second frame's map is nought
    assert below[2, 2].sum() > below[-2, 2].sum() + 100


def test_the_bar_says_the_largest_value_of_the_panel(made):
    set_maps(made, 0.25)
    texts = [label.get_text() for ax in cam_panel.build(NETWORK, ["P1"]).drawing.axes for label in ax.get_xticklabels()]
    assert "0.25" in texts
    set_maps(made, 0)
    drawing = cam_panel.build(NETWORK, ["P1"]).drawing
    assert any(text.get_text().endswith(": none") for text in drawing.texts)


@pytest.mark.parametrize(("detector", "by"), [("df_adapter", "tall"), ("df_adapter", ""), ("tall", "")])
def test_no_caption_runs_into_the_next_column(made, detector, by):
    figure = cam_panel.build(detector, ["P1", "P2", "P3"], chosen_by=by, rules=["caught_fake", "missed_fake"]).drawing
    renderer = FigureCanvasAgg(figure).get_renderer()
    column = figure.bbox.width / 3
    captions = [text for text in figure.texts if not text.get_text().startswith("Heat")]
    assert captions
    for text in captions:
        assert text.get_window_extent(renderer).width < column - 10, text.get_text()


def test_boxes_and_sound_are_explained_where_they_are_drawn(made):
    said = {d: cam_panel.build(d, ["P1"]).html for d in ("caddm", "lipfd", "tall")}
    assert [d for d in said if "Boxes:" in said[d]] == ["caddm"]
    assert [d for d in said if "spectrogram" in said[d]] == ["lipfd"]


def test_sound_has_a_bar_and_a_unit_of_its_own(made):
    heard, unheard = (cam_panel.build(d, ["P1"]).drawing for d in ("lipfd", "tall"))
    said = [[t.get_text() for t in f.texts if t.get_text().startswith("Heat on")] for f in (heard, unheard)]
    assert [len(lines) for lines in said] == [2, 1]
    assert "in a unit of its own" in said[0][1]


def test_boxes_are_drawn_with_their_probability_and_empty_ones_are_not():
    boxes = np.full((2, 2, 4), np.nan)
    boxes[0, 0] = 0.1, 0.2, 0.5, 0.6
    sure = np.array([[0.875, np.nan], [np.nan, np.nan]])
    figure = cam_drawing.draw([[block(1.0, boxes=boxes, box_sure=sure)]], [], "inferno")
    patches = [patch for ax in figure.axes for patch in ax.patches]
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert len(patches) == 1
    assert "0.88" in texts
    assert not any("nan" in text for text in texts)


@pytest.mark.parametrize("name", ["fig4", "fig5", "fig6", "figE7", "figE8", "cam_caddm", "cam_lipfd"])
def test_every_panel_of_params_is_as_wide_as_a_page_and_not_too_heavy(made, name):
    params = open_results().params
    exhibit = cam_panel.build(**arguments(params, name))
    assert len(exhibit.rows) >= 1
    assert exhibit.drawing.get_size_inches()[0] == style.WIDTH
    assert len(exhibit.figure.data["image/svg+xml"]) < 2.5e6  # the made-up frames are noise, which nothing shrinks


def test_the_palette_can_be_changed(made):
    one, other = (
        cam_panel.build(NETWORK, ["P1"], palette=p).figure.data["image/svg+xml"] for p in ("inferno", "cividis")
    )
    assert one != other


def test_the_notebook_names_the_palettes_and_rules_that_are_known(repo):
    cells = json.loads((repo / "notebooks" / "gradcam_panel.ipynb").read_text())["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    assert all(word in text for word in (*cam_panel.RULES, *cam_panel.PALETTES))
