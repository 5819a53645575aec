"""One command line, `thb <stage> …`; a stage is imported only when it is called."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from thb import __version__
from thb.cli import checking, choice, context, curation, handing_on, leaderboard, own_files, reencoding, running, scores
from thb.cli.own_files import Detector
from thb.core.errors import ParamsError, ThbError, printable

app = typer.Typer(
    name="thb",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Rebuild the tables, figures and book of TalkingHeadBench (arXiv 2505.24866).\n\n"
    "`dvc repro` calls these stages in order; `thb reproduce` does the same on every core.",
)

data = typer.Typer(no_args_is_help=True, help="What there is of the corpus.")
app.add_typer(data, name="data")
app.add_typer(scores.app, name="scores")
app.add_typer(leaderboard.app, name="leaderboard")

FULL = ("torch", "torchvision", "timm", "pytorch_grad_cam", "cv2", "av", "pyarrow", "sklearn", "dvc", "huggingface_hub")
INTERRUPTED = (129, 130, 143)  # the shell's own codes for a closed terminal, Ctrl-C and SIGTERM

Variant = Annotated[str, typer.Option(help="a control corpus of params.yaml `ablations` instead of the main one")]


@app.command(
    epilog="Examples:  thb fetch   ·   thb fetch --variant no_fingerprint   ·   thb fetch --verify   ·   "
    "THB_RAW_DIR=/mnt/talkingheadbench thb fetch   ·   HF_ENDPOINT=https://a-mirror.example thb fetch"
)
def fetch(
    variant: Variant = "",
    verify: Annotated[bool, typer.Option(help="hash every file that is here again (downloaded corpus)")] = False,
) -> None:
    """Put the corpus into data/raw; an interrupted run resumes.

    A rendered corpus (profile mini) is made here. The published one (profile paper) comes from the Hugging Face Hub,
    each file verified; HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are heeded, and THB_RAW_DIR names a copy you have.
    """
    from thb.corpus import fetch

    fetch.run(*context.of_clips(variant), verify)


@app.command(epilog="Examples:  thb prepare hallo   ·   thb prepare hallo hallo2 --variant no_artefacts")
def prepare(
    sources: Annotated[list[str] | None, typer.Argument(help="names under `sources` in params.yaml; none: all")] = None,
    variant: Variant = "",
) -> None:
    """Decode clips into the neutral store: frames, mel, facts."""
    from thb.clips import prepare

    paths, params = context.of_clips(variant)
    for source in sources or ():
        params.source(source)
    for source in sources or [name for name in params.sources if name not in paths.shared]:
        prepare.run(paths, params, source)


@app.command(epilog="Example:  thb split")
def split(variant: Variant = "") -> None:
    """Say which clips train, validate and test each fit.

    What must be disjoint is proved, or reported.
    """
    from thb.splits import split

    split.run(*context.of_clips(variant))


@app.command(epilog="Examples:  thb identity   ·   thb identity sface   ·   THB_SFACE=~/sface.onnx thb identity sface")
def identity(
    nets: Annotated[
        list[str] | None,
        typer.Argument(help="names under `identity.embeddings` in params.yaml; none: those of `identity_checks`"),
    ] = None,
) -> None:
    """Compare the faces of training and test (optional).

    By a network, whose weights it needs, and whatever the people are called.
    """
    from thb.splits.look_alikes import identity

    identity.run(*context.of_clone(), nets or ())


@data.command(epilog="Examples:  thb data status   ·   THB_FFPP=~/FaceForensics++ thb data status")
def status() -> None:
    """Count the clips that are there; say what they allow.

    Clips that are missing, in no list or damaged are counted too.
    """
    from thb.status import data_status

    data_status.run(*context.of_clips())


ShuffleLabels = Annotated[
    bool,
    typer.Option(help="fits on shuffled labels, as many as `label_checks` asks for (results/shuffled_labels)"),
]
EveryFit = Annotated[str, typer.Argument(help="ffpp, all, or no-<generator>; none: every one of them")]


@app.command(
    epilog="Examples:  thb train tall   ·   thb train tall no-hallo   ·   "
    "thb train tall all --variant no_artefacts   ·   thb train container all --shuffle-labels"
)
def train(detector: Detector, fit: EveryFit = "", variant: Variant = "", shuffle_labels: ShuffleLabels = False) -> None:
    """Train a detector's fits; a killed one resumes.

    It does so at its last epoch. What is asked for is trained; whether it has to be, `dvc repro` knows.
    """
    from thb.fits import train
    from thb.fits.absent import Fit

    stage = train.run_shuffled_labels if shuffle_labels else train.run
    paths, params = context.of_fit(detector, fit or "all", variant)
    for each in [fit] if fit else params.fits:
        if not Fit(paths, params, detector, each, shuffle_labels).skips_training():
            stage(paths, params, detector, each)


@app.command(epilog="Examples:  thb score tall   ·   thb score tall all   ·   thb score lipfd all --shuffle-sound")
def score(
    detector: Detector,
    fit: EveryFit = "",
    variant: Variant = "",
    shuffle_sound: Annotated[
        bool, typer.Option(help="give each clip another one's sound (results/shuffled_sound)")
    ] = False,
    shuffle_labels: ShuffleLabels = False,
) -> None:
    """Score every clip that a fit may be tested on."""
    from thb.fits import score
    from thb.fits.absent import Fit
    from thb.fits.score_files import SCORES, SHUFFLED_LABELS, SHUFFLED_SOUND

    if shuffle_sound and shuffle_labels:
        raise ParamsError("--shuffle-sound and --shuffle-labels are two checks; ask for one at a time")
    stage = score.run_shuffled_sound if shuffle_sound else score.run_shuffled_labels if shuffle_labels else score.run
    what = SHUFFLED_SOUND if shuffle_sound else SHUFFLED_LABELS if shuffle_labels else SCORES
    paths, params = context.of_fit(detector, fit or "all", variant)
    for each in [fit] if fit else params.fits:
        if not Fit(paths, params, detector, each, shuffle_labels).skips_scoring(what):
            stage(paths, params, detector, each)


@app.command(epilog="Example:  thb evaluate")
def evaluate(variant: Variant = "") -> None:
    """Turn scores into cells with intervals."""
    from thb.cells import evaluate

    evaluate.run(*context.of_clone(variant))


@app.command(epilog="Example:  thb explain tall")
def explain(detector: Annotated[str, typer.Argument(help="a name under `explained` in params.yaml")]) -> None:
    """Say what a network's heat maps lie on (results/cams)."""
    from thb.fits.absent import skips_explaining

    paths, params = context.of_clone()
    if not skips_explaining(paths, params, detector):
        from thb.cams import explain

        explain.run(paths, params, detector)


@app.command(epilog="Example:  thb code")
def code() -> None:
    """List for DVC the code and settings that stages rest on."""
    from thb.cli import code_lists

    code_lists.run(*context.of_clone())


@app.command(epilog="Example:  thb containers")
def containers() -> None:
    """Write each clip's kind of file: frame rate, size, codecs.

    By them the AUC among files that are alike is computed, without a clip.
    """
    from thb.cells import containers

    containers.run(*context.of_clone())


@app.command(epilog="Example:  thb contact")
def contact() -> None:
    """Keep a few frames of each source for the book.

    Of the embedded corpus only.
    """
    from thb.clips import contact

    contact.run(*context.of_clone())


@app.command(epilog="Examples:  thb exhibit table5   ·   thb exhibit tableD10")
def exhibit(name: Annotated[str, typer.Argument(help="a name under `exhibits` in params.yaml")]) -> None:
    """Run one exhibit's notebook and write its files."""
    from thb.book import exhibit

    exhibit.run(*context.of_clone(), name)


@app.command(epilog="Example:  thb book")
def book() -> None:
    """Build the book; warnings are errors.

    The last line is the path of its first page.
    """
    from thb.book import book

    book.run(*context.of_clone())


for group in (running, choice, own_files, curation, reencoding, checking, handing_on):
    app.registered_commands += group.app.registered_commands


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False) -> None:
    if version:
        print(f"thb {__version__}")
        raise typer.Exit


def main() -> None:
    """Run a command; a user's error is one line and exit code 2, Ctrl-C one line and 130.

    So is a package of FULL that a light installation leaves out.
    """
    try:
        app()
    except ThbError as error:
        print(f"thb: {printable(error)}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as lacking:
        package = (lacking.name or "").split(".")[0]
        if package not in FULL:
            raise
        print(f"thb: {package} is not installed: this needs the whole environment; `make install`", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:  # as which typer passes a Ctrl-C on
        if end.code in INTERRUPTED:
            print("thb: interrupted; run the same command again to go on", file=sys.stderr)
        raise
