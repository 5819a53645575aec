"""What a user brings: published weights, and videos to be scored."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from thb.cli import context
from thb.core.errors import ParamsError

app = typer.Typer()

Detector = Annotated[str, typer.Argument(help="a name under `detectors` in params.yaml")]


@app.command(
    "import-weights",
    epilog="Examples:  thb import-weights lipfd ckpt.pth   ·   "
    "thb import-weights caddm b3.pkl --set compat=fixed --fit theirs",
)
def import_weights(
    detector: Detector,
    file: Annotated[Path, typer.Argument(help="a published checkpoint (.pth, .pt, .pkl) or .safetensors file")],
    fit: Annotated[
        str, typer.Option(help="its name here, for `thb detect --fit`; or a fit that cannot be made")
    ] = "imported",
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="a setting unlike the default")
    ] = None,
) -> None:
    """Take over the weights of a published checkpoint.

    What does not fit is refused and named. A fit that the clips at hand do not allow may be given weights by its own
    name, say `--fit all`: it is then scored.
    """
    from thb.fits import import_weights
    from thb.fits.absent import absent_fits

    paths, params = context.of_clone()
    params.detector(detector)
    if fit in params.fits and fit not in absent_fits(paths):
        raise ParamsError(
            f"fit {fit!r} is trained here and would be overwritten; choose a name other than " + ", ".join(params.fits)
        )
    import_weights.run(paths, params, detector, file, fit, _changes(change or ()))


def _changes(given: Iterable[str]) -> dict[str, object]:
    """KEY=VALUE words, each value read as params.yaml would read it."""
    from thb.core import plain_yaml

    changes: dict[str, object] = {}
    for key, equals, value in (word.partition("=") for word in given):
        if not key or not equals:
            raise ParamsError(f"--set {key + equals + value!r} is not KEY=VALUE")
        if key in changes:
            raise ParamsError(f"--set gives {key!r} twice; keep one of them")
        changes[key] = plain_yaml.parse(value, f"--set {key}")
    return changes


@app.command(
    context_settings={"ignore_unknown_options": True},  # which may be files; _known_or_there looks
    epilog="Examples:  thb detect clip.mp4   ·   thb detect videos/ --detector tall --detector lipfd   ·   "
    "thb detect a.mp4 b.mp4 --fit imported --cam heat --json scores.json   ·   thb detect -- -dash.mp4",
)
def detect(
    called: typer.Context,
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO…", help="video files, or folders to be searched")],
    detector: Annotated[
        list[str] | None, typer.Option(help="may be repeated; none: every network with weights")
    ] = None,
    fit: Annotated[str, typer.Option(help="all, ffpp, no-<generator>, or the name of imported weights")] = "all",
    finder: Annotated[
        str, typer.Option(help="what finds the faces: haar or yunet; none: as in training, else haar")
    ] = "",
    cam: Annotated[Path | None, typer.Option(metavar="DIR", help="put a Grad-CAM strip of each clip here")] = None,
    json: Annotated[str, typer.Option(metavar="FILE", help="write the findings as JSON; - for stdout")] = "",
) -> None:
    """Score your own videos with trained detectors.

    A file that cannot be scored is named and left out. A clip is read as the weights' training read its clips, whatever
    the active profile, and its score is held against the threshold that came with them.
    """
    _known_or_there(called, videos)
    from thb.detect import detect

    detect.run(*context.of_clone(), detect.Request(videos, detector or (), fit, finder, cam, json))


@app.command(
    epilog="Examples:  thb probe videos/ --name mine   ·   thb probe videos/ --name mine --reals reals/   ·   "
    "thb probe videos/ --name mine --no-reencode --out report/"
)
def probe(
    folder: Annotated[Path, typer.Argument(help="searched for videos of one generator, with the folders in it")],
    name: Annotated[str, typer.Option(help="what the generator is to be called")],
    reals: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="real videos of yours; none: the benchmark's test reals")
    ] = None,
    finder: Annotated[
        str, typer.Option(help="what finds the faces: haar or yunet; none: as in training, else haar")
    ] = "",
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="the report; none: probes/NAME")] = None,
    reencode: Annotated[
        bool, typer.Option("--reencode/--no-reencode", help="score the clips encoded again, too")
    ] = True,
) -> None:
    """Say how detectable a generator is.

    Every trained network scores the clips, nothing is trained. The report: whether the files alone give it away, who
    finds it and how surely, what is as hard among the known generators, what is seen where, what is left after
    re-encoding, and how many clips it would take to be sure. The last line is its path.
    """
    from thb.detect import probe

    print(probe.run(*context.of_clone(), probe.Asked(folder, name, reals, finder, out, reencode)))


def _known_or_there(called: typer.Context, videos: Iterable[Path]) -> None:
    """Refuse what begins with a dash and is no file: a mistaken option."""
    if odd := next((str(v) for v in videos if str(v).startswith("-") and not os.path.lexists(v)), None):
        known = [name for option in called.command.params for name in option.opts if name.startswith("--")]
        raise ParamsError(
            f"{odd!r} is neither an option nor a file; known options: {', '.join(known)}; "
            f"a file whose name begins with a dash comes after --, or as ./{odd}"
        )
