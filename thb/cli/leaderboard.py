"""The two leaderboards: what ranks, whether an entry is in order, and how one is entered or taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from thb.cli import context
from thb.core.errors import DataError, ParamsError, unknown

app = typer.Typer(
    invoke_without_command=True,
    help="Rank detectors and generators by entries anybody may add.",
    epilog="Examples:  thb leaderboard   ·   thb leaderboard --edition 2025-05   ·   thb leaderboard check",
)

EntryName = Annotated[str, typer.Argument(metavar="ENTRY", help="a name in leaderboard/entries, as tall-1")]
EditionName = Annotated[str, typer.Option(help="a name in leaderboard/editions.yaml; none: the newest")]


@app.callback()
def boards(called: typer.Context, edition: EditionName = "") -> None:
    """Print both boards of an edition: detectors, and generators.

    Every number is computed anew from the score files that the entries name. What does not rank stands below, each with
    the reason in one line.
    """
    if called.invoked_subcommand is None:
        from thb.leaderboard import telling
        from thb.leaderboard.board import Board
        from thb.leaderboard.judge import Judge

        print(*telling.lines(Board.of(Judge.of(*context.of_clone()), edition)), sep="\n")


@app.command(
    epilog="Examples:  thb leaderboard check   ·   thb leaderboard check mine-1   ·   "
    "thb leaderboard check mine-1 --out mine/"
)
def check(
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="a name in leaderboard/entries; none: all")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="write result.json and badge.svg here, of the one entry")
    ] = None,
) -> None:
    """Say whether entries are in order, a line each.

    Form, hashes, clips, coverage, and that they are as they were entered. Ends with code 2 if one is faulty; one that
    was superseded or withdrawn, or is of another edition or evaluator, does not rank and is no fault.
    """
    from thb.leaderboard import entries, telling
    from thb.leaderboard.board import Board
    from thb.leaderboard.judge import Judge

    paths, params = context.of_clone()
    judge = Judge.of(paths, params)
    known = entries.names(paths)
    if entry and entry not in known:
        raise ParamsError(unknown("entry", entry, known or ["none"]))
    if out and not entry:
        raise ParamsError("--out writes the result of one entry; name it")
    found = [judge.judged(name) for name in ([entry] if entry else known)]
    for one in found:
        print(telling.told(one))
    if out:
        edition = found[0].entry.edition if found[0].entry else ""
        for file in telling.write(Board.of(judge, edition), found[0], out):
            print(file)
    if faulty := [one.name for one in found if one.state in entries.FAULTS]:
        raise DataError(f"{len(faulty)} of {len(found)} entries are not in order: {', '.join(faulty[:5])}")


@app.command(
    epilog="Examples:  thb leaderboard enter mine --author 'A. Author' --code https://example.org/mine   ·   "
    "thb leaderboard enter mine --why 'scored with the frames in order' --corrected"
)
def enter(
    detector: Annotated[str, typer.Argument(help="one whose scores are in results/scores")],
    author: Annotated[list[str] | None, typer.Option(help="may be repeated; none: those of the version before")] = None,
    paper: Annotated[str, typer.Option(help="an https address")] = "",
    code: Annotated[str, typer.Option(help="an https address")] = "",
    scores_at: Annotated[str, typer.Option(help="an https address of score files that git does not hold")] = "",
    parameters: Annotated[int, typer.Option(help="of a network that is not in params.yaml")] = 0,
    why: Annotated[str, typer.Option(help="what a version after the first changes")] = "",
    corrected: Annotated[bool, typer.Option("--corrected", help="the version before was wrong")] = False,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="write the seeded random scores, and enter those")
    ] = False,
) -> None:
    """Write the entry of a detector whose scores are here.

    Its hashes, edition, evaluator and clips are filled in. A later one is another version, which says what it changes
    and takes over what is not said anew. Commit leaderboard/ and results/scores/DETECTOR: a pull request is a
    submission.
    """
    from thb.leaderboard import submission, telling
    from thb.leaderboard.judge import Judge

    judge = Judge.of(*context.of_clone())
    links = {"paper": paper, "code": code, "scores_at": scores_at, "parameters": parameters}
    said = submission.Said(detector, author or (), _today(), links, why, corrected, baseline)
    print(telling.told(judge.judged(submission.enter(judge, said))))


@app.command(epilog="Example:  thb leaderboard withdraw mine-1 --why 'trained on test clips'")
def withdraw(entry: EntryName, why: Annotated[str, typer.Option(help="the reason, which boards show")]) -> None:
    """Take an entry back; it stays, and says why."""
    from thb.leaderboard import submission, telling
    from thb.leaderboard.judge import Judge

    judge = Judge.of(*context.of_clone())
    submission.withdraw(judge, entry, _today(), why)
    print(telling.told(judge.judged(entry)))


@app.command(epilog="Example:  thb leaderboard verify tall-1")
def verify(entry: EntryName) -> None:
    """For maintainers: score an entry anew and compare.

    By the weights in runs/ and the clips in data/. How far the scores lie from those entered goes to
    leaderboard/verified; an entry whose fits all lie near enough counts as verified.
    """
    from thb.leaderboard.judge import Judge
    from thb.review import rescored

    judge = Judge.of(*context.of_clone())
    for fit, largest in rescored.run(judge, judge.judged(entry)).items():
        print(f"{entry}, fit {fit}: scores differ by {largest:.3g} at most")
    within = judge.editions.verified_within
    print(f"{entry} is {'verified' if judge.judged(entry).verified else f'not verified: not all within {within:g}'}")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
