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
    "thb verify --spot tall all   ·   thb verify --paper   ·   thb verify --bundle thb-mini-1a2b3c.zip"
)
def verify(
    recompute: Annotated[
        bool, typer.Option("--recompute", help="first make anew what follows from score files")
    ] = False,
    spot: Annotated[
        tuple[str, str] | None, typer.Option(metavar="DETECTOR FIT", help="train this one fit again, and compare that")
    ] = None,
    paper: Annotated[bool, typer.Option("--paper", help="compare with the printed cells, too")] = False,
    against: Annotated[str, typer.Option(metavar="COMMIT|FOLDER", help="the reference, which has results/")] = "HEAD",
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the reference is what `thb bundle` wrote, itself checked first")
    ] = None,
) -> None:
    """Hold results/ against those that were committed.

    Scores, cells, comparisons and exhibits; what differs is named. The last line is PASS or FAIL, the exit code 0 or 1;
    verify.json and verify.md say the same. What the paper printed has a say in that on the published clips alone.
    """
    paths, params = context.of_clone()
    raise typer.Exit(0 if _passes(paths, params, against, recompute, spot, paper, bundle) else 1)


@app.command(epilog="Examples:  thb seeds   ·   thb seeds --trainings 3   ·   thb seeds --jobs 1")
def seeds(
    trainings: Annotated[int, typer.Option(help="of every fit, the reported one among them")] = 5,
    jobs: Annotated[int, typer.Option(help="fits trained side by side; 0: one a core")] = 0,
) -> None:
    """Train every fit again with further seeds.

    How far the numbers move is kept in results/seeds, from which `thb evaluate` takes the luck of training into every
    interval. It takes about a whole run for each training; one that was broken off goes on where it stopped.
    """
    from thb.core import processes
    from thb.review import seed_study

    seed_study.run(*context.of_clone(), trainings, jobs or processes.cores())


def _passes(
    paths: Paths,
    params: Params,
    against: str,
    recompute: bool,
    spot: tuple[str, str] | None,
    paper: bool,
    bundle: Path | None,
) -> bool:
    """Print and write the checks; whether nothing differs."""
    from thb.review import bundled, reference, telling, verify
    from thb.review import paper as printed
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
        if paper:
            checks.append(printed.check(paths, params))
        telling.tell(checks, against)
        telling.write(paths, params, checks, against)
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


@app.command(
    epilog="Examples:  thb where P1 tall hallo AUC   ·   thb where table5   ·   thb where n_test_reals   ·   "
    'thb where "at T0.1 they allow" --json'
)
def where(
    words: Annotated[
        list[str], typer.Argument(metavar="CELL|EXHIBIT|SENTENCE", help="what the number is, or stands in")
    ],
    json: Annotated[bool, typer.Option("--json", help="all that is known, as JSON")] = False,
) -> None:
    """Say where a number comes from, back to the clips.

    Of a cell, an exhibit, or each number of a sentence of the book: every file on the way, its hash on record, what
    made it, whether the file here is that one, and whether the code that is checked out would make it.
    """
    from thb.review import where as chains

    chains.run(*context.of_clone(), words, json)


@app.command(epilog="Examples:  thb review   ·   thb review --against v1.0")
def review(
    against: Annotated[str, typer.Option(metavar="COMMIT|FOLDER", help="the reference, which has results/")] = "HEAD",
) -> None:
    """Write what a reviewer attaches to a report.

    review.md and review.json: system, commit, commands, what was run and how long it took, what agrees, differs or was
    not checked, and the paper's claims with their verdicts.
    """
    from thb.review import reference
    from thb.review import review as report

    paths, params = context.of_clone()
    with reference.opened(paths, params, against) as known:
        report.run(paths, params, known, against)
