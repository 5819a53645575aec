"""Figure 1 shows the counts of the corpus at hand, and frames of rendered clips only."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import vouching
from matplotlib.backends.backend_agg import FigureCanvasAgg

from notebooks import run, seen
from thb.core import origin
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.tables import CURATION_COLUMNS, write_csv
from thb.report import NOT_SHOWN
from thb.report.figure import look

MADE, REMOVED, CURATED, SPLIT = "made by generators", "removed, per cent", "curated", "split"
FAKES, REALS, TRAIN, TEST = "All fakes", "All reals", "training", "testing"


def writings(figure) -> list:
    """Every piece of writing in the boxes."""
    return [text for ax in figure.get_figure(root=True).axes for text in ax.texts if text.get_text()]


def words(ran) -> list[str]:
    return [line for text in writings(ran["figure"]) for line in text.get_text().splitlines()]


def pictures(ran) -> int:
    boxes = ran["figure"].get_figure(root=True).axes
    return sum(len(inside.images) for ax in boxes for inside in ax.child_axes)


def empty_contact(paths) -> None:
    made_by = json.dumps(asdict(origin.of_contact(paths, load(paths.params))))
    np.savez_compressed(
        paths.contact, frames=np.zeros((0, 3, 2, 16, 16, 3), np.uint8), sources=[], clips=[], made_by=made_by
    )


def test_counts_add_up_from_made_to_split(results):
    rows = seen("pipeline")["rows"].set_index(["step", "what"])
    corpus = pd.read_csv(results.paths.corpus)
    fakes = corpus[corpus["role"].isin(["generator", "unseen"])]
    assert rows.loc[(CURATED, FAKES), "here"] == fakes["clips"].sum()
    assert rows.loc[(CURATED, REALS), "here"] == corpus.loc[corpus["role"] == "real", "clips"].sum()
    for whole in (FAKES, REALS):
        parts = sum(rows.loc[(SPLIT, f"{whole}, {part}"), "here"] for part in (TRAIN, TEST))
        assert parts == rows.loc[(CURATED, whole), "here"]
    labels = [results.label(s) for s in results.params.of_role("generator", "unseen")]
    assert rows.loc[[(MADE, g) for g in labels], "here"].sum() == rows.loc[(MADE, FAKES), "here"]
    assert rows.loc[(REMOVED, FAKES), "here"] == 50


def test_printed_counts_are_the_published_ones(results):
    rows = seen("pipeline")["rows"].set_index(["step", "what"])["printed"]
    table4 = pd.read_csv(results.paths.published / "table4_stats.csv").set_index("generator")
    assert rows[(CURATED, FAKES)] == table4.loc["TOTAL", "total"]
    assert rows[(SPLIT, f"{FAKES}, {TEST}")] == table4.loc["TOTAL", "test"]
    assert rows[(CURATED, "Hallo2")] == table4.loc["Hallo2", "total"]
    assert np.isnan(rows[(CURATED, "Hallo3")])


def test_the_drawing_says_what_the_rows_say(made):
    ran = run("pipeline")
    kept = ran["rows"].set_index(["step", "what"]).loc[(CURATED, REALS)]
    assert f"here {kept['here']:,.0f}" in words(ran)
    assert f"printed {kept['printed']:,.0f}" in words(ran)
    made.corpus.write_text(made.corpus.read_text().replace("ffpp,real,train,6", "ffpp,real,train,106"))
    vouching.vouch(made)
    assert f"here {kept['here'] + 100:,.0f}" in words(run("pipeline"))


def test_a_frame_of_every_generator_and_real_source_is_shown(results):
    assert pictures(seen("pipeline")) == len(results.params.of_role("generator", "unseen", "real"))


def extents(figure) -> dict[str, object]:
    """Each piece of writing and where it lies, in pixels."""
    whole = figure.get_figure(root=True)
    renderer = FigureCanvasAgg(whole).get_renderer()
    with look():
        whole.draw(renderer)
        return {f"{i} {t.get_text()}": t.get_window_extent(renderer) for i, t in enumerate(writings(figure))}


def overlaps(figure) -> list[tuple[str, str]]:
    found = extents(figure)
    return [(a, b) for a, b in combinations(found, 2) if found[a].overlaps(found[b])]


def test_words_are_large_enough_and_inside_the_figure(results):
    figure = seen("pipeline")["figure"]
    assert min(text.get_fontsize() for text in writings(figure)) >= 7.5
    whole = figure.get_figure(root=True).bbox
    assert not [words for words, box in extents(figure).items() if box.x0 < whole.x0 or box.x1 > whole.x1]


def test_words_do_not_overlap(made):
    figure = run("pipeline")["figure"]
    assert not overlaps(figure)
    for text in writings(figure):  # and the check would see it
        text.set_fontsize(2 * text.get_fontsize())
    assert overlaps(figure)


def test_a_real_corpus_has_boxes_and_no_frame(made):
    empty_contact(made)
    ran = run("pipeline")
    assert pictures(ran) == 0
    assert NOT_SHOWN in ran.html
    assert {"Hallo", "Curation", "Splits"} <= set(words(ran))
    assert ran["figure"].get_figure(root=True).get_figheight() < 8


def test_frames_of_real_clips_are_refused(made):
    made.params.write_text(made.params.read_text().replace("profile: mini", "profile: paper", 1))
    vouching.vouch(made)
    with pytest.raises(DataError, match="holds frames of real clips"):
        run("pipeline")


def test_what_nobody_counted_is_a_dash(made):
    write_csv(pd.DataFrame(columns=CURATION_COLUMNS), made.curation, CURATION_COLUMNS)
    vouching.vouch(made)
    ran = run("pipeline")
    rows = ran["rows"].set_index(["step", "what"])
    assert np.isnan(rows.loc[(MADE, FAKES), "here"])
    assert "not known of this corpus" in ran.html
    assert any(word.startswith("removed: here —") for word in words(ran))
    assert "kept 12" in words(ran)


def test_the_protocols_are_those_of_params(results):
    ran = seen("pipeline")
    assert list(ran["protocols"]) == ["P1", "P2", "P3"]
    assert set(ran["protocols"]) <= set(words(ran))


def test_an_unknown_palette_is_one_line(made):
    with pytest.raises(ParamsError, match=r"^unknown palette 'neon'; known: okabe-ito"):
        run("pipeline", palette="neon")
