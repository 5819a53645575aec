"""What survives re-encoding: test clips encoded again, scored by the fits that are there, and held against the clips
themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from thb.cli import context
from thb.cli.own_files import Detector

app = typer.Typer()


@app.command(epilog="Examples:  thb reencode crf35   ·   thb reencode phone")
def reencode(
    condition: Annotated[str, typer.Argument(help="a name under `conditions` in reencode.yaml")],
) -> None:
    """Encode test clips again and prepare them.

    As many of each source as reencode.yaml says, the same ones in every condition. A killed run goes on where it
    stopped.
    """
    from thb.reencoded import clips

    clips.run(*context.of_clips(), condition)


@app.command(epilog="Examples:  thb reencode-score tall   ·   thb reencode-score container")
def reencode_score(detector: Detector) -> None:
    """Score the clips that were encoded again.

    By the fits that are there, without training: those that the protocols of reencode.yaml test.
    """
    from thb.reencoded import score

    paths, params = context.of_fit(detector, "all", "")
    score.run(paths, params, detector)


@app.command(epilog="Example:  thb reencode-cells")
def reencode_cells() -> None:
    """Say what each detector loses by re-encoding.

    Cells of every condition, and how far they lie from the cells of the very same clips before.
    """
    from thb.reencoded import cells

    cells.run(*context.of_clone())
