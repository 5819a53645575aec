"""Scores of a detector that runs elsewhere: check them, and compare it with those that were trained here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from thb.cli import context
from thb.core.errors import ParamsError

app = typer.Typer(no_args_is_help=True, help="Compare a detector of yours, by its scores alone.")

Protocols = Annotated[
    list[str] | None,
    typer.Option("--protocol", help="what the scores are for; may be repeated; none: all of the fit's"),
]


@app.command(
    epilog="Examples:  thb scores add mine.csv --detector mine   ·   "
    "thb scores add p3/no-hallo.csv --detector mine --fit no-hallo --protocol P3   ·   "
    "thb scores add json/ --detector mine --missing 0.05 --meta url=https://example.org --meta by='A. Author'"
)
def add(
    file: Annotated[
        Path, typer.Argument(help="a CSV (clip, score and perhaps status), or a folder of one JSON a clip")
    ],
    detector: Annotated[str, typer.Option(help="what it is to be called here")],
    fit: Annotated[str, typer.Option(help="what it was trained on: all, ffpp, or no-<generator>")] = "all",
    protocol: Protocols = None,
    missing: Annotated[float, typer.Option(min=0, max=1, help="share of the clips that may lack a score")] = 0.0,
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="what the book shall say of it; may be repeated")
    ] = None,
) -> None:
    """Take over a score file, if all in it is in order.

    Each clip that tests the fit needs one score from 0 (real) to 1 (fake). Clips may be called by their names here or
    by their paths. Nothing is left of a file that is refused.
    """
    from thb.submitted import submit

    paths, params = context.of_clone()
    asked = submit.Asked(detector, fit, protocol or (), missing, _pairs(meta or ()))
    found = submit.add(paths, params, file, asked)
    print(f"{detector}, fit {fit}: {found.scored} of {found.of} clips scored -> results/scores/{detector}")
    if found.passed_over:
        print(f"{found.passed_over} rows are of clips that do not test this fit, and were passed over")
    print("now `thb recompute` makes every table, figure and the book with it (`thb evaluate`: the numbers alone)")


def _pairs(given: Iterable[str]) -> dict[str, str]:
    """KEY=VALUE words; raises ParamsError for one that is none, or a key given twice."""
    found: dict[str, str] = {}
    for key, equals, value in (word.partition("=") for word in given):
        if not equals or key in found:
            raise ParamsError(
                f"--meta {key + equals + value!r} is {'given twice' if key in found else 'not KEY=VALUE'}"
            )
        found[key] = value
    return found


@app.command(
    epilog="Examples:  thb scores template > mine.csv   ·   thb scores template --fit no-hallo --protocol P3   ·   "
    "thb scores template --protocol P3 --out p3/"
)
def template(
    protocol: Protocols = None,
    fit: Annotated[str, typer.Option(help="all, ffpp, or no-<generator>; none: those of the protocols, or all")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="write <fit>.csv here, a file for each fit; none: print the one")
    ] = None,
) -> None:
    """Write the file to fill in: every clip that needs a score."""
    import csv
    import sys

    from thb.submitted import submit

    paths, params = context.of_clone()
    wanted = [fit] if fit else submit.fits_of(params, protocol) if protocol else ["all"]
    if out is None and len(wanted) > 1:
        raise ParamsError(
            f"{', '.join(protocol or ())} tests {len(wanted)} fits: {', '.join(wanted)}; --fit one, or --out"
        )
    for one in wanted:
        of_fit = [name for name in protocol or () if fit or one in submit.fits_of(params, [name])]
        rows = submit.template(paths, params, one, of_fit)
        if out is None:
            csv.writer(sys.stdout, lineterminator="\n").writerows([submit.TEMPLATE, *rows])
        else:
            submit.write_template(rows, out / f"{one}.csv")
            print(f"{len(rows)} clips -> {out / f'{one}.csv'}")


@app.command("list", epilog="Example:  thb scores list")
def list_() -> None:
    """Say which detectors were submitted, and what was scored."""
    from thb.submitted import compared

    paths, params = context.of_clone()
    found = compared.names(paths)
    for name in found:
        print(name)
        for fit, (scored, of) in compared.coverage(paths, params, name).items():
            print(f"  {fit:<24} {scored} of {of} clips")
        for key, value in compared.about(paths, name).meta.items():
            print(f"  {key}: {value}")
    if not found:
        print("none; `thb scores template > mine.csv` writes the file to fill in")


@app.command(epilog="Examples:  thb scores remove mine   ·   thb scores remove mine --fit no-hallo")
def remove(
    detector: Annotated[str, typer.Argument(help="a name that `thb scores list` shows")],
    fit: Annotated[str, typer.Option(help="this fit alone; none: all of it")] = "",
) -> None:
    """Take a submitted detector out again, without a trace."""
    from thb.submitted import submit

    paths, params = context.of_clone()
    submit.remove(paths, params, detector, fit)
    print(f"removed {detector}{f', fit {fit}' if fit else ''}; now `thb recompute`, or `thb evaluate`")
