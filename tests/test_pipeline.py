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

from thb.core import origin
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.tables import CURATION_COLUMNS, write_csv
from thb.report import contact_sheet, pipeline, pipeline_boxes, style
from thb.report.load import open_results
from thb.report.pipeline_boxes import CURATED, FAKES, MADE, REALS, REMOVED, SPLIT, TEST, TRAIN


def words(exhibit) -> list[str]:
    (ax,) = exhibit.drawing.axes
    return [text.get_text() for text in ax.texts]


def pictures(exhibit) -> int:
    (ax,) = exhibit.drawing.axes
    return len(ax.images)


def empty_contact(paths) -> None:
    made_by = json.dumps(asdict(origin.of_contact(paths, load(paths.params))))
    np.savez_compressed(
        paths.contact, frames=np.zeros((0, 3, 2, 16, 16, 3), np.uint8), sources=[], clips=[], made_by=made_by
    )


def test_counts_add_up_from_made_to_split(made):
    rows = pipeline.build().rows.set_index(["step", "what"])
    results, corpus = open_results(), pd.read_csv(made.corpus)
    fakes = corpus[corpus["role"].isin(["generator", "unseen"])]
    assert rows.loc[(CURATED, FAKES), "here"] == fakes["clips"].sum()
    assert rows.loc[(CURATED, REALS), "here"] == corpus.loc[corpus["role"] == "real", "clips"].sum()
    for whole in (FAKES, REALS):
        parts = sum(rows.loc[(SPLIT, f"{whole}, {part}"), "here"] for part in (TRAIN, TEST))
        assert parts == rows.loc[(CURATED, whole), "here"]
    labels = [results.label(s) for s in results.params.of_role("generator", "unseen")]
    assert rows.loc[[(MADE, g) for g in labels], "here"].sum() == rows.loc[(MADE, FAKES), "here"]
    assert rows.loc[(REMOVED, FAKES), "here"] == 50


def test_printed_counts_are_the_published_ones(made):
    rows = pipeline.build().rows.set_index(["step", "what"])["printed"]
    table4 = pd.read_csv(made.published / "table4_stats.csv").set_index("generator")
    assert rows[(CURATED, FAKES)] == table4.loc["TOTAL", "total"]
    assert rows[(SPLIT, f"{FAKES}, {TEST}")] == table4.loc["TOTAL", "test"]
    assert rows[(CURATED, "Hallo2")] == table4.loc["Hallo2", "total"]
    assert np.isnan(rows[(CURATED, "Hallo3")])


def test_the_drawing_says_what_the_rows_say(made):
    exhibit = pipeline.build()
    kept = exhibit.rows.set_index(["step", "what"]).loc[(CURATED, REALS)]
    assert f"here {kept['here']:,.0f}" in words(exhibit)
    assert f"printed {kept['printed']:,.0f}" in words(exhibit)
    made.corpus.write_text(made.corpus.read_text().replace("ffpp,real,train,6", "ffpp,real,train,106"))
    vouching.vouch(made)
    assert f"here {kept['here'] + 100:,.0f}" in words(pipeline.build())


def test_a_frame_of_every_generator_and_real_source_is_shown(made):
    params = open_results().params
    assert pictures(pipeline.build()) == len(params.of_role("generator", "unseen", "real"))


def extents(figure) -> dict[str, object]:
    """Each piece of writing and where it lies, in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    with style.look():
        return {
            f"{i} {t.get_text()}": t.get_window_extent(renderer)
            for i, t in enumerate(figure.axes[0].texts)
            if t.get_text()
        }


def overlaps(figure) -> list[tuple[str, str]]:
    found = extents(figure)
    return [(a, b) for a, b in combinations(found, 2) if found[a].overlaps(found[b])]


def test_words_are_large_enough_and_inside_the_figure(made):
    figure = pipeline.build().drawing
    assert min(text.get_fontsize() for text in figure.axes[0].texts if text.get_text()) >= 7.5
    whole = figure.bbox
    assert not [words for words, box in extents(figure).items() if box.x0 < whole.x0 or box.x1 > whole.x1]


def test_words_do_not_overlap(made):
    figure = pipeline.build().drawing
    assert not overlaps(figure)
    for text in figure.axes[0].texts:  # and the check would see it
        text.set_fontsize(2 * text.get_fontsize())
    assert overlaps(figure)


def test_a_real_corpus_has_boxes_and_no_frame(made):
    empty_contact(made)
    exhibit = pipeline.build()
    assert pictures(exhibit) == 0
    assert contact_sheet.NOT_SHOWN in exhibit.html
    assert {"Generators", "Hallo", "Curation"} <= set(words(exhibit))
    assert exhibit.drawing.get_figheight() < 8


def test_frames_of_real_clips_are_refused(made):
    made.params.write_text(made.params.read_text().replace("profile: mini", "profile: paper", 1))
    vouching.vouch(made)
    with pytest.raises(DataError, match="holds frames of real clips"):
        pipeline.build()


def test_what_nobody_counted_is_a_dash(made):
    write_csv(pd.DataFrame(columns=CURATION_COLUMNS), made.curation, CURATION_COLUMNS)
    vouching.vouch(made)
    exhibit = pipeline.build()
    rows = exhibit.rows.set_index(["step", "what"])
    assert np.isnan(rows.loc[(MADE, FAKES), "here"])
    assert "not known of this corpus" in exhibit.html
    assert any(word.startswith("removed: here —") for word in words(exhibit))
    assert "kept 12" in words(exhibit)
    assert "were made" not in " ".join(pipeline.sentences(open_results()))


def test_the_protocols_are_those_of_params(made):
    heads = [name for name, _ in pipeline_boxes._protocols(open_results())]
    assert heads == ["P1", "P2", "P3"]
    assert set(heads) <= set(words(pipeline.build()))


def test_sentences_say_the_counts(made):
    (said,) = pipeline.sentences(open_results())
    total = int(pd.read_csv(made.curation)["made"].sum())
    assert f"Here {total:,} fakes were made" in said
    assert "the paper kept 2,984, 911 of them for testing" in said


def test_an_unknown_palette_is_one_line(made):
    with pytest.raises(ParamsError, match=r"^unknown palette 'neon'; known: okabe-ito"):
        pipeline.build("neon")
