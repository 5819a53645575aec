"""book: prose and executed notebooks become HTML, offline, with warnings as errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from thb.book import numbers, provenance
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import disk_errors, write_atomic
from thb.report.load import open_results

BLANK = 250  # grey from which on a pixel of the contact sheet counts as paper


def run(paths: Paths, params: Params) -> None:
    """Build into a temporary folder, then swap it in whole; the last line is the path of the first page."""
    check(paths, params)
    numbers.all_numbers(open_results(paths.root))  # what the prose needs is there, or one line says what is not
    part = paths.html.with_name("html.part")
    with disk_errors(paths.html):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        faces(paths)
        build(paths, part / "html")
        swap(part / "html", paths.html)
        shutil.rmtree(part)
    print(paths.html / "index.html")


def check(paths: Paths, params: Params) -> None:
    """Every exhibit has been made from the results at hand, and nothing else lies among them."""
    found = {path.stem for path in paths.executed.glob("*.ipynb")}
    if missing := sorted(set(params.exhibits) - found):
        raise DataError(f"exhibit {missing[0]} has not been made; run `dvc repro` or `thb exhibit {missing[0]}`")
    if extra := sorted(found - set(params.exhibits)):
        where = paths.relative(paths.executed / f"{extra[0]}.ipynb")
        raise DataError(f"{where} belongs to no exhibit of params.yaml; remove it")
    for name in params.exhibits:
        provenance.made_from(paths, name)


def faces(paths: Paths) -> None:
    """The first row of frames on the contact sheet as a picture for the first page; none if the sheet shows none."""
    file = paths.executed / "faces.jpg"
    with Image.open(paths.executed / "clips.png") as opened:
        sheet = opened.convert("RGB")
    drawn = np.asarray(sheet.convert("L")) < BLANK
    lines = np.flatnonzero(drawn.mean(axis=1) > 0.5)  # frames fill most of a line, words do not
    if not len(lines):
        return file.unlink(missing_ok=True)
    row = lines[lines - lines[0] == np.arange(len(lines))]
    columns = np.flatnonzero(drawn[row].any(axis=0))
    band = sheet.crop((int(columns[0]), int(row[0]), int(columns[-1]) + 1, int(row[-1]) + 1))
    write_atomic(file, lambda part: band.save(part, "JPEG", quality=85))


def build(paths: Paths, out: Path, builder: str = "html") -> None:
    """Jupyter Book's own build, called in this interpreter so that no other installation can answer.

    `builder` is Sphinx's: `html`, or `singlehtml` for all pages on one.
    """
    from jupyter_book.sphinx import build_sphinx

    result = build_sphinx(
        str(paths.book),
        str(out),
        builder=builder,
        noconfig=True,
        path_config=str(paths.book / "_config.yml"),
        freshenv=True,
        warningiserror=True,
        keep_going=True,
        quiet=True,
        confoverrides={
            "external_toc_path": str(paths.book / "_toc.yml"),
            "nitpicky": True,
            "latex_individualpages": False,
            "templates_path": [],  # Sphinx's own default is one list for all builds, to which each adds
        },
    )
    if result:
        raise DataError(f"the book has faults, named above ({result if isinstance(result, Exception) else 'warnings'})")


def swap(new: Path, place: Path) -> None:
    """Put a finished folder where readers look, never leaving half of one there."""
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)
