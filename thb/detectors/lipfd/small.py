"""LipFD's small size: lips against voice, frame by frame, and one look at each face for fine detail."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from thb.detectors.lipfd import picture as pictures
from thb.detectors.parts.images import convolutions, detail_and_motion


class LipsAndVoice(nn.Module):
    """Sound [N, 5, 8] and lips [N, 5, 3, h, h] -> [N, 3 * measures]: whether the one goes with the other.

    Both are brought to the same few measures, frame by frame. How they differ is kept, and how they differ in
    their movement over the window, and how much they move as one; neither is handed on alone.
    """

    def __init__(self, side: int, measures: int) -> None:
        super().__init__()
        self.features = 3 * measures
        self.standardise = nn.BatchNorm2d(3, affine=False)
        self.lips = nn.Sequential(
            *convolutions((3, 16, 24), (2, 2)),
            nn.Flatten(),
            nn.Linear(24 * (side // 8) ** 2, measures),
        )
        self.voice = nn.Sequential(
            nn.BatchNorm1d(pictures.BANDS), nn.Linear(pictures.BANDS, 32), nn.ReLU(), nn.Linear(32, measures)
        )
        self.mix = nn.Sequential(nn.Linear(self.features, self.features), nn.ReLU())
        self.foreign = nn.Linear(self.features, 1)

    def forward(self, sound: Tensor, lips: Tensor) -> Tensor:
        seen = self.lips(self.standardise(lips.flatten(0, 1))).unflatten(0, (-1, pictures.FRAMES))
        said = self.voice(sound.flatten(0, 1)).unflatten(0, (-1, pictures.FRAMES))
        apart, (seen, said) = (seen - said).abs(), (v - v.mean(dim=1, keepdim=True) for v in (seen, said))
        return self.mix(torch.cat([m.mean(dim=1) for m in (apart, (seen - said) ** 2, seen * said)], dim=1))

    def loss(self, sound: Tensor, lips: Tensor, other: Tensor) -> Tensor:
        """Of telling, for each of N windows whose lips go with their sound, its own from that of window `other` [N]."""
        if (count := len(sound)) < 2:
            return torch.zeros((), device=sound.device)
        sounds = torch.cat([sound, sound[other]])
        logits = self.foreign(self(sounds, torch.cat([lips, lips])))[:, 0].float()
        return F.binary_cross_entropy_with_logits(logits, (torch.arange(2 * count) >= count).to(logits))


def others(count: int, rng: Generator) -> Tensor:
    """int64 [count]: for each of so many windows another one; for a lone one itself."""
    shifts = torch.randint(1, count, (count,), generator=rng) if count > 1 else torch.zeros(count, dtype=torch.int64)
    return (torch.arange(count) + shifts) % max(count, 1)


class DetailRegions(nn.Module):
    """Faces [N, 5, 3, s, s] -> [N, 5, 3, dim]: one convolutional look at each, its mean over three regions.

    It sees how bright each pixel is against its neighbourhood, and against itself in the window's other frames: faint
    traces are of that size.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.features = dim
        self.standardise = nn.BatchNorm2d(8, affine=False)
        self.layers = nn.Sequential(*convolutions((8, width, 2 * width, dim, dim), (1, 2, 2, 1)))

    def forward(self, faces: Tensor) -> Tensor:
        bright = detail_and_motion(faces).unflatten(1, (2, 3, -1)).mean(dim=2).flatten(1, 2)
        maps = self.layers(self.standardise(bright.contiguous(memory_format=torch.channels_last)))
        looks = torch.stack([look.mean(dim=(2, 3)) for look in pictures.regions(maps)], dim=1)
        return looks.unflatten(0, (-1, pictures.FRAMES))

    def last(self) -> nn.Module:
        return self.layers[-1]
