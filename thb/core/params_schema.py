"""The blocks of params.yaml, each as a type that refuses unknown keys and numbers out of their range."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from thb.core.ranges import (
    Amount,
    Commit,
    Count,
    Digest,
    Exact,
    Factor,
    Flag,
    Name,
    Once,
    Parameters,
    Place,
    Positive,
    Repository,
    Seed,
    Share,
    Side,
    Some,
    Strength,
    Text,
    Whole,
    broken,
    shown,
)

Role = Literal["generator", "unseen", "real", "swap"]
Split = Literal["train", "val", "test"]
BELOW: dict[Role, str] = {"generator": "fake/", "unseen": "fake/", "real": "real/", "swap": "real/"}
# The roles that each kind of fit leaves for testing, and of which splits; all else it has seen, or has no scores of.
TESTS: dict[str, tuple[tuple[Role, ...], tuple[Split, ...]]] = {
    "all": (("generator", "unseen"), ("test",)),
    "no-generator": (("generator",), ("train", "val", "test")),
    "every-no": (("unseen",), ("test",)),
    "ffpp": (("swap", "generator"), ("test",)),
}
TRAINED = {"all": "generator", "ffpp": "swap"}  # the role whose sources both train and test
# What the paper tests under each of its protocols: by which fits, and on which splits (P2: with the validation clips
# or without).
PRINTED: dict[str | None, tuple[tuple[str, ...], tuple[list[Split], ...]]] = {
    "P1": (("all",), (["test"],)),
    "P2": (("no-generator",), (["train"], ["train", "val"])),
    "P3": (("no-generator", "every-no"), (["test"],)),
}
HEADLINE = "T1"  # every page's first rate


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Strict):
    role: Role
    folder: Annotated[str, Field(pattern=r"^(fake|real)(/[A-Za-z0-9][A-Za-z0-9._+-]{0,79}){1,8}$")]  # below data/raw
    printed: Text
    family: Literal["diffusion", "non-diffusion"] | None = None
    driven_by: Literal["audio", "video"] | None = None  # what moves the face; none: not told, or not generated

    @property
    def label(self) -> int:
        """0 real, 1 fake."""
        return 0 if self.role == "real" else 1

    @model_validator(mode="after")
    def _lies_where_its_role_does(self) -> Self:
        if not self.folder.startswith(below := BELOW[self.role]):
            raise broken(
                f".folder = {self.folder!r}: a source of role {self.role} lies below {below}, as in the release"
            )
        return self


class Protocol(Strict):
    title: Text
    fit: Literal["all", "no-generator", "every-no", "ffpp"]
    fakes: Annotated[list[Role], Once]
    split: Annotated[list[Split], Once]
    reals: Annotated[list[Split], Once] = ["test"]
    printed: Text | None = None  # the protocol under which the paper printed these cells
    disjoint: Annotated[list[Literal["identity", "driver", "generator", "real"]], Once]

    @model_validator(mode="after")
    def _tests_what_its_fit_has_not_seen(self) -> Self:
        for key in ("fakes", "split", "reals"):
            if not getattr(self, key):
                raise broken(f".{key} is empty: nothing would be tested")
        roles, splits = TESTS[self.fit]
        if odd := [role for role in self.fakes if role not in roles]:
            raise broken(f".fakes names {odd[0]!r}, of which fit {self.fit!r} tests none; it tests {', '.join(roles)}")
        if odd := [split for split in self.split if split not in splits]:
            raise broken(
                f".split names {odd[0]!r}, whose clips fit {self.fit!r} has seen; "
                f"it may be tested on {', '.join(splits)}"
            )
        if self.reals != ["test"]:
            raise broken(f".reals = {self.reals}: every fit has seen the other reals; write [test]")
        if "generator" in self.disjoint and (seen := TRAINED.get(self.fit)) in self.fakes:
            raise broken(
                f".disjoint promises 'generator', but fit {self.fit!r} is trained on what it is tested "
                f"on, those of role {seen!r}"
            )
        fits, printed = PRINTED.get(self.printed, ((self.fit,), (self.split,)))
        if self.fit not in fits or self.split not in printed:
            raise broken(
                f" sets fit {self.fit!r} on {self.split} beside the paper's {self.printed}, which is of "
                f"{' or '.join(fits)} on {' or '.join(map(str, printed))}; write printed: null"
            )
        return self


class Metrics(Strict):
    fpr: dict[str, Some]
    roc: Literal["step", "linear"]
    bootstrap: Annotated[int, Field(strict=True, ge=10, le=100_000)]  # fewer resamples have no tails to read
    confidence: Annotated[Some, Field(ge=0.5)]
    seed: Seed

    @property
    def first_fpr(self) -> float:
        """The false-positive rate of the headline: T1's."""
        return next(iter(self.fpr.values()))

    @model_validator(mode="after")
    def _rates_are_called_by_their_percent(self) -> Self:
        for name, rate in self.fpr.items():
            if name != (right := f"T{100 * rate:.10g}"):
                raise broken(f".fpr: {shown(name)} is not the name of a rate of {rate:g}; write {right}: {rate:g}")
        if next(iter(self.fpr), None) != HEADLINE:
            raise broken(
                f".fpr must begin with {HEADLINE}: 0.01, the rate that every page shows first; "
                f"it has {', '.join(self.fpr) or 'none'}"
            )
        return self


class Size(Strict):
    """How many numbers a network of the published size holds, and how many of them are trained."""

    total: Parameters
    trainable: Parameters

    @model_validator(mode="after")
    def _no_more_are_trained_than_there_are(self) -> Self:
        if self.trainable > self.total:
            raise broken(f": {self.trainable} are trainable, of {self.total} in total")
        return self


class DetectorEntry(Strict):
    printed: Text | None
    control: Flag = False
    sees: Text | None = None  # what a control goes by, to follow "which sees"
    parameters: Size | None = None  # none: not a network
    defaults: dict[str, Any]

    @model_validator(mode="after")
    def _is_printed_or_a_control(self) -> Self:
        if self.control != (self.printed is None):
            raise broken(
                ": a detector of the paper's is printed and no control, a control of ours is "
                f"control: true and printed: null (printed: {self.printed}, control: {self.control})"
            )
        if self.control != (self.sees is not None):
            raise broken(
                f": a control says what it sees, a detector of the paper's does not (sees: {shown(self.sees)})"
            )
        return self


class Exhibit(BaseModel):
    """What an exhibit gives its notebook, as far as several kinds share it; the notebook says what else it knows."""

    model_config = ConfigDict(extra="allow")

    notebook: Name
    protocol: Name | None = None
    before: Name | None = None
    after: Name | None = None
    one_by_one: Name | None = None
    protocols: Annotated[list[Name], Once] = []
    detector: Name | None = None
    chosen_by: Name | None = None
    detectors: Annotated[list[Name], Once] = []
    generators: Annotated[list[Name], Once] = []
    metric: Text | None = None
    metrics: Annotated[list[Text], Once] = []
    rules: list[Literal["caught_fake", "missed_fake", "accused_real", "cleared_real"]] = []
    palette: Text | None = None
    frames: Annotated[Count, Field(le=100)] | None = None
    table: Annotated[Literal[1, 2, 3], Exact] | None = None
    by: Literal["protocol", "generator"] | None = None
    reference: Literal["v1", "later"] | None = None
    sure: Share | None = None
    solved: Share | None = None
    threshold: Share | Text | None = None  # or the rate whose threshold is meant


class Sound(Strict):
    """The log-mel spectrogram kept of a clip's sound."""

    rate: Annotated[int, Field(strict=True, ge=1000, le=192_000)]  # Hz, mono
    fft: Annotated[int, Field(strict=True, ge=16, le=65_536)]  # samples of one window
    hop: Annotated[int, Field(strict=True, ge=1, le=65_536)]  # samples between windows
    mels: Annotated[Count, Field(le=1024)]

    @property
    def hop_seconds(self) -> float:
        return self.hop / self.rate

    @model_validator(mode="after")
    def _windows_hold_all_sound(self) -> Self:
        if self.hop > self.fft:
            raise broken(f".hop {self.hop} is longer than the window, fft {self.fft}: sound would be left out")
        if self.mels > (bins := self.fft // 2 + 1):
            raise broken(f".mels {self.mels}: a window of {self.fft} samples has {bins} bands at most")
        return self


class FaceStore(Strict):
    """The square that is kept about the face of every kept frame."""

    size: Side  # pixels of its side
    margin: Annotated[Factor, Field(ge=1)]  # of the square, times the box


class Store(Strict):
    """Frames kept a clip: `windows` evenly spaced starts x `run` consecutive frames, whole (`size` px) and the face."""

    windows: Annotated[Count, Field(le=1000)]
    test_windows: Annotated[Count, Field(le=1000)]  # of them, evenly spaced: those that a test sees; training sees all
    run: Annotated[Count, Field(le=1000)]
    size: Side
    face: FaceStore
    sound: Sound

    @model_validator(mode="after")
    def _tests_have_their_windows(self) -> Self:
        if self.test_windows > self.windows:
            raise broken(f".test_windows {self.test_windows} is more than windows: {self.windows}")
        return self

    @property
    def frames(self) -> int:
        return self.windows * self.run


class Counts(Strict):
    train: Whole
    val: Whole
    test: Whole


class Render(Strict):
    size: Annotated[Side, Field(ge=32)]
    seconds: tuple[Annotated[Factor, Field(ge=0.2)], Annotated[Factor, Field(ge=0.2)]]  # least, most
    fingerprint: Strength
    artefacts: Strength
    curation: Annotated[Strength, Field(gt=0)]
    clips: dict[Name, Counts]

    @model_validator(mode="after")
    def _shorter_length_comes_first(self) -> Self:
        least, most = self.seconds
        if least > most:
            raise broken(f".seconds = [{least:g}, {most:g}]: the shorter length comes first")
        return self


class Ablation(Strict):
    """What a control corpus changes in `render`."""

    fingerprint: Strength | None = None
    artefacts: Strength | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.fingerprint is None and self.artefacts is None:
            raise broken(f" changes nothing; known: {', '.join(type(self).model_fields)}")
        return self


class Explain(Strict):
    """What `explain` does alike in every profile."""

    reference: Name  # its clips are shown of every other network too
    shown: Annotated[Count, Field(le=100)]  # frames of a clip
    sure: Share  # probability above which a detector's box is drawn
    boxes: Annotated[Count, Field(le=100)]  # at most, of a frame
    sanity: Annotated[Count, Field(ge=2)]  # test clips


class Explained(Strict):
    """How much of `explain` a profile affords."""

    units: Count  # of a clip
    reals: Whole  # test clips of a fit; 0: all of them


class Fetch(Strict):
    """How the published dataset is downloaded."""

    repo: Repository  # of the Hugging Face Hub
    workers: Annotated[Count, Field(le=64)]  # files at a time
    retries: Annotated[Whole, Field(le=100)]  # of a file, since it last got further
    pause: Annotated[Positive, Field(le=600)]  # seconds before the first of them, then twice as long each time
    timeout: Annotated[Positive, Field(le=3600)]  # seconds without a byte


class Net(Strict):
    """A small network of somebody else's: its hash, a file on the Hub, and the user's own copy of it ('' is none)."""

    repo: Repository | Literal[""] = ""
    revision: Commit | Literal[""] = ""
    file: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*)?$")] = ""
    sha256: Digest
    path: Place = ""

    @model_validator(mode="after")
    def _names_a_file_on_the_hub_whole(self) -> Self:
        if len({bool(part) for part in (self.repo, self.revision, self.file)}) > 1:
            raise broken(": repo, revision and file name a file on the Hub together; write all three, or none")
        return self


class Embedding(Strict):
    """A network that turns a face into a direction: what it is fed, and from when on two faces are one person's."""

    same: Annotated[Share, Field(gt=0)]  # cosine of the angle between two directions
    mean: Annotated[Amount, Field(le=255)] = 0  # it is fed (pixel - mean) / scale
    scale: Annotated[Positive, Field(le=255)] = 1


class Identity(Strict):
    """How the faces of clips are compared."""

    frames: Annotated[Literal[1, 3, 5, 7, 9], Exact]  # of those kept of a clip, the middle one among them
    embeddings: dict[Name, Embedding]  # names under `nets`


class Reals(Strict):
    """Where the user keeps the real videos, which the release lists and does not hold; '' is nowhere."""

    ffpp: Place = ""  # FaceForensics++: the folder with original_sequences
    celebvhq: Place = ""  # CelebV-HQ: the folder with its clips
    compression: Literal["raw", "c23", "c40"] = "c23"  # of FaceForensics++
