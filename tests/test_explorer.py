"""The explorer: what a reader sees in a browser are the numbers of cells.csv, at any threshold, from a file alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import book_made
import numpy as np
import pages_made
import pytest
from test_browser import NARROW, OVERFLOW, Visit, browser, visit_of  # noqa: F401

from thb.book import book, explorer
from thb.core import metrics
from thb.core.metrics import AUC
from thb.core.paths import Paths
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.report.load import Results

PAGE = "# Explorer\n\n```{explorer}\n```\n"
UNHEARD = "magi1"  # LipFD has no sound of it


def _change(paths: Paths) -> None:
    """Scores with ties, a detector that could not score some clips, and one fit left out."""
    for file in sorted((paths.results / "scores").glob("*/*.csv")):
        table = read_csv(file, SCORE_COLUMNS)
        if file.parent.name == "caddm":
            table["score"] = table["score"].round(2)
        if file.parent.name == "lipfd":
            mute = (table["source"] == UNHEARD) | table["clip"].str.endswith("7")
            table.loc[mute, "score"], table.loc[mute, "status"] = np.nan, "no_audio"
        if (file.parent.name, file.stem) == ("tall", "no-hallo"):
            table = table.head(0)
        write_csv(table, file, SCORE_COLUMNS)


@pytest.fixture(scope="module")
def found(repo, tmp_path_factory) -> Results:
    """A clone whose cells were computed from its scores."""
    return pages_made.clone(repo, tmp_path_factory.mktemp("explorer"), draws=20, change=_change)


@pytest.fixture(scope="module")
def page(found: Results) -> Paths:
    """Its book of one page."""
    paths = found.paths
    (paths.book / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (paths.book / "index.md").write_text(PAGE)
    with book_made.standing_in(paths):
        book.build(paths, paths.root / "out" / "html")
    return paths


@pytest.fixture
def visit(browser, page: Paths) -> Iterator[Visit]:  # noqa: F811
    yield from visit_of(browser, (page.root / "out" / "html").as_uri())


def open_at(visit: Visit, **choice: object) -> None:
    """The page as its address asks for it."""
    visit.page.goto("about:blank")
    visit.page.goto(f"{visit.home}/index.html#" + "&".join(f"{key}={value}" for key, value in choice.items()))


def shown(visit: Visit, row: int = 0) -> list[float]:
    """What one line of the table of numbers says; nan where it shows no number."""
    cells = "row => [...row.cells].slice(1).map(cell => cell.dataset.value ?? 'nan')"
    return [float(one) for one in visit.page.locator("#thb-explorer tbody tr").nth(row).evaluate(cells)]


def sides(results: Results, detector: str, fit: str, generator: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a test on test clips, chosen here by other code than the page's."""
    table = results.scores(detector, fit).query("status == 'ok' and split == 'test'")
    own = table[(table["role"] == "real") | (table["source"] == generator)]
    return own["label"].to_numpy(), own["score"].to_numpy(float)


# ---- what a reader sees -------------------------------------------------------------------------------


TESTS = [
    ("P1", "caddm", "hallo", "all"),
    ("P3", "df_adapter", "emoportraits", "no-emoportraits"),
    ("unseen_P1", "caddm", "hallo3", "all"),
    ("P1", "lipfd", "hallo2", "all"),
]


@pytest.mark.parametrize(("protocol", "detector", "generator", "fit"), TESTS)
def test_the_page_computes_the_numbers_of_cells_csv(visit, found, protocol, detector, generator, fit):
    cells = found.cells.query("protocol == @protocol and detector == @detector and generator == @generator")
    cells = cells.set_index("metric")
    labels, scores = sides(found, detector, fit, generator)
    for rate in (*found.params.metrics.fpr.values(), 0.1):
        open_at(visit, detector=detector, protocol=protocol, generator=generator, rate=rate)
        auc, *rates, threshold, accused, caught = shown(visit)
        assert auc == pytest.approx(cells.at[AUC, "value"], abs=1e-9)
        for (name, _), value in zip(found.params.metrics.fpr.items(), rates, strict=True):
            if cells.at[name, "resolvable"]:
                assert value == pytest.approx(cells.at[name, "value"], abs=1e-9), name
            else:
                assert np.isnan(value), f"{name} is shown and cannot be resolved"
        at = metrics.tpr_at_fpr(labels, scores, rate)
        assert threshold == pytest.approx(at.threshold, abs=1e-4)
        assert accused == (scores[labels == 0] >= at.threshold).sum() <= at.allowed
        assert caught / (labels == 1).sum() == pytest.approx(at.value, abs=1e-9)
        listed = {
            name: int(visit.page.locator(f"[data-list={name}] li").count()) for name in ("accused", "caught", "missed")
        }
        assert listed == {"accused": accused, "caught": caught, "missed": (labels == 1).sum() - caught}


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.93])
def test_a_threshold_of_ones_own_counts_the_clips_that_reach_it(visit, found, threshold):
    open_at(visit, detector="caddm", protocol="P1", generator="hallo", second="df_adapter", threshold=threshold)
    labels, scores = sides(found, "caddm", "all", "hallo")
    accused = (scores[labels == 0] >= threshold).sum()
    assert shown(visit)[-3:] == [threshold, accused, (scores[labels == 1] >= threshold).sum()]
    labels, scores = sides(found, "df_adapter", "all", "hallo")
    at = metrics.tpr_at_fpr(labels, scores, accused / (labels == 0).sum())
    assert shown(visit, 1)[-1] == at.value * (labels == 1).sum()


def test_two_detectors_are_compared_on_the_clips_that_both_scored(visit, found):
    open_at(visit, detector="caddm", protocol="P1", generator="hallo", second="lipfd", rate=0.01)
    caught = []
    for detector in ("caddm", "lipfd"):
        labels, scores = sides(found, detector, "all", "hallo")
        table = found.scores(detector, "all").query("status == 'ok' and split == 'test' and source == 'hallo'")
        caught.append(table.set_index("clip")["score"] >= metrics.tpr_at_fpr(labels, scores, 0.01).threshold)
    first, second = caught[0].reindex(caught[1].index), caught[1]
    counts = [(first & second).sum(), (first & ~second).sum(), (~first & second).sum(), (~first & ~second).sum()]
    words = visit.page.locator("[data-part=more]").inner_text()
    assert [int(n) for n in re.findall(r"\d+", words.split("Of ")[-1])] == [len(second), *counts]


def test_the_first_view_is_the_hardest_shift_and_what_the_best_detector_misses_most(visit, found):
    visit.open("index")
    chosen = {
        name: visit.page.locator(f"[data-part={name}]").input_value() for name in ("detector", "protocol", "generator")
    }
    assert chosen["protocol"] == "P3"
    cells = found.cells.query("protocol == 'P3' and metric == 'T1' and n_fake > 0")
    cells = cells[~cells["detector"].isin(["container", "image_stats"])]
    means = cells.groupby("detector")["value"].mean()
    assert means[chosen["detector"]] == pytest.approx(means.max())
    own = cells[cells["detector"] == chosen["detector"]].set_index("generator")
    assert own.at[chosen["generator"], "value"] == own["value"].min()
    n_real, n_fake = own.loc[chosen["generator"], ["n_real", "n_fake"]]
    words = visit.page.locator("[data-part=said]").inner_text()
    assert re.search(rf" accuses \d+ of {n_real} real clips .* and catches \d+ of {n_fake} fakes ", words)


def test_a_choice_by_key_moves_the_address_and_the_address_leads_back(visit):
    visit.open("index")
    slider = visit.page.locator("[data-part=rate]")
    before = shown(visit)
    slider.focus()
    for _ in range(40):
        visit.page.keyboard.press("ArrowRight")
    moved, address = shown(visit), visit.page.url
    assert moved[-2] > before[-2]
    assert moved[-3] < before[-3]
    visit.page.locator("[data-part=reset]").click()
    assert shown(visit) == pytest.approx(before, nan_ok=True)
    visit.page.goto("about:blank")
    visit.page.goto(address)
    assert shown(visit) == pytest.approx(moved, nan_ok=True)


def test_a_drag_over_a_plot_sets_the_threshold(visit):
    visit.open("index")
    counts = []
    for plot in ("scores", "roc"):
        box = visit.page.locator(f"svg[data-part={plot}]").bounding_box()
        for share in (0.3, 0.9):
            visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
            visit.page.mouse.down()
            visit.page.mouse.move(box["x"] + share * box["width"], box["y"] + 60)
            visit.page.mouse.up()
            counts.append(shown(visit)[-2])
    assert counts[0] > counts[1], "a higher score accuses fewer"
    assert counts[2] < counts[3], "a higher rate accuses more"


WITH_FRAMES = """frames => {
    const parse = JSON.parse;
    JSON.parse = text => { const found = parse(text); return found?.groups ? { ...found, frames } : found; };
}"""


def test_beside_a_name_stands_the_frame_of_that_clip(visit, found):
    """Of a picture that is put into the data here: the clone has no clips."""
    groups = explorer.data(found)["groups"]
    starts = {group: 1000 * i for i, group in enumerate(groups)}
    frames = {"picture": "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "side": 64, "columns": 7}
    visit.page.add_init_script(f"({WITH_FRAMES})({json.dumps({**frames, 'starts': starts})})")
    open_at(visit, detector="caddm", protocol="P3", generator="hallo", rate=0.02)
    for name, group in {"accused": "real test", "caught": "hallo test", "missed": "hallo test"}.items():
        lines = visit.page.locator(f"[data-list={name}] li")
        shown = lines.evaluate_all("""all => all.map(li => {
            const style = getComputedStyle(li.querySelector(".frame"));
            return [li.innerText, style.backgroundPosition, style.backgroundImage]; })""")
        assert shown, name
        for words, place, picture in shown:
            (clip,) = (one for one in groups[group] if words.split()[1] == one)
            row, column = divmod(starts[group] + groups[group].index(clip), frames["columns"])
            assert place == f"{-64 * column}px {-64 * row}px"
            assert picture == f'url("{frames["picture"]}")'


@pytest.mark.parametrize(
    "odd",
    [
        "detector=nobody&rate=2",
        "detector=lipfd&protocol=unseen_P1&generator=magi1",
        "detector=tall&protocol=P3&generator=hallo",
    ],
)
def test_an_address_that_asks_for_what_is_not_there_shows_something_that_is(visit, odd):
    visit.page.goto(f"{visit.home}/index.html#{odd}")
    assert not np.isnan(shown(visit)[0])
    assert not {f"detector={d}&generator={g}" for d, g in (("lipfd", "magi1"), ("tall", "hallo"))} & {
        "&".join(f"{n}={visit.page.locator(f'[data-part={n}]').input_value()}" for n in ("detector", "generator"))
    }


def test_it_fits_a_phone_in_the_dark(visit):
    visit.page.emulate_media(color_scheme="dark")
    visit.page.set_viewport_size(NARROW)
    visit.open("index")
    assert visit.page.evaluate(OVERFLOW) <= 0
    ink = "text => getComputedStyle(text).fill"
    assert visit.page.locator("#thb-explorer svg text.fake").evaluate(ink) == "rgb(255, 157, 87)"


# ---- what is in the page ------------------------------------------------------------------------------


def test_the_page_holds_what_another_process_would_write_and_is_small(page, found):
    """Whatever the order in which sets happen to lie there."""
    show = "from thb.book import explorer; from thb.report import open_results; print(explorer.render(open_results()))"
    about = {**os.environ, "THB_ROOT": str(page.root), "PYTHONHASHSEED": "7"}
    other = subprocess.run([sys.executable, "-c", show], env=about, capture_output=True, text=True, check=True).stdout
    assert other.strip() == explorer.render(found).strip()
    file = page.root / "out" / "html" / "index.html"
    assert other.strip() in file.read_text()
    assert file.stat().st_size < 1.5e6


def test_scores_in_the_page_are_as_many_as_in_the_files(found):
    held = explorer.data(found)["scores"]["caddm"]["all"]
    table = found.scores("caddm", "all").query("status == 'ok' and use == 'test'")
    for group, values in held.items():
        source = group.split()[0]
        own = table[table["role"] == "real"] if source == "real" else table[table["source"] == source]
        assert sorted(values) == pytest.approx(sorted(own["score"]), abs=1e-4)


def test_rounding_makes_no_tie():
    close = np.array([0.9123456, 0.9123457, 0.5])
    assert len(set(close.round(explorer._places(close)))) == 3
    assert explorer._places(np.array([0.1, 0.2])) == 4


def test_a_name_cannot_end_the_data(found):
    spoilt = {**explorer.data(found), "generators": {"hallo": "</script><b>x"}}
    html = explorer._TEMPLATE.render(data=spoilt, corpus="")
    assert html.count("</script>") == 1
    (inside,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.S)
    assert json.loads(inside)["generators"]["hallo"] == "</script><b>x"
