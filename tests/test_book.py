"""The book: its sources tell no number, and its pages need no network."""

from __future__ import annotations

import json
import os
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pages_made
import pytest
import results_made
import yaml
from PIL import Image
from vouching import vouch

from thb.book import book, numbers, page, pdf, provenance, rows
from thb.core.errors import DataError
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.words import corpus_line
from thb.report.load import open_results

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
PROSE = sorted(p for p in BOOK.rglob("*.md") if not p.relative_to(BOOK).parts[0].startswith("_"))

# What may hold a digit in prose: names of things, and the paper's own numbering.
NAMES = re.compile(
    r"""
    \b(Hallo|MAGI-|TALL|T|P|DF|AV-Deepfake|Deepfake-Eval-|thb)\d[\w.]*     # generators, metrics, protocols
  | \b(Tables?|Figures?)\s[A-E\d][.\d]*(,\s[A-E\d.]+)*(\sand\s[A-E\d.]+)?
  | ^\#\ \d[\d.]*\s | \[\d\.\d                               # section numbers
  | \bCC\ [A-Z-]+\ 4\.0 | \bApache-2\.0 | \bPython\ 3\.\d+  # licences, versions
""",
    re.X | re.M,
)
WHEN = re.compile(r"^(`{3,})\{when\}[^\n]*\n(.*?)^\1$", re.S | re.M)  # prose, if of one corpus only
WORDS = re.compile(r"^:(?:caption|alt|words|columns):(.*)$", re.M)  # what directives show of what they are given
STRIPPED = re.compile(r"```.*?```|`[^`]*`|\{cite\}`[^`]*`|\]\([^)]*\)|\{\{.*?\}\}|^:+\{.*$|^:\w.*$", re.S | re.M)


def typed(source: str) -> list[str]:
    """The lines of a page's prose, captions and alternative texts that hold a number which no file gave."""
    prose = WHEN.sub(r"\2", source)
    shown = "\n".join([STRIPPED.sub(" ", prose), *WORDS.findall(prose)])
    return re.findall(r"[^\n]*\d[^\n]*", NAMES.sub(" ", shown))


def toc_files() -> list[str]:
    def walk(entry) -> list[str]:
        if isinstance(entry, list):
            return [f for one in entry for f in walk(one)]
        if isinstance(entry, dict):
            own = [entry[k] for k in ("file", "root") if k in entry]
            return own + [f for k in ("parts", "chapters", "sections") for f in walk(entry.get(k, []))]
        return []

    return walk(yaml.safe_load((BOOK / "_toc.yml").read_text()))


def pages(paths: Paths) -> list[Path]:
    return [p for p in sorted(paths.html.rglob("*.html")) if "_static" not in p.parts]


@pytest.fixture(autouse=True)
def _standing_in_a_clone(request, monkeypatch) -> None:
    """Numbers are looked up where one stands: among the made-up results, not the repository's own."""
    place = next((name for name in ("copy", "built") if name in request.fixturenames), None)
    if place:
        monkeypatch.setenv("THB_ROOT", str(request.getfixturevalue(place).root))


# ---- sources ------------------------------------------------------------------------------------------


# What the paper has, and what it leaves out but must be answered: each an exhibit of that name.
PAPER = [f"table{n}" for n in (*range(1, 9), "D9", "D10")] + [
    f"fig{n}" for n in ("1", "2a", "2b", "2c", "3a", "3b", "4", "5", "6", "E7", "E8")
]
OURS = [
    "cam_caddm",
    "cam_lipfd",
    "attention",
    "pointing",
    "swaps",
    "hard",
    "claims",
    "compared",
    "controls",
    "containers",
    "sensitivity",
    "leakage",
    "findings",
    "ablations",
]


def test_exhibits_in_params_and_contents_are_the_same(params):
    listed = [f.removeprefix("_executed/") for f in toc_files() if f.startswith("_executed/")]
    assert sorted(listed) == sorted(params.exhibits)


def test_every_exhibit_of_the_paper_is_there(params):
    assert not set(PAPER + OURS) - set(params.exhibits)


def test_every_notebook_is_an_exhibit_of_some_kind_and_every_kind_a_notebook(params):
    used = {entry["notebook"] for entry in params.exhibits.values()}
    assert used == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_what_was_executed_and_what_was_built_are_the_exhibits(built):
    names = set(load(built.params).exhibits)
    assert {path.stem for path in built.executed.glob("*.ipynb")} == names
    assert {path.stem for path in (built.html / "_executed").glob("*.html")} == names


def test_every_page_is_in_the_contents_and_every_entry_exists():
    written = {p.relative_to(BOOK).with_suffix("").as_posix() for p in PROSE}
    assert written == {f for f in toc_files() if not f.startswith("_executed/")}


def test_the_contents_mirror_the_paper():
    titles = [
        (BOOK / f"{f}.md").read_text().splitlines()[0].removeprefix("# ") for f in toc_files() if f.startswith("paper/")
    ]
    assert [t.split()[0] for t in titles] == [
        "1",
        "2",
        "3",
        "4",
        "4.1",
        "4.2",
        "4.3",
        "4.4",
        "4.5",
        "5",
        *"ABCDE",
    ]


@pytest.mark.parametrize("path", PROSE, ids=lambda p: p.stem)
def test_no_number_is_typed_into_prose(path):
    assert not typed(path.read_text(encoding="utf-8")), f"{path.name}: read it from a file with {{{{ name }}}}"


@pytest.mark.parametrize(
    "text",
    [
        "caught 93 % of fakes",
        "TALL reaches 0.93",
        "2,984 fakes",
        "an AUC of .5",
        "```{when} mini\nAll 310 reals.\n```\n",
        "```{rows} fig2a\n:caption: Of 28 fakes\n```\n",
    ],
)
def test_the_check_for_typed_numbers_can_fail(text):
    assert typed(text)


def test_everything_cited_is_in_the_references_and_nothing_else():
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "paper/references.bib").read_text(), re.M))
    cited = {
        k.strip() for p in PROSE for group in re.findall(r"\{cite\}`([^`]+)`", p.read_text()) for k in group.split(",")
    }
    assert cited == keys


def test_the_faces_of_the_first_page_are_the_first_row_of_frames_and_none_where_there_are_no_frames(tmp_path):
    paths = Paths(tmp_path)
    paths.executed.mkdir(parents=True)
    sheet = np.full((200, 100, 3), 255, np.uint8)
    sheet[5:12, 4:30] = 0  # words
    sheet[20:60, 4:46] = sheet[20:60, 52:96] = 90  # frames
    sheet[70:77, 4:30] = 0
    sheet[85:125, 4:96] = 60
    Image.fromarray(sheet).save(paths.executed / "clips.png")
    book.faces(paths)
    with Image.open(paths.executed / "faces.jpg") as band:
        assert band.size == (92, 40)
    Image.fromarray(np.where(sheet == 0, sheet, np.uint8(255))).save(paths.executed / "clips.png")
    book.faces(paths)
    assert not (paths.executed / "faces.jpg").exists()


# ---- the built book -----------------------------------------------------------------------------------


def test_every_page_of_the_contents_is_built_under_the_banner(built):
    banner = re.sub(r"\s+", " ", page.banner(open_results(built.root)))
    for file in toc_files():
        html = re.sub(r"\s+", " ", (built.html / f"{file}.html").read_text())
        assert banner in html, file
    assert "<b>not comparable</b>" in banner


class FromFile(HTMLParser):
    """The values that a page took from files, in its order: [where from, text]."""

    VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr", "col", "source"})

    def __init__(self) -> None:
        super().__init__()
        self.found, self.open, self.depth = [], [], 0

    def handle_starttag(self, tag, attrs):
        if tag in self.VOID:
            return
        if "from-file" in (dict(attrs).get("class") or "").split():
            self.found.append([dict(attrs)["title"].removeprefix("from "), ""])
            self.open.append((self.depth, self.found[-1]))
        self.depth += 1

    def handle_data(self, data):
        for _, value in self.open:
            value[1] += data

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if tag in ("td", "th", "li", "p"):
            self.handle_data(" ")  # numbers of two cells are two numbers
        self.depth -= 1
        if self.open and self.open[-1][0] == self.depth:
            self.open.pop()


def figures(text: str) -> list[str]:
    """Every number that a reader sees in a piece of Markdown, HTML or plain text."""
    return re.findall(r"\d+(?:[.,]\d+)*", unescape(re.sub(r"\]\([^)]*\)|<[^>]+>", " ", text)))


def values_on(file: Path) -> list[tuple[str, list[str]]]:
    """(where from, numbers) of every value on a built page."""
    parser = FromFile()
    parser.feed(file.read_text(encoding="utf-8"))
    return [(source, figures(shown)) for source, shown in parser.found]


def test_every_value_in_prose_has_a_page_that_uses_it(built):
    texts = [*PROSE, ROOT / "thb" / "review" / "dataset.yaml"]  # the latter for machines
    used = {name for p in texts for name in re.findall(r"\{\{ (\w+) \}\}", p.read_text())}
    assert used == set(numbers.all_numbers(open_results(built.root))), "unused, or unknown"


def test_every_number_in_prose_was_read_from_a_file(built):
    results = open_results(built.root)
    known = numbers.all_numbers(results)
    for path in (built.book / p.relative_to(BOOK) for p in PROSE):
        text = path.read_text()
        for absent in re.findall(r"```\{when\} hub\n.*?```", text, re.S):
            text = text.replace(absent, "")
        wanted = []
        for name, table in re.findall(r"\{\{ (\w+) \}\}|(```\{rows\}.*?```)", text, re.S):
            if name:
                wanted.append((known[name].source, figures(known[name].shown)))
            else:
                ((source, options),) = pages_made.small_tables(table)
                shown = rows.render(results, source, **options)
                wanted.append((rows.read(results, source)[1], figures(shown)))
        page_file = (built.html / path.relative_to(built.book)).with_suffix(".html")
        assert values_on(page_file) == wanted, path.name
        for source in {part for sources, _ in wanted for part in sources.split(", ")}:
            assert (built.root / source).exists(), source


@pytest.mark.parametrize("value", [r'(<span class="from-file"[^>]*>)\d+', r'(<span class="n">)0'])
def test_the_trace_of_numbers_notices_another_number(built, tmp_path, value):
    html, spoilt = (built.html / "index.html").read_text(), tmp_path / "index.html"
    spoilt.write_text(re.sub(value, r"\g<1>987", html, count=1))
    assert spoilt.read_text() != html
    assert values_on(spoilt) != values_on(built.html / "index.html")


def test_values_follow_the_files(built, tmp_path):
    moved = results_made.clone(ROOT, tmp_path)
    results_made.fill(moved)
    moved.corpus.write_text(moved.corpus.read_text().replace("hallo,generator,train,6", "hallo,generator,train,106"))
    vouch(moved)
    before, after = (numbers.clips(open_results(p.root))["n_clips"].shown for p in (built, moved))
    assert int(after) == int(before) + 100


class Links(HTMLParser):
    """What a page loads by itself, what it links to, and its images."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded, self.linked, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and a.get("src"):
            self.loaded.append(a["src"])
        if tag == "link" and a.get("href"):
            self.loaded.append(a["href"])
        if tag == "a" and a.get("href"):
            self.linked.append(a["href"])
        if tag == "img":
            self.images.append(a)


def read(path: Path) -> Links:
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def test_no_page_loads_anything_from_elsewhere(built):
    for file in pages(built):
        outside = [u for u in read(file).loaded if urlparse(u).scheme not in ("", "data") or u.startswith("//")]
        assert not outside, f"{file.name} loads {outside}"
        assert "unpkg" not in file.read_text()
    for file in built.html.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", file.read_text()), file.name


def test_every_link_and_file_of_a_page_exists(built):
    for file in pages(built):
        links = read(file)
        for url in links.loaded + links.linked:
            parts = urlparse(url)
            if parts.scheme or not parts.path:
                continue
            assert (file.parent / unquote(parts.path)).exists(), f"{file.name}: {url}"


def previewed(html: Path) -> dict[str, dict[str, str]]:
    said = (html / "_static" / "previews.js").read_text(encoding="utf-8")
    return json.loads(said.removeprefix("globalThis.PREVIEWS = ").removesuffix(";\n"))


def test_every_link_within_the_book_has_a_preview_whose_picture_exists(built):
    known, asked = previewed(built.html), set()
    link = re.compile(r'<a class="reference internal[^"]*" href="([^"]*)"')
    for name in toc_files():
        for href in link.findall((built.html / f"{name}.html").read_text()):
            file = f"{name}.html{href}" if href.startswith("#") else os.path.normpath(f"{Path(name).parent}/{href}")
            asked |= {file.replace(".html", "", 1).rstrip("#")} if ".html" in file else set()
    assert {"_executed/table5", "here/glossary#term-T1", "paper/4-1-setup#intervals"} <= set(known)
    assert not asked - set(known)
    pictures = {one["picture"] for one in known.values() if "picture" in one}
    assert len(pictures) > 30
    assert all((built.html / picture).is_file() for picture in pictures)
    assert all(one["title"] and "<" not in one["title"] and len(one["words"]) <= 322 for one in known.values())


def test_two_builds_of_a_book_are_alike_to_the_byte(small):
    def build() -> dict[str, bytes]:
        book.run(small, load(small.params))
        return {str(f.relative_to(small.html)): f.read_bytes() for f in sorted(small.html.rglob("*")) if f.is_file()}

    assert build() == build()


@pytest.mark.skipif(not any(map(shutil.which, pdf.BROWSERS)), reason="no Chromium is installed")
def test_the_pdf_has_bookmarks_and_leads_nowhere_on_this_machine(small, capsys):
    with (small.book / "index.md").open("a") as file:
        file.write("\n\n## A part\n\n```{image} _static/logo.svg\n:alt: a sign\n:width: 9em\n```\n")
    pdf.run(small, load(small.params))
    made = Path(capsys.readouterr().out.splitlines()[-1])
    assert made == small.html.with_name("thb.pdf")
    said = made.read_bytes()
    assert said.startswith(b"%PDF-")
    assert b"/Outlines" in said
    assert b"A part" in said  # a bookmark; the page's own words are compressed
    assert b"file:" not in said
    assert [f.name for f in made.parent.iterdir()] == ["thb.pdf"]


def test_a_bookmark_says_a_heading_once_and_nothing_in_the_file_moves():
    page = '<h1>A (b)<a class="headerlink" href="#a">#</a></h1><h2 id="x">Tam<em>tam</em></h2><h3>ü&amp;</h3>'
    known = pdf.headings(page)
    assert known == {"A (b)", "Tamtam", "ü&"}
    twice = rb"/Title (A \(b\)A \(b\)) /Title <FEFF00FC002600FC0026> /Title (Tamtam) /Title <FEFF2020> /Other (AbAb)"
    once = pdf.said_once(twice, known)
    said = rb"/Title (A \(b\)) /Title <FEFF00FC0026> /Title (Tamtam) /Title <FEFF2020> /Other (AbAb)"
    assert once.split() == said.split()
    assert len(once) == len(twice)
    assert [once.index(part) for part in (b"(Tam", b"/Other")] == [twice.index(part) for part in (b"(Tam", b"/Other")]


def test_without_a_browser_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="install it so that one of chromium"):
        pdf.installed()


def test_every_image_has_words_and_none_is_its_file_name(built):
    for file in pages(built):
        for image in read(file).images:
            alt = image.get("alt", "")
            assert alt, f"{file.name}: {image.get('src')}"
            assert not re.fullmatch(r"\S+\.(svg|png|jpe?g)", alt), f"{file.name}: {alt}"


def test_below_every_exhibit_stand_its_files_its_command_and_its_provenance(built):
    params = load(built.params)
    for name in params.exhibits:
        html = (built.html / "_executed" / f"{name}.html").read_text()
        for kind in ("csv", "svg", "pdf", "png", "ipynb"):
            copied = built.html / "_executed" / f"{name}.{kind}"
            assert f'href="{name}.{kind}"' in html
            assert copied.read_bytes() == (built.executed / f"{name}.{kind}").read_bytes()
        assert page.text(provenance.rerun(params, name)) in html
        assert corpus_line(params) in unescape(html)
        assert f"exhibit@{name}" in html
        assert provenance.params_hash(params, name) in html
        assert f"seed {params.active.seed}" in html


def test_a_rerun_command_gives_the_notebook_what_params_gives_it(params):
    assert provenance.rerun(params, "table7") == "papermill notebooks/protocol_table.ipynb table7.ipynb -p protocol P3"
    listed = params.model_copy(update={"exhibits": {"x": {"notebook": "findings", "metrics": ["EER"]}}})
    assert provenance.rerun(listed, "x") == "papermill notebooks/findings.ipynb x.ipynb -y 'metrics: [\"EER\"]'"


# ---- what must not be built ---------------------------------------------------------------------------


@pytest.fixture
def copy(built, tmp_path) -> Paths:
    """A clone whose sources a test may spoil."""
    shutil.copytree(built.root, tmp_path / "c", dirs_exist_ok=True, ignore=shutil.ignore_patterns("_build"))
    return Paths(tmp_path / "c")


@pytest.fixture
def small(copy) -> Paths:
    """The same clone with a book of one page."""
    (copy.book / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (copy.book / "index.md").write_text("# A small book\n\nFrom profile {{ profile }}.\n")
    return copy


@pytest.mark.parametrize("spoil", ["{{ no_such_number }}", "[nowhere](nowhere.md)", "{cite}`nobody1900`"])
def test_a_warning_is_an_error_and_no_book_is_left(small, spoil):
    with (small.book / "index.md").open("a") as file:
        file.write(f"\n\n{spoil}\n")
    with pytest.raises(DataError, match="the book has faults"):
        book.run(small, load(small.params))
    assert not small.html.exists()


def test_a_failed_build_leaves_the_last_book_alone_and_a_sound_one_replaces_it(small, built):
    sound = (small.book / "index.md").read_text()
    shutil.copytree(built.html, small.html)
    (small.book / "index.md").write_text("# Spoilt\n\n{{ no_such_number }}\n")
    with pytest.raises(DataError):
        book.run(small, load(small.params))
    assert (small.html / "index.html").read_bytes() == (built.html / "index.html").read_bytes()
    (small.book / "index.md").write_text(sound)
    book.run(small, load(small.params))
    assert "A small book" in (small.html / "index.html").read_text()


def test_an_exhibit_made_from_other_results_is_refused(copy):
    results_made.fill_cells(copy, p3=0.6)
    with pytest.raises(
        DataError,
        match=r"^book/_executed/clips.ipynb was made from another results/cells.csv; run `dvc repro`",
    ):
        book.run(copy, load(copy.params))


def test_a_missing_or_foreign_exhibit_is_named(copy):
    params = load(copy.params)
    (copy.executed / "old.ipynb").write_text("{}")
    with pytest.raises(DataError, match=r"old.ipynb belongs to no exhibit"):
        book.run(copy, params)
    (copy.executed / "old.ipynb").rename(copy.executed / "table4.ipynb")
    (copy.executed / "table5.ipynb").unlink()
    with pytest.raises(DataError, match="exhibit table5 has not been made"):
        book.run(copy, params)
