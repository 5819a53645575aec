"""What all networks under test share: clips in, one probability of fake per clip out.

A network's own file says what it does with frames (`view`), with a view (`forward`), and where a
heat map is read (`cam_layer`). What must be equal for a fair comparison is here: which frames are
seen, how units become a clip's score, how it is trained, how weights are kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, Protocol, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Generator, Tensor, nn
from typing_extensions import TypeVar

from thb.core.errors import DataError, ParamsError
from thb.core.ranges import REPOSITORY, Amount, Count, Part, Positive, Share, Side, Strength, Whole, shown
from thb.detectors.parts.images import native_fits

ORIGIN = rf"none|[^\x00]+\.safetensors|hub:{REPOSITORY}(@[A-Za-z0-9][A-Za-z0-9._-]*)?"  # of `init_weights`


_NONE = torch.empty(0)


class Sound(Protocol):
    mels: int


class FaceStore(Protocol):
    size: int


class Store(Protocol):
    """What a network has to know of a clip store (params.yaml's `store`)."""

    windows: int
    test_windows: int
    run: int
    size: int

    @property
    def face(self) -> FaceStore: ...

    @property
    def sound(self) -> Sound: ...


@dataclass(frozen=True)
class Training:
    """Settings that every network has; its Config adds its own. Values live in params.yaml."""

    compat: Literal["fixed", "official"]  # official: the published code's habits, faults included
    start_from: Literal["scratch", "ffpp"]  # ffpp: the fit on face swaps
    init_weights: str  # none | a safetensors file | hub:<repository>@<revision>
    size: Side  # pixels of the side of a face's crop
    flip: Share  # chance of mirroring a clip in training
    epochs: Count  # at most
    patience: Whole  # checks of the validation AUC without a better one, after which it stops; 0: no such rule
    max_hours: Amount  # of its epochs, after which it stops; 0: no such rule
    repeats: Count  # times an epoch visits each clip
    batch: Count  # clips
    last_batch: Literal["keep", "drop", "fill"]  # of an epoch, where it is small; fill: with the epoch's first clips
    train_units: Count  # units sampled from a clip for one training step
    test_units: Count  # units of a clip that are scored
    score_batch: Count  # clips scored at once
    pool: Literal["logit", "probability"]  # what is averaged over a clip's units
    optimiser: Literal["adamw", "sgd"]
    momentum: Part  # AdamW's first beta, or SGD's momentum
    weight_decay: Strength
    decay: Literal["all", "matrices"]  # matrices: biases, gains and norms are not decayed
    clip_grad: Amount  # no element of a gradient beyond this; 0: no limit
    precision: Literal["float32", "bfloat16", "float16"]  # of products in training; all else is float32
    record: Literal["auto", "off"]  # auto: on a GPU a training step is recorded once and replayed
    lr: Annotated[Positive, Field(le=10)]  # at the end of the warm-up
    schedule: Literal["cosine", "cosine_after_warmup", "steps"]
    lr_steps: tuple[tuple[Amount, Strength], ...]  # steps: (epoch, the rate from there on)
    warmup_epochs: Amount
    warmup_lr: Strength
    min_lr: Strength  # cosine's end
    lr_every: Literal["epoch", "batch"]  # how often the rate moves
    lr_delay: Whole  # epochs by which the schedule lags
    label_smoothing: Part

    def __post_init__(self) -> None:
        """Raises ParamsError where settings contradict each other; a detector's Config adds its own checks."""
        if not re.fullmatch(ORIGIN, self.init_weights):
            raise ParamsError(
                f"init_weights {shown(self.init_weights)}; known: none, a .safetensors file, "
                "hub:<owner>/<name>@<revision>"
            )
        for key in ("warmup_epochs", "lr_delay"):
            if getattr(self, key) > self.epochs:
                raise ParamsError(f"{key} {getattr(self, key):g} is more than epochs: {self.epochs}; make it less")
        for key in ("warmup_lr", "min_lr"):
            if getattr(self, key) > self.lr:
                raise ParamsError(f"{key} {getattr(self, key):g} is more than lr: {self.lr:g}; make it less")
        starts = [start for start, _ in self.lr_steps]
        if starts != sorted(set(starts)):
            raise ParamsError(f"lr_steps begin at epochs {starts}; each must begin after the one before")

    @property
    def makes_fakes(self) -> bool:
        """Whether it trains on fakes of its own making, and so learns even from shuffled labels."""
        return False

    def check_store(self, store: Store, length: int, explained: int = 0) -> None:
        """Refuse a clip store that lacks the units of `length` frames that are wanted."""
        for key, units in (("test_units", self.test_units), ("explain.units", explained)):
            if units > (kept := store.test_windows * (store.run // length)):
                raise ParamsError(
                    f"{key} {units}: a test sees {kept} units of {length} frames a clip; "
                    "raise store.test_windows or store.run"
                )
        if self.train_units > store.windows:
            raise ParamsError(
                f"train_units {self.train_units}: the store keeps {store.windows} windows a clip; raise store.windows"
            )
        if getattr(self, "crop", None) == "native":
            native_fits(self.size, store.face.size)

    def _divides(self, key: str, of: int, by: str, what: int) -> None:
        if of % what:
            raise ParamsError(f"{key} {of} is no multiple of {by}: {what}; change one of them")

    def _check_halvings(self, stem_width: int, patch: int) -> None:
        """What `stem: highpass` of a network of tokens needs."""
        if not stem_width or patch & (patch - 1):
            raise ParamsError(
                f"stem: highpass halves until a pixel is a patch: stem_width {stem_width} must be "
                f"positive, patch {patch} a power of 2"
            )


@dataclass(frozen=True)
class Clips:
    """A batch of B clips, U units of L consecutive frames each, on the network's device."""

    frames: Tensor  # uint8 [B, U, L, S, S, 3] RGB: squares about the face, or whole frames, as the network `sees`
    times: Tensor  # float [B, U, L]: seconds since the clip's first frame
    boxes: Tensor  # float [B, U, L, 4] x0 y0 x1 y1, fractions of the frames' side
    landmarks: Tensor  # float [B, U, L, 5, 2] x y, fractions of the frames' side; NaN where no face was found
    squares: Tensor  # float [B, U, L, 4] x0 y0 x1 y1: where `frames` lie, fractions of the whole frames' side
    labels: Tensor  # int64 [B], 1 = fake; on the CPU, as what decides on shapes is
    mel: Tensor = _NONE  # float [B, F, M] log10 power; NaN where nothing is heard; only if it `hears`
    mel_hop: float = 0.0  # seconds between mel frames: frame k is centred at k hops
    originals: Tensor = (
        _NONE  # uint8 like frames: the real ones a swap was laid over, same place; only if it `compares`
    )
    paired: Tensor = _NONE  # bool [B]: whether the clip has an original (without one, its own frames); on the CPU


Settings = TypeVar("Settings", bound=Training, default=Training, covariant=True)
View = TypeVar("View", default=Tensor | tuple[Tensor, ...])  # a network's own input


class Network(nn.Module, Generic[Settings, View]):
    """A detector that sees frames; subclasses write `view`, `forward`, `cam_layer` and `published_names`."""

    reads: ClassVar[Literal["frames"]] = "frames"
    sees: ClassVar[Literal["face", "whole"]] = "face"  # which of the stored pictures are its `Clips.frames`
    hears: ClassVar[bool] = False  # needs `Clips.mel`: a clip without sound has no score
    compares: ClassVar[bool] = False  # trains on `Clips.originals`
    length: ClassVar[int] = 1  # consecutive frames of one unit
    convolves: ClassVar[bool] = False  # mostly: on a GPU its weights lie with channels last
    unused: ClassVar[tuple[str, ...]] = ()  # names in a published file that the network has no use for (globs)
    undecayed: ClassVar[tuple[str, ...]] = ()  # parameters that `weight_decay` spares, whatever `decay` says

    config: Settings

    def __init__(self, config: Settings) -> None:
        super().__init__()
        self.config = config

    def mirrored(self, clips: Clips, rng: Generator | None) -> Tensor | None:
        """bool [B], by `rng`: which clips are mirrored; None in a test."""
        if rng is None:
            return None
        return moved(torch.rand(len(clips.labels), generator=rng) < self.config.flip, clips.frames.device)

    def view(self, clips: Clips, rng: Generator | None) -> View:
        """The network's own input, [B * U, …]; augmented by draws from `rng`, as in a test if None."""
        raise NotImplementedError

    def forward(self, view: View) -> Tensor:
        """[B * U, …] -> logits [B * U, 2], real then fake, or [B * U, 1] of fake against real."""
        raise NotImplementedError

    def cam_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """The layer a heat map is read from, and what turns its output into [B * U, channels, h, w]."""
        raise NotImplementedError

    def shown(self, clips: Clips) -> Tensor:
        """float [B * U, L, 3, h, w] RGB in 0..1: what a heat map lies over; a network that crops shows its crops."""
        return clips.frames.flatten(0, 1).permute(0, 1, 4, 2, 3).float() / 255

    def sound_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """As `cam_layer`, of what was heard: columns are time; a network that `hears` has one."""
        raise NotImplementedError

    def sound_shown(self, clips: Clips) -> Tensor:
        """float [B * U, 3, h, w] RGB in 0..1, low frequencies at the top: what a heat map of the sound lies over."""
        raise NotImplementedError

    def boxes(self, view: View) -> tuple[Tensor, Tensor] | None:
        """Boxes that the network itself draws, [N, M, 4] fractions of `shown`, and how sure [N, M]; or None."""

    def frames_of_map(self, maps: Tensor, units: int) -> Tensor:
        """Heat maps [units * m, h, w] -> [units, L, h, w], one a frame of `shown`.

        Here each frame's first where m counts frames, else the unit's for all of its frames.
        """
        each = maps.unflatten(0, (units, -1))
        if each.shape[1] % self.length == 0:
            return each.unflatten(1, (self.length, -1))[:, :, 0]
        return each[:, :1].expand(-1, self.length, -1, -1)

    def published_names(self) -> dict[str, str]:
        """Own name -> published name of every tensor of the state; imports go by it."""
        raise NotImplementedError

    @classmethod
    def published_settings(cls, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """Settings that a published file's tensors imply; all others are the defaults."""
        return {}

    def warm_start(self) -> None:
        """Load what a fit from scratch starts from; nothing unless the detector has such weights."""

    def unit_logits(self, clips: Clips, rng: Generator | None = None) -> Tensor:
        """float [B, U, 1 or 2]."""
        return self(self.view(clips, rng)).float().unflatten(0, (-1, clips.frames.shape[1]))

    def loss(self, clips: Clips, rng: Generator) -> Tensor:
        """The scalar to be minimised on a training batch."""
        return self.loss_of(self.training_batch(clips, rng))

    def training_batch(self, clips: Clips, rng: Generator) -> tuple[Tensor, ...]:
        """All that `loss_of` needs, on the device; here the view's tensors, then labels [B]."""
        view: Any = self.view(clips, rng)
        return *(view if isinstance(view, tuple) else (view,)), moved(clips.labels, clips.frames.device)

    def loss_of(self, batch: Sequence[Tensor]) -> Tensor:
        """The loss of a `training_batch`: nothing in it asks the device for a number, so that it can be recorded."""
        *view, labels = batch
        logits = self(view[0] if len(view) == 1 else tuple(view)).float()
        return self.label_loss(logits.unflatten(0, (len(labels), -1)), labels)

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of [B, U, 2]: of each clip's mean logits, or of each unit's, as they are pooled."""
        if self.config.pool == "logit":
            logits = logits.mean(dim=1, keepdim=True)
        labels = labels[:, None].expand(logits.shape[:2]).flatten()
        return F.cross_entropy(logits.flatten(0, 1), labels, label_smoothing=self.config.label_smoothing)

    def score(self, clips: Clips) -> Tensor:
        """float64 [B] in [0, 1]: the probability of fake."""
        logits = self.unit_logits(clips).double()
        if self.config.pool == "logit":
            return fake_probability(logits.mean(dim=1))
        return fake_probability(logits).mean(dim=1)

    def optimiser(self) -> torch.optim.Optimizer:
        """Of what is trained; frozen parameters are left out."""
        c, kept = self.config, {name: p for name, p in self.named_parameters() if p.requires_grad}
        spares = {n for n, p in kept.items() if n in self.undecayed or (p.ndim <= 1 and c.decay == "matrices")}
        spared, decayed = ([p for n, p in kept.items() if (n in spares) is which] for which in (True, False))
        groups = [{"params": decayed, "weight_decay": c.weight_decay}, {"params": spared, "weight_decay": 0.0}]
        if c.optimiser == "sgd":
            return torch.optim.SGD(groups, lr=c.lr, momentum=c.momentum, fused=True)
        recorded = any(p.is_cuda for p in kept.values())
        return torch.optim.AdamW(groups, lr=c.lr, betas=(c.momentum, 0.999), fused=True, capturable=recorded)

    def rate(self, epoch: float) -> float:
        """The learning rate after `epoch` epochs (a fraction while one runs)."""
        c = self.config
        reached = max(0.0, (math.floor(epoch) if c.lr_every == "epoch" else epoch) - c.lr_delay)
        if c.schedule == "steps":
            return next((rate for start, rate in reversed(c.lr_steps) if reached >= start), c.lr)
        return warm_cosine(c, reached)

    def kept(self) -> dict[str, Tensor]:
        """What a weights file holds: the whole state, or less if the detector has the rest from elsewhere."""
        return self.state_dict()

    def save(self, path: Path, about: dict[str, str]) -> None:
        save_file({k: v.detach().cpu().contiguous() for k, v in self.kept().items()}, path, about)

    def restore(self, path: Path) -> Self:
        """Itself in eval mode, with a file's weights; every name and shape must match."""
        self.take_weights(load_file(path), path)
        return self.eval()

    def take_weights(self, weights: dict[str, Tensor], path: Path) -> None:
        """Load weights that must fit exactly; the first misfit is named."""
        own = {k: tuple(v.shape) for k, v in self.kept().items()}
        given = {k: tuple(v.shape) for k, v in weights.items()}
        if odd := sorted(own.items() ^ given.items()):
            name = odd[0][0]
            raise DataError(
                f"{path} does not fit the network: {name} is {given.get(name, 'absent')} there, "
                f"{own.get(name, 'absent')} here ({len({k for k, _ in odd})} names differ)"
            )
        self.load_state_dict({**self.state_dict(), **weights})


def moved(drawn: Tensor, device: torch.device) -> Tensor:
    """A small tensor on the device; nobody waits until it is there."""
    return drawn.to(device, non_blocking=True)


def beside(rng: Generator, device: torch.device) -> Generator:
    """A generator of the device's own, seeded by the next draw of `rng`, a CPU's; on the CPU `rng` itself."""
    if device.type == "cpu":
        return rng
    return Generator(device).manual_seed(int(torch.randint(2**62, (), generator=rng)))


def fake_probability(logits: Tensor) -> Tensor:
    """[…, 2] by softmax, [… , 1] by sigmoid -> […]."""
    return logits.softmax(dim=-1)[..., 1] if logits.shape[-1] == 2 else logits[..., 0].sigmoid()


def warm_cosine(c: Training, epoch: float) -> float:
    """A linear rise to `lr`, then a half cosine: over all epochs, entered where the rise ends, or over the rest."""
    if epoch < c.warmup_epochs:
        return c.warmup_lr + (c.lr - c.warmup_lr) * epoch / c.warmup_epochs
    start = c.warmup_epochs if c.schedule == "cosine_after_warmup" else 0
    gone = min(1.0, (epoch - start) / (c.epochs - start)) if start < c.epochs else 1.0
    return c.min_lr + (c.lr - c.min_lr) * (1 + math.cos(math.pi * gone)) / 2


# ── Which frames are seen ────────────────────────────────────────────────────────────────────────


def spans(
    clips: int, windows: int, run: int, length: int, units: int, rng: Generator | None, tested: int | None = None
) -> Tensor:
    """int64 [clips, units]: the first frames of units of `length` frames, never across two windows.

    In a test (`rng` None) of the non-overlapping ones in `tested` of the windows, evenly spread (None: in all), the
    first, the last, and those evenly between; in training one in each of `units` different windows, in order, begun
    at a random frame that leaves room.
    """
    if length > run:
        raise ParamsError(
            f"a unit of {length} frames does not fit into the {run} consecutive frames that "
            f"the store keeps; set store.run to at least {length}"
        )
    if rng is None:
        seen = torch.linspace(0, windows - 1, windows if tested is None else tested).round().long()
        starts = (seen[:, None] * run + torch.arange(run // length) * length).flatten()
        if units > len(starts):
            raise ParamsError(
                f"test_units {units}: a test sees {len(starts)} units of {length} frames a clip; "
                "raise store.test_windows or store.run"
            )
        return starts[torch.linspace(0, len(starts) - 1, units).round().long()].expand(clips, units)
    if units > windows:
        raise ParamsError(f"train_units {units}: the store keeps {windows} windows a clip; raise store.windows")
    window = torch.rand(clips, windows, generator=rng).argsort(dim=1)[:, :units].sort(dim=1).values
    return window * run + torch.randint(run - length + 1, (clips, units), generator=rng)
