"""The blocks of params.yaml, each as a type that refuses unknown keys and numbers out of their range."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from thb.core.ranges import (
    Amount,
    Commit,
    Count,
    Digest,
    Exact,
    Factor,
    Flag,
    Name,
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
)

Role = Literal["generator", "unseen", "real", "swap"]
Split = Literal["train", "val", "test"]


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


class Protocol(Strict):
    title: Text
    fit: Literal["all", "no-generator", "every-no", "ffpp"]
    fakes: list[Role]
    split: list[Split]
    reals: list[Split] = ["test"]
    printed: Text | None = None  # the protocol under which the paper printed these cells
    disjoint: list[Literal["identity", "driver", "generator", "real"]]


class Metrics(Strict):
    fpr: dict[str, Some]
    roc: Literal["step", "linear"]
    bootstrap: Annotated[int, Field(strict=True, ge=10, le=100_000)]  # fewer draws have no tails to read
    confidence: Annotated[Some, Field(ge=0.5)]
    seed: Seed

    @property
    def first_fpr(self) -> float:
        """The false-positive rate of the headline: T1's."""
        return next(iter(self.fpr.values()))


class Size(Strict):
    """How many numbers a network of the published size holds, and how many of them are trained."""

    total: Parameters
    trainable: Parameters


class DetectorEntry(Strict):
    printed: Text | None
    control: Flag = False
    sees: Text | None = None  # what a control goes by, to follow "which sees"
    parameters: Size | None = None  # none: not a network
    defaults: dict[str, Any]


class Exhibit(BaseModel):
    """What an exhibit gives its notebook, as far as several kinds share it; the notebook says what else it knows."""

    model_config = ConfigDict(extra="allow")

    notebook: Name
    protocol: Name | None = None
    before: Name | None = None
    after: Name | None = None
    one_by_one: Name | None = None
    protocols: list[Name] = []
    detector: Name | None = None
    chosen_by: Name | None = None
    detectors: list[Name] = []
    generators: list[Name] = []
    metric: Text | None = None
    metrics: list[Text] = []
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


class Store(Strict):
    """Frames kept a clip: `windows` evenly spaced starts x `run` consecutive frames, `size` px square."""

    windows: Annotated[Count, Field(le=1000)]
    run: Annotated[Count, Field(le=1000)]
    size: Side
    sound: Sound

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


class Ablation(Strict):
    """What a control corpus changes in `render`."""

    fingerprint: Strength | None = None
    artefacts: Strength | None = None


class Explain(Strict):
    """What `explain` does alike in every profile."""

    reference: Name  # its clips are shown of every other network too
    shown: Annotated[Count, Field(le=100)]  # frames of a clip
    sure: Share  # probability above which a detector's box is drawn
    boxes: Annotated[Count, Field(le=100)]  # at most, of a frame
    sanity: Annotated[Count, Field(ge=2)]  # test clips


class Explained(Strict):
    """How much of it a profile affords."""

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
