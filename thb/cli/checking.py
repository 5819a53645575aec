"""What a reviewer runs: everything that follows from score files, and whether it is what was committed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thb.cli import context

if TYPE_CHECKING:
    from thb.core.params import Params
    from thb.core.paths import Paths
    from thb.review.verify import Check

app = typer.Typer()


@app.command(epilog="Example:  thb recompute")
def recompute() -> None:
    """Make everything anew that follows from score files.

    Cells, exhibits and the book, out of results/ as they are: no clip, no torch, no DVC. The last line is the path of
    the book's first page.
    """
    from thb.cli import recompute

    paths, params = context.of_clone()
    recompute.run(paths, params)
    print(paths.html / "index.html")


@app.command(
    epilog="Examples:  thb verify   ·   thb verify --recompute   ·   thb verify --against v1.0   ·   "
    "thb verify --spot tall all   ·   thb verify --bundle thb-mini-1a2b3c.zip"
)
def verify(
    recompute: Annotated[
        bool, typer.Option("--recompute", help="first make anew what follows from score files")
    ] = False,
    spot: Annotated[
        tuple[str, str] | None, typer.Option(metavar="DETECTOR FIT", help="train this one fit again, and compare that")
    ] = None,
    against: Annotated[str, typer.Option(help="the reference: a commit, or a folder with results/")] = "HEAD",
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the reference is what `thb bundle` wrote, itself checked first")
    ] = None,
) -> None:
    """Hold results/ against those that were committed.

    Scores, cells, comparisons and exhibits; what differs is named. The last line is PASS or FAIL, the exit code 0 or 1;
    verify.json and verify.md say the same.
    """
    paths, params = context.of_clone()
    raise typer.Exit(0 if _passes(paths, params, against, recompute, spot, bundle) else 1)


def _passes(
    paths: Paths, params: Params, against: str, recompute: bool, spot: tuple[str, str] | None, bundle: Path | None
) -> bool:
    """Print and write the checks; whether nothing differs."""
    from thb.review import bundled, reference, verify
    from thb.review import spot as one_fit

    against = str(bundled.existing(bundle)) if bundle else against
    with reference.opened(paths, params, against) as known:
        if spot:
            checks = one_fit.run(paths, params, known, *spot)
        elif recompute:
            checks = _recomputed(paths, params, known)
        else:
            checks = verify.compare(paths, params, known, exact=False)
        if bundle:
            checks = [*bundled.checks(paths, params, known), *checks]
        verify.tell(checks, against)
        verify.write(paths, params, checks, against)
    return verify.judge(checks) == verify.PASS


def _recomputed(paths: Paths, params: Params, known: Paths) -> list[Check]:
    """The checks after a recomputation, which scores that differ from the reference's are not worth."""
    from thb.cli import recompute
    from thb.core.errors import DataError
    from thb.review import verify
    from thb.review.verify import Check

    before = [verify.clips(paths, known), verify.scores(paths, params, known)]
    if verify.judge(before) == verify.FAIL:
        left = ("cells", "comparisons", "exhibits")
        return [*before, *(Check(name, verify.UNCHECKED, "the scores differ already") for name in left)]
    try:
        recompute.run(paths, params)
    except DataError as fault:
        return [*before, Check("recompute", verify.DIFFERS, str(fault))]
    return verify.compare(paths, params, known, exact=True)
