"""The built book in a real browser: it asks nobody else for anything, fits, sorts, searches, opens large, downloads."""

from __future__ import annotations

import functools
import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_book import toc_files

from thb.core.paths import Paths

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need `pip install playwright`")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
INSIDE = ("data:", "blob:", "about:")
ELSEWHERE = re.compile(r"^(?!file:|data:|blob:|about:|http://127\.0\.0\.1:)")

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BAD_IMAGES = """[...document.images].filter(i => !i.complete || !i.naturalWidth || !i.alt).map(i => i.src)"""
COLUMN = """(table, column) => [...table.tBodies].map(body => body.rows[0].cells[column].textContent)"""


@dataclass
class Visit:
    """A page in a browser that may load the book and nothing else; what it tried or complained of is kept."""

    page: object
    home: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, name: str) -> None:
        self.page.goto(f"{self.home}/{name}.html")

    def note(self, request) -> None:
        if not request.url.startswith((self.home, *INSIDE)):
            self.outside.append(request.url)

    def must_be_quiet(self) -> None:
        """Nothing was asked of anybody else, and no page complained, since this was last looked at."""
        outside, errors = self.outside[:], self.errors[:]
        self.outside.clear()
        self.errors.clear()
        assert not outside, f"requests that leave the book: {outside}"
        assert not errors, f"errors on the console: {errors}"

    def hear(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: install Chromium so that one of {', '.join(BROWSERS)} is on the PATH")
    root = getattr(os, "geteuid", lambda: 1)() == 0
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=found, args=["--no-sandbox"] if root else [])


def visit_of(browser, home: str) -> Iterator[Visit]:
    """A visitor with a fresh profile; what is asked for outside the book, or logged as an error, fails the test."""
    context = browser.new_context(viewport=WIDE, color_scheme="light", accept_downloads=True)
    visit = Visit(context.new_page(), home)
    context.route(ELSEWHERE, lambda route: route.abort())  # files are let be: Chromium shows no font that was held up
    context.on("request", visit.note)
    visit.page.on("console", visit.hear)
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    yield visit
    context.close()
    visit.must_be_quiet()


@pytest.fixture
def visit(browser, built: Paths) -> Iterator[Visit]:
    """The book as files, without any server."""
    yield from visit_of(browser, built.html.as_uri())


@pytest.fixture(scope="module")
def reader(browser, built: Paths) -> Iterator[Visit]:
    """One visitor who reads page after page."""
    yield from visit_of(browser, built.html.as_uri())


@pytest.fixture
def served(browser, built: Paths) -> Iterator[Visit]:
    """The book behind a local server, as it would be hosted."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(built.html))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield from visit_of(browser, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words) -> None:
        """Say nothing."""


# ---- every page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*toc_files(), "search", "genindex"])
def test_a_page_fits_wide_and_narrow_shows_every_image_and_asks_nobody(reader, name):
    reader.open(name)
    assert reader.page.evaluate(BAD_IMAGES) == []
    for size in (NARROW, WIDE):
        reader.page.set_viewport_size(size)
        assert reader.page.evaluate(OVERFLOW) <= 0, f"wider than {size['width']} px"
    reader.must_be_quiet()


def test_the_checks_of_a_page_can_fail(visit):
    visit.open("index")
    visit.page.set_viewport_size(NARROW)
    visit.page.evaluate("document.querySelector('main').innerHTML += '<div style=\"width: 2000px\">wide</div>'")
    assert visit.page.evaluate(OVERFLOW) > 0
    visit.page.evaluate("document.querySelector('main').innerHTML = '<img src=nothing.png alt=none>'")
    visit.page.wait_for_function("document.images.length && [...document.images].every(i => i.complete)")
    assert visit.page.evaluate(BAD_IMAGES)
    visit.page.evaluate("new Image().src = 'http://example.invalid/pixel.png'")
    visit.page.wait_for_timeout(100)
    assert visit.errors
    with pytest.raises(AssertionError, match=r"leave the book: \['http://example.invalid/pixel.png'\]"):
        visit.must_be_quiet()


# ---- what one can do with it --------------------------------------------------------------------------


def test_a_board_shows_one_edition_at_a_time_by_keyboard(visit):
    visit.open("_executed/boards")
    table = visit.page.locator("table.sortable").first
    heads = table.locator("thead th").all_text_contents()
    table.evaluate(f"(t) => t.tBodies[0].rows[0].cells[{heads.index('Edition')}].textContent = '2026-01'")
    choice = visit.page.locator(".thb-filter select").first
    assert choice.locator("option").all_text_contents() == ["all", "2025-05"]
    choice.focus()
    visit.page.keyboard.press("2")
    bodies = table.locator("tbody")
    assert [bodies.nth(i).is_visible() for i in range(bodies.count())] == [False, *[True] * (bodies.count() - 1)]
    visit.page.keyboard.press("Home")
    assert all(bodies.nth(i).is_visible() for i in range(bodies.count()))


def test_a_header_sorts_its_table_up_and_down(visit):
    visit.open("_executed/table7")
    table = visit.page.locator("table.sortable").first

    def names() -> list[str]:
        return table.evaluate(COLUMN, 0)[:4]  # the detectors; controls stay below

    before = names()
    button = table.locator("thead th").first.locator("button.sort")
    button.click()
    assert names() == sorted(before) != before
    button.click()
    assert names() == sorted(before, reverse=True)


def test_search_finds_a_detector_without_a_server(visit):
    search(visit)


def test_search_finds_a_detector_behind_a_server_with_excerpts(served):
    search(served)
    served.page.locator("#search-results ul.search li p.context").first.wait_for()


def search(visit: Visit) -> None:
    """Type into the search box of the first page and wait for what it lists."""
    visit.open("index")
    visit.page.locator("button.search-button__button:visible, button.search-button-field:visible").first.click()
    visit.page.locator(".search-button__wrapper.show input[type=search]").fill("LipFD")
    visit.page.keyboard.press("Enter")
    visit.page.locator("#search-results ul.search li a", has_text="The four detectors").wait_for()


def test_the_theme_switch_works_and_is_remembered(visit):
    visit.open("index")

    def theme() -> str:
        return visit.page.evaluate("document.documentElement.dataset.theme")

    seen = {theme()}
    for _ in range(3):
        visit.page.locator("button.theme-switch-button:visible").first.click()
        seen.add(theme())
        if theme() == "dark":
            break
    assert seen == {"light", "dark"}
    visit.open("_executed/table5")
    assert theme() == "dark"


def test_a_figure_opens_large_by_click_and_by_key_and_closes_by_escape(visit):
    visit.open("_executed/table5")
    figure = visit.page.locator(".cell_output img").first
    dialog = visit.page.locator("dialog.thb-large")
    for opened in (figure.click, lambda: figure.press("Enter")):
        opened()
        assert dialog.locator("img").bounding_box()["width"] > figure.bounding_box()["width"]
        assert dialog.locator("img").get_attribute("alt") == figure.get_attribute("alt")
        visit.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        assert figure.evaluate("image => image === document.activeElement")


def test_a_figure_lies_on_white_in_the_dark(visit):
    visit.page.emulate_media(color_scheme="dark")
    visit.open("_executed/table5")
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    ground = "image => getComputedStyle(image).backgroundColor"
    assert visit.page.locator(".cell_output img").first.evaluate(ground) == "rgb(255, 255, 255)"


def test_a_link_shows_what_lies_behind_it_to_mouse_and_focus_and_escape_hides_it(visit):
    visit.open("paper/4-2-shifts")
    preview = visit.page.locator("#thb-preview")
    exhibit = visit.page.locator(".bd-article a[href*='_executed/table5']").first
    exhibit.hover()
    preview.wait_for(state="visible")
    assert "Table 5" in preview.locator("strong").text_content()
    visit.page.wait_for_function("document.querySelector('#thb-preview img').naturalWidth > 0")
    visit.page.mouse.move(1, 1)
    preview.wait_for(state="hidden")
    term = visit.page.locator(".bd-article a[href*='#term-interval']").first
    visit.page.keyboard.press("Tab")  # from here on focus is the keyboard's
    term.focus()
    preview.wait_for(state="visible")
    assert preview.text_content().startswith("interval")
    assert "cut off" in preview.text_content()
    assert term.get_attribute("aria-describedby") == "thb-preview"
    box, page = preview.bounding_box(), visit.page.viewport_size
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page["width"]
    assert box["y"] >= 0
    visit.page.keyboard.press("Escape")
    preview.wait_for(state="hidden")
    assert term.get_attribute("aria-describedby") is None


def test_a_link_that_is_touched_opens_and_shows_no_preview(browser, built):
    context = browser.new_context(viewport=NARROW, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{built.html.as_uri()}/paper/4-2-shifts.html")
    page.evaluate(
        "addEventListener('pagehide', () => sessionStorage.shown = !document.querySelector('#thb-preview').hidden)"
    )
    page.locator(".bd-article a[href*='#term-interval']").first.tap()
    page.wait_for_url("**/here/glossary.html#term-interval")
    assert page.evaluate("sessionStorage.shown") == "false"
    context.close()


@pytest.mark.parametrize("kind", ["csv", "ipynb"])
def test_a_download_is_the_file_on_disk(served, built, kind):
    served.open("_executed/table5")
    with served.page.expect_download() as download:
        served.page.locator(f".thb-foot .files a[href$='.{kind}']").click()
    with open(download.value.path(), "rb") as file:
        assert file.read() == (built.executed / f"table5.{kind}").read_bytes()
