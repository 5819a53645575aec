"""What leaves the clone: the book or the results in one file, and what describes them to machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thb.cli import context

if TYPE_CHECKING:
    from thb.core.params import Params
    from thb.core.paths import Paths

app = typer.Typer()


@app.command(epilog="Example:  thb pdf")
def pdf() -> None:
    """Print the book as one PDF with bookmarks.

    By an installed Chromium. The last line is its path.
    """
    from thb.book import pdf

    pdf.run(*context.of_clone())


@app.command(epilog="Example:  thb metadata")
def metadata() -> None:
    """Describe the results to machines.

    Croissant files of the results and of the rendered corpus, and a Workflow Run RO-Crate of dvc.lock, at the root of
    the clone. They are made anew from what is here and are not kept in git.
    """
    paths, params = context.of_clone()
    for file in _described(paths, params, weights=False):
        print(paths.relative(file))


@app.command(epilog="Examples:  thb bundle   ·   thb bundle --out results.zip   ·   thb bundle --weights")
def bundle(
    out: Annotated[Path | None, typer.Option(help="the file to write; none: thb-<profile>-<commit>.zip")] = None,
    weights: Annotated[bool, typer.Option("--weights", help="the fits' weights too")] = False,
) -> None:
    """Put what the numbers can be checked with into one file.

    Settings, lock files, scores, cells, manifests, metadata and, if it is built, the book of a rendered corpus; never a
    clip. `thb verify --bundle FILE` reads it elsewhere. The last line is its path.
    """
    from thb.book import provenance
    from thb.core import origin
    from thb.review import bundle

    paths, params = context.of_clone()
    out = out or Path(f"thb-{params.profile}-{provenance.commit(paths.root).split()[0]}.zip")
    members = bundle.write(paths, params, out, weights, _described(paths, params, weights))
    left = " without the book, which is not built here" if not bundle.has_book(paths, params) else ""
    print(f"{len(members)} files, {out.stat().st_size / 1e6:.1f} MB,{left or ' the book among them'}")
    print(f"SHA-256 {origin.sha256(out)}")
    print(out)


def _described(paths: Paths, params: Params, weights: bool) -> list[Path]:
    """Write what describes a bundle, at the root of the clone; the files."""
    from thb.core.tables import write_json
    from thb.report.load import Results
    from thb.review import bundle, crate, croissant

    found = {
        **croissant.describe(Results(paths, params)),
        crate.FILE: crate.describe(paths, params, bundle.files(paths, params, weights)),
    }
    for name, value in found.items():
        write_json(value, paths.root / name)
    return [paths.root / name for name in found]
