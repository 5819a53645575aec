"""The blocks of params.yaml, each as a type that refuses unknown keys."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["generator", "unseen", "real", "swap"]
Split = Literal["train", "val", "test"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Strict):
    role: Role
    folder: str
    printed: str
    family: Literal["diffusion", "non-diffusion"] | None = None
    driven_by: Literal["audio", "video"] | None = None      # what moves the face; none: not told, or not generated

    @property
    def label(self) -> int:
        """0 real, 1 fake."""
        return 0 if self.role == "real" else 1


class Protocol(Strict):
    title: str
    fit: Literal["all", "no-generator", "every-no", "ffpp"]
    fakes: list[Role]
    split: list[Split]
    reals: list[Split] = ["test"]
    printed: str | None = None      # the protocol under which the paper printed these cells
    disjoint: list[Literal["identity", "driver", "generator", "real"]]


class Metrics(Strict):
    fpr: dict[str, float]
    roc: Literal["step", "linear"]
    bootstrap: int = Field(ge=0)
    confidence: float = Field(gt=0, lt=1)
    seed: int

    @property
    def first_fpr(self) -> float:
        """The false-positive rate of the headline: T1's."""
        return next(iter(self.fpr.values()))


class Size(Strict):
    """How many numbers a network of the published size holds, and how many of them are trained."""

    total: int
    trainable: int


class DetectorEntry(Strict):
    printed: str | None
    control: bool = False
    sees: str | None = None             # what a control goes by, to follow "which sees"
    parameters: Size | None = None      # none: not a network
    defaults: dict[str, Any]


class Sound(Strict):
    """The log-mel spectrogram kept of a clip's sound."""

    rate: int = Field(ge=1000)      # Hz, mono
    fft: int = Field(ge=16)         # samples of one window
    hop: int = Field(ge=1)          # samples between windows
    mels: int = Field(ge=1)

    @property
    def hop_seconds(self) -> float:
        return self.hop / self.rate


class Store(Strict):
    """Frames kept a clip: `windows` evenly spaced starts x `run` consecutive frames, `size` px square."""

    windows: int = Field(ge=1)
    run: int = Field(ge=1)
    size: int = Field(ge=16)
    sound: Sound

    @property
    def frames(self) -> int:
        return self.windows * self.run


class Counts(Strict):
    train: int = Field(ge=0)
    val: int = Field(ge=0)
    test: int = Field(ge=0)


class Render(Strict):
    size: int = Field(ge=32)
    seconds: tuple[float, float]
    fingerprint: float = Field(ge=0)
    artefacts: float = Field(ge=0)
    curation: float = Field(gt=0)
    clips: dict[str, Counts]


class Ablation(Strict):
    """What a control corpus changes in `render`."""

    fingerprint: float | None = None
    artefacts: float | None = None


class Explain(Strict):
    """What `explain` does alike in every profile."""

    reference: str                  # its clips are shown of every other network too
    shown: int = Field(ge=1)        # frames of a clip
    sure: float = Field(ge=0, le=1)     # probability above which a detector's box is drawn
    boxes: int = Field(ge=1)        # at most, of a frame
    sanity: int = Field(ge=2)       # test clips


class Explained(Strict):
    """How much of it a profile affords."""

    units: int = Field(ge=1)        # of a clip
    reals: int = Field(ge=0)        # test clips of a fit; 0: all of them


class Fetch(Strict):
    """How the published dataset is downloaded."""

    repo: str                       # of the Hugging Face Hub
    workers: int = Field(ge=1)      # files at a time
    retries: int = Field(ge=0)      # of a file, since it last got further
    pause: float = Field(gt=0)      # seconds before the first of them, then twice as long each time
    timeout: float = Field(gt=0)    # seconds without a byte


class Net(Strict):
    """A small network of somebody else's: its hash, a file on the Hub, and the user's own copy of it ('' is none)."""

    repo: str = ""
    revision: str = ""
    file: str = ""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    path: str = ""


class Embedding(Strict):
    """A network that turns a face into a direction: what it is fed, and from when on two faces are one person's."""

    same: float = Field(gt=0, le=1)     # cosine of the angle between two directions
    mean: float = 0                     # it is fed (pixel - mean) / scale
    scale: float = Field(default=1, gt=0)


class Identity(Strict):
    """How the faces of clips are compared."""

    frames: Literal[1, 3, 5, 7, 9]      # of those kept of a clip; odd, so that the middle one is among them
    embeddings: dict[str, Embedding]    # names under `nets`


class Reals(Strict):
    """Where the user keeps the real videos, which the release lists and does not hold; '' is nowhere."""

    ffpp: str = ""                  # FaceForensics++: the folder with original_sequences
    celebvhq: str = ""              # CelebV-HQ: the folder with its clips
    compression: Literal["raw", "c23", "c40"] = "c23"   # of FaceForensics++
