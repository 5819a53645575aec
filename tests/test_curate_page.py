"""The page of thb curate in a real browser, by its keys alone; killed in the middle, and gone on with."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clips_made import tone, write_video
from test_browser import NARROW, OVERFLOW, Visit, browser, visit_of  # noqa: F401

from thb.core.tables import read_rows
from thb.curate import curate
from thb.curate.ratings import COLUMNS, Sheet, reasons
from thb.curate.server import Server
from thb.rendered.heads.motion import draw_motion
from thb.rendered.heads.portraits import draw_portrait
from thb.rendered.heads.renderer import render

N = 4
SHOWN = "film => film.readyState >= 2 && !film.paused"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A few seconds of drawn heads, one of them without sound."""
    folder = tmp_path_factory.mktemp("curate") / "heads"
    for i in range(N):
        rng = np.random.default_rng(i)
        head = render(draw_portrait(rng), draw_motion(rng, 1, 4.0, np.zeros(1), np.zeros(1)), 64)
        sound = tone(3.0) if i else None
        write_video(folder / f"{i}.mp4", 75, picture=(head.rgb[0] * 255).astype(np.uint8), sound=sound)
    return folder


@pytest.fixture
def served(folder: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(folder, curate.listed(folder), Sheet(tmp_path / "curation.csv", "ann")) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def visit(browser, served: Server) -> Iterator[Visit]:  # noqa: F811
    for visit in visit_of(browser, served.url):
        visit.page.goto(served.url)
        yield visit


def text(visit: Visit, where: str) -> str:
    return " ".join(visit.page.locator(where).inner_text().split())


def press(visit: Visit, key: str, clip: int) -> None:
    """A key, and wait until this clip is shown."""
    visit.page.keyboard.press(key)
    visit.page.locator("#name", has_text=re.compile(rf"^clip {clip + 1} of {N}: {clip}\.mp4")).wait_for()


def written(file: Path) -> list[tuple[str, str]]:
    return [(row["clip"], row["reason"] or row["verdict"]) for row in read_rows(file, COLUMNS)]


def test_every_clip_is_judged_by_key_and_each_answer_is_written_before_the_next_clip(visit, served):
    order = ["hair", "keep", "teeth", "other"]
    keys = {"keep": "k", **{name: one.key for name, one in reasons().items()}}
    for i, answer in enumerate(order[:-1]):
        assert visit.page.locator(f"[data-answer={answer}]").get_attribute("data-key") == keys[answer]
        visit.page.keyboard.down(keys[answer])
        visit.page.keyboard.down(keys[answer])  # held: the keyboard repeats it
        visit.page.locator("#name", has_text=f"clip {i + 2} of {N}").wait_for()
        visit.page.keyboard.up(keys[answer])
        assert written(served.sheet.file) == [(f"{j}.mp4", one) for j, one in enumerate(order[: i + 1])]
    told = re.match(
        r"3 of 4 judged · 67% to be removed · ([\d.]+) clips a minute · about 1 min left", text(visit, "#progress")
    )
    typical = sorted(visit.page.evaluate("answers.slice(0, 3).map(one => one.seconds)"))[1]
    assert float(told[1]) == float(f"{60 / typical:.2g}")
    visit.page.keyboard.press("Z")  # as with the shift lock on
    visit.page.locator("#said", has_text="Every clip is judged").wait_for()
    assert written(served.sheet.file) == [(f"{j}.mp4", one) for j, one in enumerate(order)]
    assert visit.page.locator("[aria-pressed=true]").all_inner_texts() == ["z\nanother fault"]


def test_a_key_while_an_answer_is_on_its_way_is_about_no_clip(visit, served):
    visit.page.evaluate("Promise.all([act('k', 'keep'), act('h', 'hair')])")
    assert written(served.sheet.file) == [("0.mp4", "keep")]
    assert text(visit, "#name").startswith("clip 2 of 4")


def test_back_skip_and_undo(visit, served):
    press(visit, "ArrowRight", 1)
    press(visit, "h", 2)
    press(visit, "k", 3)
    press(visit, "ArrowRight", 0)  # what was skipped comes again
    press(visit, "ArrowLeft", 3)
    press(visit, "ArrowLeft", 2)
    assert "(keep)" in text(visit, "#name")
    press(visit, "t", 3)  # another answer takes the place of the first
    assert written(served.sheet.file) == [("1.mp4", "hair"), ("2.mp4", "teeth")]
    press(visit, "Backspace", 2)
    press(visit, "Backspace", 1)
    assert written(served.sheet.file) == []
    visit.page.keyboard.press("Backspace")
    visit.page.locator("#said", has_text="no answer to take back").wait_for()
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.press("q")
    assert written(served.sheet.file) == []


def test_a_clip_plays_in_a_loop_pauses_seeks_and_sounds_from_the_first_key(visit):
    film = visit.page.locator("#film")
    while not film.evaluate(SHOWN):
        visit.page.wait_for_timeout(20)
    assert film.evaluate("film => film.loop")
    press(visit, "ArrowRight", 1)
    assert not film.evaluate("film => film.muted")
    assert text(visit, "[data-key=v]") == "v sound on"
    visit.page.keyboard.press("v")
    assert film.evaluate("film => film.muted")
    visit.page.keyboard.press(" ")
    assert film.evaluate("film => film.paused")
    assert text(visit, "[data-key=' ']") == "space play"
    seeked = "film => new Promise(done => { film.onseeked = () => done(film.currentTime); film.currentTime = 2.5; })"
    assert film.evaluate(seeked) == pytest.approx(2.5, abs=0.05)
    press(visit, "ArrowRight", 2)
    assert film.evaluate("film => film.muted")  # as it was chosen


def test_the_keyboard_reaches_everything_and_focus_is_seen(visit):
    seen = set()
    while "SUMMARY" not in seen:  # the last one
        visit.page.keyboard.press("Tab")
        focus = visit.page.evaluate("""() => { const at = document.activeElement, style = getComputedStyle(at);
            return [at.dataset.key ?? at.tagName, parseFloat(style.outlineWidth), style.outlineStyle]; }""")
        if focus[0] not in ("VIDEO", "BODY"):  # whose controls are the browser's own
            assert (focus[1] >= 2, focus[2]) == (True, "solid"), focus
        seen.add(focus[0])
    keys = visit.page.eval_on_selector_all("[data-key]", "all => all.map(one => one.dataset.key)")
    assert {*keys, "SUMMARY", "VIDEO"} <= seen
    assert visit.page.eval_on_selector_all(
        "[data-key]", "all => all.every(one => one.ariaKeyShortcuts ?? one.getAttribute('aria-keyshortcuts'))"
    )
    assert "Appendix C" in text(visit, "details")  # open to whoever has judged nothing yet
    visit.page.keyboard.press(" ")
    assert "Appendix C" not in text(visit, "details")
    assert not visit.page.locator("#film").evaluate("film => film.paused")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_light_and_dark(visit, scheme):
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.set_viewport_size(NARROW)
    assert visit.page.evaluate(OVERFLOW) <= 0
    light = visit.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")
    heights = visit.page.eval_on_selector_all("button", "all => all.map(one => one.offsetHeight)")
    assert min(heights) >= 44
    visit.page.evaluate("data.clips[0] = 'a_long_name'.repeat(20)")
    visit.page.keyboard.press("h")
    visit.page.locator("#said", has_text="a_long_name").wait_for()
    assert visit.page.evaluate(OVERFLOW) <= 0


def test_what_is_not_written_is_said_and_the_clip_stays(visit, served):
    served.sheet.file.mkdir()
    visit.page.keyboard.press("k")
    visit.page.locator("#fault", has_text="Not written: cannot write").wait_for()
    assert text(visit, "#name").startswith("clip 1 of 4")
    visit.errors.clear()  # the browser's own line about it


def test_a_clip_that_cannot_be_played_is_said(visit, served):
    served.clips[1] = "gone.mp4"
    visit.page.keyboard.press("ArrowRight")
    visit.page.locator("#fault", has_text="cannot play it").wait_for()
    visit.errors.clear()


def test_killed_in_the_middle_it_goes_on_without_loss(browser, folder, tmp_path):  # noqa: F811
    file = tmp_path / "curation.csv"
    command = [sys.executable, "-m", "thb", "curate", str(folder), "--rater", "ann", "--out", str(file), "--no-browser"]
    for first, end in ((0, signal.SIGKILL), (2, signal.SIGINT)):
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            url = running.stdout.readline().strip()
            for visit in visit_of(browser, url):
                visit.page.goto(url)
                visit.page.locator("#progress", has_text=f"{first} of {N} judged").wait_for()
                press(visit, "h", first + 1)
                visit.page.keyboard.press("k")
                visit.page.locator("#progress", has_text=f"{first + 2} of {N} judged").wait_for()
                running.send_signal(end)
                said = running.communicate(timeout=20)[0]
                visit.page.keyboard.press("Backspace")
                visit.page.locator("#fault", has_text="`thb curate` does not answer").wait_for()
                visit.page.goto("about:blank")  # it asks no more
                visit.errors.clear()  # the browser's own lines about it
        finally:
            running.kill()
        assert written(file) == [(f"{i}.mp4", "keep" if i % 2 else "hair") for i in range(first + 2)]
    assert running.returncode == 0
    assert f"ann: {N} of {N} clips judged, 2 of them to be removed -> {file}\n" in said
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
