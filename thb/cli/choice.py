"""Fits under a choice that the paper leaves open, and that other training or validation clips answer."""

from __future__ import annotations

from typing import Annotated

import typer

from thb.cli import context
from thb.cli.own_files import Detector

app = typer.Typer()


@app.command(epilog="Examples:  thb choice tall balance   ·   thb choice df_adapter validation")
def choice(
    detector: Detector,
    name: Annotated[
        str,
        typer.Argument(
            metavar="CHOICE",
            help="balance: as many reals as fakes train; validation: the paper's rule for P1, not the release card's",
        ),
    ],
) -> None:
    """Train and score a fit under another choice.

    Of the clips that train, or that choose the checkpoint, some are put aside; those that test are the same. The
    sensitivity page shows what it changes. A killed one resumes at its last epoch.
    """
    from thb.fits import choice
    from thb.fits.absent import Fit
    from thb.splits import otherwise

    paths, params = context.of_fit(detector, otherwise.FIT, "")
    own, few = otherwise.place(paths, params, name), otherwise.trained(params)
    why = Fit(own, params, detector, otherwise.FIT).why
    if detector not in few:
        why = f"profile {params.profile} does so with {', '.join(few)} (FEW in thb/splits/otherwise.py)"
    if why:
        print(f"{detector} is not trained under choice {name}: {why}")
        choice.leave_out(paths, params, detector, name, why)
    else:
        choice.run(paths, params, detector, name)
