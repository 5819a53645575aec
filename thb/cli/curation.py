"""Judging clips by eye, and how far those who judge agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command(
    epilog="Examples:  thb curate videos/   ·   thb curate videos/ --rater ann --out curation.csv   ·   "
    "thb curate videos/ --port 8000 --no-browser"
)
def curate(
    folder: Annotated[Path, typer.Argument(help="searched for videos, with the folders in it")],
    rater: Annotated[str, typer.Option(help="whose answers these are; none: your login name")] = "",
    out: Annotated[Path, typer.Option(metavar="FILE", help="the answers, of all raters; what is in it stays")] = Path(
        "curation.csv"
    ),
    port: Annotated[int | None, typer.Option(min=1024, max=65535, help="of the page; none: any that is free")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open the page")] = True,
) -> None:
    """Judge clips by eye: keep or remove, and why.

    A page on this machine, which no other reaches, plays one clip after another and takes each answer by one key: the
    reasons are the faults of the paper's Appendix C. An answer is in the file as soon as it is given; the same command
    goes on where you stopped. Ctrl-C ends.
    """
    from thb.curate import curate

    curate.run(folder, rater, out, port or 0, browser)


@app.command(epilog="Examples:  thb agreement curation.csv   ·   thb agreement ann.csv bob.csv")
def agreement(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="answers that `thb curate` wrote")],
) -> None:
    """Say how far two raters of `thb curate` agree.

    On the clips that both saw: raw agreement and Cohen's kappa, of verdicts and of reasons, and how often which answer
    of one met which of the other. With more than two raters, every two of them.
    """
    from thb.curate import agreement

    agreement.run(files)
