"""LipFD: the published network and its picture of a window, the faults it can repeat, and the small size."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from safetensors.torch import save_file
from stores import random_clips, rng
from torch import nn

from thb.core.errors import ParamsError
from thb.detectors.base import Clips
from thb.detectors.lipfd import network as lipfd
from thb.detectors.lipfd import picture
from thb.detectors.lipfd.small import others

DETECTOR = "lipfd"  # whose settings the fixtures `published` and `small` give


@pytest.fixture
def narrow(published):
    """The published network, narrow and shallow."""
    return replace(published, init_weights="none", dim=32, depth=2, heads=4, layers=(1, 1, 1, 1), size=32)


def sound_of(clips: Clips, whole_columns: bool) -> torch.Tensor:
    return picture.spectrogram(clips.mel, clips.mel_hop, clips.times, whole_columns)


def picture_of(clips: Clips, mirror=None, whole_columns: bool = False) -> torch.Tensor:
    return picture.composite(clips.frames, sound_of(clips, whole_columns), mirror)


def heard(clips: Clips) -> torch.Tensor:
    return picture.heard(clips.mel, clips.mel_hop, clips.times)


def windows(count: int = 2, units: int = 2, **kwargs) -> Clips:
    return random_clips(count, units=units, length=5, **kwargs)


# ── The published network ────────────────────────────────────────────────────────────────────────

BOTTLENECKS = (3, 4, 6, 3)


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Every entry of the authors' state, from what is known of CLIP's ViT-L/14 and torchvision's ResNet-50."""
    visual = {
        "class_embedding": (1024,),
        "positional_embedding": (257, 1024),
        "proj": (1024, 768),
        "conv1.weight": (1024, 3, 14, 14),
        **norm("ln_pre", 1024),
        **norm("ln_post", 1024),
    }
    text = {
        "token_embedding.weight": (49408, 768),
        "positional_embedding": (77, 768),
        "text_projection": (768, 768),
        "logit_scale": (),
        **norm("ln_final", 768),
    }
    return {
        "conv1.weight": (3, 3, 5, 5),
        "conv1.bias": (3,),
        **under("encoder.visual", {**visual, **transformer(24, 1024)}),
        **under("encoder", {**text, **transformer(12, 768)}),
        **under(
            "backbone",
            {
                **resnet50(),
                "get_weight.0.weight": (1, 2816),
                "get_weight.0.bias": (1,),
                "fc.weight": (1, 2816),
                "fc.bias": (1,),
            },
        ),
    }


def under(prefix, shapes):
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def transformer(depth, width):
    block = {
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        **norm("ln_1", width),
        **norm("ln_2", width),
        "mlp.c_fc.weight": (4 * width, width),
        "mlp.c_fc.bias": (4 * width,),
        "mlp.c_proj.weight": (width, 4 * width),
        "mlp.c_proj.bias": (width,),
    }
    return {f"transformer.resblocks.{i}.{name}": shape for i in range(depth) for name, shape in block.items()}


def batch_norm(name, width):
    return {
        **norm(name, width),
        f"{name}.running_mean": (width,),
        f"{name}.running_var": (width,),
        f"{name}.num_batches_tracked": (),
    }


def resnet50():
    shapes, inputs = {"conv1.weight": (64, 3, 7, 7), **batch_norm("bn1", 64)}, 64
    for stage, blocks in enumerate(BOTTLENECKS, start=1):
        width = 32 * 2**stage
        for i in range(blocks):
            block = {
                "conv1.weight": (width, inputs, 1, 1),
                **batch_norm("bn1", width),
                "conv2.weight": (width, width, 3, 3),
                **batch_norm("bn2", width),
                "conv3.weight": (4 * width, width, 1, 1),
                **batch_norm("bn3", 4 * width),
            }
            if i == 0:
                block |= {"downsample.0.weight": (4 * width, inputs, 1, 1), **batch_norm("downsample.1", 4 * width)}
            shapes |= under(f"layer{stage}.{i}", block)
            inputs = 4 * width
    return shapes


def is_buffer(name):
    return name.rsplit(".", 1)[-1] in ("running_mean", "running_var", "num_batches_tracked")


def test_the_published_size(published):
    with torch.device("meta"):
        network = lipfd.Detector(published)
    tower = [*network.encoder.visual.parameters(), network.encoder.proj]
    assert sum(p.numel() for p in tower) == 303_966_208
    assert sum(p.numel() for p in network.parameters()) == 303_966_208 + 23_513_666 + 228 == 327_480_102
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 23_513_666 + 228


def test_every_published_name_has_its_place_or_is_named_unused(published):
    with torch.device("meta"):
        network = lipfd.Detector(published)
    theirs = published_shapes()
    assert len(theirs) == 770
    assert sum(np.prod(shape, dtype=int) for name, shape in theirs.items() if not is_buffer(name)) == 451_130_407
    unused = {name for name in theirs if any(fnmatchcase(name, glob) for glob in network.unused)}
    assert {name for name in theirs if name.startswith("encoder.") and ".visual." not in name} == unused
    names, own = network.published_names(), network.state_dict()
    assert set(names.values()) == theirs.keys() - unused
    for mine, tensor in own.items():
        assert [n for n in tensor.shape if n > 1] == [n for n in theirs[names[mine]] if n > 1], mine


class PlainNetwork:
    """The published network as plain functions of a state under the published names."""

    def __init__(self, state, heads, blocks):
        self.state, self.heads, self.blocks = state, heads, blocks

    def __call__(self, whole, crops):
        """[N, 3, 1120, 1120], [N, 5, 3, 3, s, s] -> [N, 1], a frame and a region at a time."""
        seen = self.tower(F.conv2d(whole, *self.pair("conv1"), stride=5))
        frames = []
        for frame in range(5):
            looks = [torch.cat([self.resnet(crops[:, frame, k]), seen], dim=1) for k in range(3)]
            weights = torch.stack([F.linear(x, *self.pair("backbone.get_weight.0")).sigmoid() for x in looks])
            frames.append((torch.stack(looks) * weights.softmax(dim=0)).sum(dim=0))
        return F.linear(torch.stack(frames).mean(dim=0), *self.pair("backbone.fc"))

    def pair(self, name):
        return self.state[f"{name}.weight"], self.state[f"{name}.bias"]

    def normed(self, x, name):
        return F.layer_norm(x, x.shape[-1:], *self.pair(f"encoder.visual.{name}"), eps=1e-5)

    def tower(self, image):
        s, at = self.state, "encoder.visual."
        patches = F.conv2d(image, s[at + "conv1.weight"], stride=14).flatten(2).transpose(1, 2)
        first = s[at + "class_embedding"].expand(len(image), 1, -1)
        x = self.normed(torch.cat([first, patches], dim=1) + s[at + "positional_embedding"], "ln_pre")
        for i in range(self.blocks):
            block = f"transformer.resblocks.{i}"
            x = x + self.attention(self.normed(x, f"{block}.ln_1"), f"{at}{block}.attn")
            hidden = F.linear(self.normed(x, f"{block}.ln_2"), *self.pair(f"{at}{block}.mlp.c_fc"))
            x = x + F.linear(hidden * (1.702 * hidden).sigmoid(), *self.pair(f"{at}{block}.mlp.c_proj"))
        return self.normed(x[:, 0], "ln_post") @ s[at + "proj"]

    def attention(self, x, name):
        layer = nn.MultiheadAttention(x.shape[-1], self.heads, batch_first=True)
        layer.load_state_dict({k.removeprefix(name + "."): v for k, v in self.state.items() if k.startswith(name)})
        return layer(x, x, x, need_weights=False)[0]

    def resnet(self, image):
        x = F.max_pool2d(self.conv(image, "conv1", "bn1", 2, 3).relu(), 3, 2, 1)
        for stage in range(1, 5):
            stride, at = 1 if stage == 1 else 2, f"layer{stage}.0."
            y = self.conv(x, at + "conv1", at + "bn1").relu()
            y = self.conv(y, at + "conv2", at + "bn2", stride, 1).relu()
            straight = self.conv(x, at + "downsample.0", at + "downsample.1", stride)
            x = (self.conv(y, at + "conv3", at + "bn3") + straight).relu()
        return x.mean(dim=(2, 3))

    def conv(self, x, name, bn, stride=1, padding=0):
        s, bn = self.state, f"backbone.{bn}."
        x = F.conv2d(x, s[f"backbone.{name}.weight"], stride=stride, padding=padding)
        mean, variance, gain, bias = (s[bn + k] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, variance, gain, bias, eps=1e-5)


def random_state(network):
    """Under published names, every tensor drawn; the two whose published shapes are flatter, so."""
    state = {}
    for own, theirs in network.published_names().items():
        like, draws = network.state_dict()[own], rng(len(state))
        drawn = 1 + 0.2 * torch.rand(like.shape, generator=draws)
        if like.ndim > 1:
            drawn = torch.randn(like.shape, generator=draws) * like[0].numel() ** -0.5
        state[theirs] = drawn.flatten(0, -2).squeeze() if theirs.endswith("_embedding") else drawn
    return state


def test_the_outputs_are_those_of_a_plain_network_under_published_names(narrow):
    network = lipfd.Detector(replace(narrow, compat="official")).eval()
    state = random_state(network)
    names = network.published_names()
    network.load_state_dict({k: state[names[k]].reshape(v.shape).to(v.dtype) for k, v in network.state_dict().items()})
    whole = torch.rand(2, 3, 1120, 1120, generator=rng(1)) * 255
    crops = torch.rand(2, 5, 3, 3, 64, 64, generator=rng(2)) * 255
    with torch.no_grad():
        ours, theirs = network((whole, crops)), PlainNetwork(state, heads=4, blocks=2)(whole, crops)
    assert ours.shape == (2, 1)
    assert (ours[0] - ours[1]).abs() > 1e-3
    assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def test_region_weights_are_a_softmax_of_sigmoids(narrow):
    network = lipfd.Detector(narrow).eval()
    with torch.no_grad():
        _, weights = network.attend((torch.rand(1, 3, 1120, 1120), torch.rand(1, 5, 3, 3, 32, 32)))
    assert weights.shape == (1, 5, 3)
    assert torch.allclose(weights.sum(dim=2), torch.ones(1, 5))
    assert weights.min() >= 1 / (1 + 2 * np.e)


def test_in_training_each_crop_of_a_window_is_a_batch_of_its_own(narrow):
    backbone = lipfd.Detector(narrow).backbone.train()
    crops = torch.rand(4, 5, 3, 3, 32, 32, generator=rng()) * torch.rand(5, 3, 1, 1, 1, generator=rng(1))
    alone = [backbone.resnet.forward_features(crops[:, frame, 2]).mean(dim=(2, 3)) for frame in range(5)]
    together = backbone(crops)
    assert together.shape == (4, 5, 3, 2048)
    for frame in range(5):
        assert torch.allclose(together[:, frame, 2], alone[frame], atol=1e-5)


def test_only_what_stands_before_and_beside_clip_learns(narrow):
    network = lipfd.Detector(narrow).train()
    assert not any(module.training for module in network.encoder.visual.modules())
    assert network.backbone.training
    network.loss(windows(2, units=1), rng()).backward()
    assert network.encoder.conv1.weight.grad.abs().max() > 0
    assert network.encoder.proj.grad is None
    assert all(p.grad is None for p in network.encoder.visual.parameters())
    free = lipfd.Detector(replace(narrow, frozen_encoder=False)).train()
    assert all(p.requires_grad for p in free.parameters())
    assert free.encoder.visual.training


def test_it_starts_from_clips_picture_tower(narrow, tmp_path):
    given = lipfd.Detector(narrow).encoder
    head = torch.randn(768, 32, generator=rng())
    file = tmp_path / "clip.safetensors"
    save_file({**given.visual.state_dict(), "head.weight": head, "head.bias": torch.zeros(768)}, file)
    network = lipfd.Detector(replace(narrow, init_weights=str(file)))
    network.warm_start()
    assert torch.equal(network.encoder.proj, head.T)
    assert torch.equal(network.encoder.visual.blocks[1].mlp.fc1.weight, given.visual.blocks[1].mlp.fc1.weight)
    assert not network.encoder.proj.requires_grad


def test_heat_maps_of_crops_and_of_the_picture(narrow):
    network = lipfd.Detector(narrow).eval()
    layer, to_maps = network.encoder.last()
    crops, crop_maps = network.cam_layer()
    seen = {}
    hooks = [
        layer.register_forward_hook(lambda m, i, out: seen.update(to_maps(out))),
        crops.register_forward_hook(lambda m, i, out: seen.update(crops=crop_maps(out))),
    ]
    network((torch.rand(2, 3, 1120, 1120), torch.rand(2, 5, 3, 3, 64, 64)))
    for hook in hooks:
        hook.remove()
    assert layer is network.encoder.visual.blocks[-1].norm1
    assert seen["sound"].shape == seen["frames"].shape == (2, 32, 8, 16)
    assert seen["crops"].shape == (30, 2048, 2, 2)


def test_the_pictures_halves_are_its_rows():
    tokens = torch.arange(257.0)[None, :, None]
    halves = picture.halves(tokens)
    assert halves["sound"].flatten().tolist() == list(range(1, 129))
    assert halves["frames"].flatten().tolist() == list(range(129, 257))


# ── The picture ──────────────────────────────────────────────────────────────────────────────────


def reference_picture(clips: Clips, clip: int, unit: int) -> np.ndarray:
    """uint8 [1000, 2500, 3] with OpenCV and matplotlib, its sound cut at whole columns."""
    decibels = 10 * clips.mel[clip].numpy().T
    decibels = np.maximum(decibels, decibels.max() - 80)
    share = (decibels - decibels.min()) / (decibels.max() - decibels.min())
    coloured = colormaps["viridis"](share, bytes=True)[..., :3]
    times = clips.times[clip, unit].numpy()
    begin = round(times[0] / clips.mel_hop)
    end = round((times[-1] + times[1] - times[0]) / clips.mel_hop)
    sound = cv2.resize(np.ascontiguousarray(coloured[:, begin:end]), (2500, 500))
    frames = [cv2.resize(frame.numpy(), (500, 500)) for frame in clips.frames[clip, unit]]
    return np.concatenate([sound, np.concatenate(frames, axis=1)])


def test_the_picture_is_the_sound_in_viridis_over_five_frames():
    clips = windows(2, units=3)
    made = picture_of(clips, whole_columns=True)
    assert made.shape == (6, 3, 1000, 2500)
    for clip, unit in ((0, 0), (1, 1)):
        expected = torch.from_numpy(reference_picture(clips, clip, unit)).permute(2, 0, 1)
        assert (made[clip * 3 + unit] - expected).abs().max() <= 1


def test_sound_is_laid_under_frames_by_time():
    clips = windows(1, units=1)
    times = 0.4 + torch.arange(5).expand(1, 1, 5) / 25
    mel = torch.full((1, 160, 80), -4.0)
    mel[:, 50] = 1.0  # half a second in: 0.10 s of the window's 0.20
    sound = sound_of(replace(clips, times=times, mel=mel), whole_columns=False)
    assert sound.shape == (1, 3, 500, 2500)
    brightness = sound[0, :, 250].sum(dim=0)
    assert abs(int(brightness.argmax()) - 1250) <= 1
    assert (brightness > brightness.min() + 50).sum() < 250  # two hops of the window's twenty
    mel[:, 50], mel[:, :, :10] = -4.0, 1.0  # low frequencies are at the top
    sound = sound_of(replace(clips, times=times, mel=mel), whole_columns=False)
    assert sound[0, 0, 10, 100] > 200 > sound[0, 0, 490, 100]


def test_shades_span_a_clips_own_range_of_at_most_80_decibels():
    mel = torch.tensor([[[0.0, -4.0], [-12.0, -8.0]], [[1.0, torch.nan], [0.0, torch.nan]]])
    assert picture.shades(mel)[0].tolist() == [[255, 128], [0, 0]]
    assert picture.shades(mel)[1].tolist() == [[255, 0], [0, 0]]


def test_a_batchs_padding_changes_no_window(small, narrow):
    clips = windows(2)
    padded = torch.cat([clips.mel, torch.full((2, 40, 80), torch.nan)], dim=1)
    assert picture.columns_heard(padded).tolist() == [160, 160]
    for columns in (True, False):
        assert torch.allclose(sound_of(replace(clips, mel=padded), columns), sound_of(clips, columns), atol=1e-2)
    assert torch.equal(heard(replace(clips, mel=padded)), heard(clips))


def test_fixed_crops_are_the_five_frames_in_clips_colours(narrow):
    clips = windows(1, units=1, side=50)
    whole, crops = lipfd.Detector(replace(narrow, size=224)).view(clips, None)
    assert whole.shape == (1, 3, 1120, 1120)
    assert crops.shape == (1, 5, 3, 3, 224, 224)
    mean, std = (torch.tensor(v)[:, None, None] for v in (lipfd.CLIP_MEAN, lipfd.CLIP_STD))
    for i in range(5):
        frame = cv2.resize(cv2.resize(clips.frames[0, 0, i].numpy(), (500, 500)), (224, 224)).astype(np.float32)
        for k, (begin, end) in enumerate([(0, 224), (28, 196), (61, 163)]):
            region = torch.from_numpy(cv2.resize(frame[begin:end, begin:end], (224, 224))).permute(2, 0, 1) / 255
            assert torch.allclose(crops[0, i, k], (region - mean) / std, atol=0.05)


def test_official_crops_are_the_first_frame_five_times_in_opencvs_colours(narrow):
    clips = windows(1, units=1, side=50)
    official = lipfd.Detector(replace(narrow, compat="official", size=500))
    whole, crops = official.view(clips, None)
    made = picture_of(clips, whole_columns=True)
    for i in range(5):
        assert torch.equal(crops[0, i, 0], made[0].flip(0)[:, 500:, i : i + 500])
    assert torch.equal(whole, F.interpolate(made.flip(1), size=(1120, 1120), mode="bilinear", align_corners=False))


def test_mirrored_frames_stay_in_their_places(narrow):
    clips = windows(2, units=1)
    plain, mirrored = (picture_of(clips, mirror) for mirror in (None, torch.tensor([True, False])))
    assert torch.equal(mirrored[1], plain[1])
    assert torch.equal(mirrored[0, :, :500], plain[0, :, :500])
    assert torch.allclose(picture.side_by_side(mirrored)[0], picture.side_by_side(plain)[0].flip(-1), atol=1)


# ── Learning ─────────────────────────────────────────────────────────────────────────────────────


def test_region_awareness_is_least_where_a_region_outweighs_the_whole_crop():
    even, lips = torch.full((4, 5, 3), 1 / 3), torch.tensor([0.2, 0.3, 0.5]).expand(4, 5, 3)
    head = torch.tensor([0.5, 0.3, 0.2]).expand(4, 5, 3)
    assert lipfd.region_awareness(even).item() == pytest.approx(50)
    assert lipfd.region_awareness(head).item() == pytest.approx(50)
    assert lipfd.region_awareness(lips).item() == pytest.approx(50 * np.exp(-0.3), rel=1e-6)
    mixed = torch.cat([lips[:1], head[:3]])
    assert lipfd.region_awareness(mixed).item() == pytest.approx(50 * (np.exp(-0.3) + 3) / 4, rel=1e-6)


def test_official_errors_are_a_softmax_over_the_batch(small):
    logits, labels = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([0, 1, 1])
    fixed, official = (lipfd.Detector(replace(small, compat=c, label_smoothing=0.0)) for c in ("fixed", "official"))
    each = (logits * torch.tensor([-1, 1, 1])).sigmoid().log()
    assert fixed._error(logits, labels).item() == pytest.approx(-each.mean().item())
    assert official._error(logits, labels).item() == pytest.approx(-logits.log_softmax(dim=0)[1:].sum().item())


def test_losses_add_up_with_their_weights(small):
    clips = windows(4)
    parts = []
    for ra, sync in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.3, 2.0)):
        torch.manual_seed(0)
        network = lipfd.Detector(replace(small, ra_weight=ra, sync_weight=sync)).eval()
        parts.append(network.loss(clips, rng()).item())
    base, with_ra, with_sync, all_three = parts
    assert 34.7 < with_ra - base < 50
    assert with_sync > base
    assert all_three == pytest.approx(base + 0.3 * (with_ra - base) + 2 * (with_sync - base), rel=1e-4)


def test_a_clips_score_is_the_mean_probability_of_its_windows(small):
    network = lipfd.Detector(replace(small, pool="probability")).eval()
    clips = windows(2, units=3)
    assert torch.allclose(network.score(clips), network.unit_logits(clips).double().sigmoid().mean(dim=(1, 2)))


# ── The small size ───────────────────────────────────────────────────────────────────────────────


def test_close_ups_are_pixels_as_they_are(small):
    clips = windows(1, units=1, side=64)
    marks, boxes = torch.full((1, 1, 5, 5, 2), 0.5), torch.tensor([0.1, 0.2, 0.7, 0.8]).repeat(1, 1, 5, 1)
    marks[:, :, 4], boxes[:, :, 4, ::2] = 0.25, boxes[:, :, 4, ::2] + 0.125  # the last frame's are elsewhere
    clips = replace(clips, landmarks=marks, boxes=boxes)
    _, lips, faces = lipfd.Detector(replace(small, size=32, lips=16)).view(clips, None)
    pixels = clips.frames[0, 0].permute(0, 3, 1, 2) / 255
    assert torch.allclose(faces[0, :4], pixels[:4, :, 16:48, 10:42], atol=1e-5)
    assert torch.allclose(faces[0, 4], pixels[4, :, 16:48, 18:50], atol=1e-5)
    assert torch.allclose(lips[0, :4], F.avg_pool2d(pixels[:4, :, 24:40, 24:40], 2), atol=1e-5)
    assert torch.allclose(lips[0, 4], F.avg_pool2d(pixels[4, :, 8:24, 8:24], 2), atol=1e-5)


def test_where_no_face_was_found_the_mouth_is_where_boxes_have_it():
    clips = windows(2)
    landmarks = torch.stack([torch.full((5, 2), torch.nan), clips.landmarks[1, 0, 0]])
    boxes = torch.tensor([[0.2, 0.2, 0.6, 0.7]]).expand(2, 4)
    found = picture.mouths(boxes, landmarks)
    assert torch.allclose(found[0], torch.tensor([0.4, 0.6]))
    assert torch.allclose(found[1], clips.landmarks[1, 0, 0, 3:].mean(dim=0))


def test_sound_is_heard_at_each_frames_time_against_the_clips_loudness():
    clips = windows(1, units=1)
    times = 0.5 + torch.arange(5).expand(1, 1, 5) / 10
    mel = torch.full((1, 160, 80), -5.0)
    mel[:, 68:73, 10:20] = -2.0  # at 0.7 s, in the second band
    sound = heard(replace(clips, times=times, mel=mel))
    assert sound.shape == (1, 1, 5, 8)
    assert sound[0, 0, :, 1].tolist() == pytest.approx([0, 0, 3, 0, 0])
    assert torch.allclose(heard(replace(clips, times=times, mel=mel + 1)), sound, atol=1e-5)


def test_another_windows_sound_is_told_from_its_own(small):
    encoder = lipfd.Detector(small).encoder.eval()
    sound, lips = torch.randn(6, 5, 8, generator=rng()), torch.rand(6, 5, 3, 16, 16, generator=rng())
    heard_with = []
    encoder.register_forward_hook(lambda module, inputs, output: heard_with.append(inputs))
    loss = encoder.loss(sound, lips, others(6, rng()))
    ((sounds, lips_twice),) = heard_with
    assert torch.equal(sounds[:6], sound)
    assert torch.equal(lips_twice, torch.cat([lips, lips]))
    assert all(
        not torch.equal(a, b) and any(torch.equal(a, c) for c in sound) for a, b in zip(sounds[6:], sound, strict=True)
    )
    logits = encoder.foreign(encoder(sounds, lips_twice))[:, 0]
    assert loss.item() == pytest.approx(-torch.cat([-logits[:6], logits[6:]]).sigmoid().log().mean().item(), rel=1e-5)
    assert encoder.loss(sound[:1], lips[:1], others(1, rng())) == 0


def test_the_small_ones_faces_show_detail_and_movement_but_no_colour(small):
    regions = lipfd.Detector(small).backbone.eval()
    still = torch.rand(1, 1, 3, 32, 32, generator=rng()).expand(1, 5, 3, 32, 32)
    tinted = still + torch.tensor([0.5, 0.0, -0.5]).view(3, 1, 1)
    moving = torch.cat([still[:, :4], still[:, 4:].flip(-1)], dim=1)
    assert regions(still).shape == (1, 5, 3, small.dim)
    assert torch.allclose(regions(tinted), regions(still), atol=1e-6)
    assert (regions(moving) - regions(still))[:, 0].abs().max() > 1e-4


def test_telling_sounds_apart_is_for_the_small_one(narrow):
    with pytest.raises(ParamsError, match="sync_weight 1 needs encoder: small"):
        lipfd.Detector(replace(narrow, sync_weight=1))


def test_what_is_shown_under_a_heat_map(small, narrow):
    clips = windows(2, units=1)
    assert lipfd.Detector(small).shown(clips).shape == (2, 5, 3, small.size, small.size)
    whole = lipfd.Detector(narrow).shown(clips)
    assert torch.equal(whole, clips.frames[:, 0].permute(0, 1, 4, 2, 3) / 255)


def test_the_small_one_hears(small):
    network = lipfd.Detector(small).eval()
    clips = windows(2)
    assert not torch.allclose(network.score(replace(clips, mel=clips.mel.flip(0))), network.score(clips), atol=1e-7)


def test_regions_are_nested_about_the_centre():
    sides = [look.shape[-1] for look in picture.regions(torch.zeros(1, 1, 224, 224))]
    assert sides == [224, 168, 102]
    assert [look.shape[-1] for look in picture.regions(torch.zeros(1, 1, 12, 12))] == [12, 8, 6]


def test_a_spectrogram_does_not_know_how_long_its_neighbours_are():
    clips = windows(3, units=2)
    padding = torch.full((3, 37, clips.mel.shape[2]), torch.nan)
    longer = replace(clips, mel=torch.cat([clips.mel, padding], dim=1))
    for whole_columns in (False, True):
        assert torch.equal(sound_of(longer, whole_columns), sound_of(clips, whole_columns))
