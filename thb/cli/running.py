"""The whole graph at once: under which profile, how far, and how long it would take."""

from __future__ import annotations

from typing import Annotated

import typer

from thb.cli import context
from thb.core.errors import ParamsError

app = typer.Typer()


@app.command(
    epilog="Examples:  thb reproduce   ·   thb reproduce --jobs 1   ·   thb reproduce --gpus 0,1 --per-gpu 2   ·   "
    "thb reproduce --scheduler tcp://head:8786"
)
def reproduce(
    jobs: Annotated[
        int,
        typer.Option(
            min=0, max=1024, help="stages run side by side; 0 = one a core (a thread of the cluster's workers)"
        ),
    ] = 0,
    gpus: Annotated[str, typer.Option(help="cards to use: all, a count, or a list (0,2)")] = "all",
    per_gpu: Annotated[
        int, typer.Option(min=1, max=64, help="stages that share a card, where one fills it in part")
    ] = 1,
    scheduler: Annotated[
        str, typer.Option(metavar="ADDRESS", help="run the stages on this Dask cluster (tcp://host:8786)")
    ] = "",
) -> None:
    """Bring every DVC stage up to date, several at a time.

    Each stage of a network has one card, where there are any. The last line is the path of the book's first page.
    """
    from thb.cli import cards, reproduce

    lent = cards.Cards([] if scheduler else cards.chosen(gpus, cards.found()), per_gpu)
    reproduce.run(*context.of_clone(), jobs, lent, scheduler)


@app.command(epilog="Examples:  thb bench --full-size   ·   thb bench --full-size --clips 1500 --val-clips 200")
def bench(
    full_size: Annotated[bool, typer.Option("--full-size", help="of all fits of profile paper")] = False,
    clips: Annotated[int, typer.Option(min=1, help="training clips of a fit that is not split here")] = 4000,
    val_clips: Annotated[int, typer.Option(min=1, help="its validation clips")] = 400,
) -> None:
    """Say how long training takes at full size.

    By the rates in benchmarks/results that benchmarks/on_gpu.py measured, and as long as the fits that are here took.
    """
    from thb.status import full_size as at_full_size

    if not full_size:
        raise ParamsError("thb bench answers one question: --full-size")
    at_full_size.run(*context.of_clone(), clips, val_clips)


@app.command(epilog="Examples:  thb profile   ·   thb profile smoke")
def profile(name: Annotated[str, typer.Argument(help="what to switch to; none: say which is active")] = "") -> None:
    """Show the active profile, or switch to another.

    To switch is to rewrite the first line of params.yaml.
    """
    from thb.core import params as params_module

    paths, params = context.of_clone()
    if name and name != params.profile:
        params_module.switch_profile(paths.params, name)
        print(f"params.yaml: profile {params.profile} -> {name}")
    elif not name:
        print(f"{params.profile}  (known: {', '.join(params.profiles)})")
