"""What cells of a table and panels of a figure show: differences, whole numbers, verdicts, and nothing at all."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from thb import report
from thb.core.decimals import NONE

pytestmark = pytest.mark.usefixtures("results")
NAN = math.nan


def shown(frame: pd.DataFrame) -> str:
    return report.show(report.table(frame)).data["text/html"]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.035, 0.012, 0.06), "<b>+0.035</b><small>0.012 to 0.060</small>"),
        ((-0.035, -0.06, -0.012), "<b>−0.035</b><small>−0.060 to −0.012</small>"),
        ((0.035, -0.012, 0.06), "+0.035<small>−0.012 to 0.060</small>"),
        ((-0.0001, 0.0, 0.0), "0.000<small>0.000 to 0.000</small>"),
        ((-2.0, NAN, NAN), "−2.000"),
        ((NAN, NAN, NAN), NONE),
    ],
)
def test_a_difference_is_bold_where_its_interval_leaves_out_zero(numbers, words):
    assert report.difference(*numbers).shown == words


def test_a_whole_number_is_shown_to_its_last_figure():
    assert [report.plain(n).shown for n in (86920506, 86920506.0, 0.123456789)] == ["86,920,506"] * 2 + ["0.123457"]
    assert report.fixed(0.76, 3).shown == "0.760"
    assert report.fixed(NAN).shown == NONE


def test_a_verdict_has_its_colour_and_what_stands_below_it_is_words():
    html = shown(pd.DataFrame({"x": [report.verdict("broken", False, "1: <b>"), report.verdict("holds")]}))
    assert '<td class="text told fails">broken<small>1: &lt;b&gt;</small></td>' in html
    assert '<td class="which holds">holds</td>' in html


def test_nothing_to_show_is_no_error():
    assert "<table" in shown(pd.DataFrame({"a": [], "b": []}))
    _, (ax,) = report.panels([1.0])
    report.dots(ax, pd.DataFrame({"generator": [], "detector": [], "value": [], "lo": [], "hi": []}), "generator")
    assert [text.get_text() for text in ax.texts] == ["nothing to draw"]
