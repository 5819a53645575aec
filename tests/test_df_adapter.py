"""DeepFake-Adapter: the published size, names and outputs, what is frozen, what is kept, and the small one's sight."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from stores import random_clips, rng

from thb import detectors
from thb.core.errors import DataError, ParamsError
from thb.detectors.parts import images as image_parts

DETECTOR = "df_adapter"  # whose settings the fixtures `published` and `small` give
adapter = detectors.load(DETECTOR)


def stirred(network: torch.nn.Module, amount: float = 0.1) -> torch.nn.Module:
    """Nothing is left at zero or one: every parameter and every running statistic is moved."""
    chance = rng(3)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                moved = amount * torch.randn(tensor.shape, generator=chance)
                tensor += moved.abs() if name.endswith("running_var") else moved
    return network


# ── The published network ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def skeleton(published):
    with torch.device("meta"):
        return adapter.Detector(published)


def test_the_published_size(skeleton):
    sizes = {name: p.numel() for name, p in skeleton.named_parameters()}

    def count(part):
        return sum(size for name, size in sizes.items() if part in name)

    adapters = count(".adaptor.")
    assert (adapters, count("vit.") - adapters) == (1_189_644, 85_798_656)
    assert (count("spm."), count("interactions.")) == (1_529_408, 14_194_944)
    assert sum(sizes.values()) == 102_716_494
    assert sum(p.numel() for p in skeleton.parameters() if p.requires_grad) == 16_917_838


def test_the_first_weights_are_drawn_as_published(published):
    prior = adapter.SpatialPrior(64, 768).apply(adapter._begin)
    for convolution in (prior.stem[3], prior.conv2[0], prior.fc4):
        fan_out = convolution.out_channels * math.prod(convolution.kernel_size)
        assert convolution.weight.detach().std() == pytest.approx(math.sqrt(2 / fan_out), rel=0.02)
    assert prior.fc4.bias.abs().max() == 0
    attention = adapter.Extractor(768, 6).apply(adapter._begin).self_attn
    assert attention.out_proj.weight.detach().abs().max() == pytest.approx(math.sqrt(6 / (2 * 768)), rel=1e-3)
    assert attention.out_proj.bias.abs().max() == 0
    network = adapter.Detector(replace(published, depth=3, interactions=3))
    assert network.spm.fc4.bias.abs().max() == 0
    out = network.interactions[-1].extractor.self_attn.out_proj.weight.detach()
    assert out.abs().max() == pytest.approx(math.sqrt(6 / (2 * 768)), rel=1e-3)


def test_every_norms_epsilon(skeleton):
    assert {m.eps for m in skeleton.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-6}
    assert {m.eps for m in skeleton.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {1e-5}
    assert skeleton.head[0].eps == 1e-6


def test_its_heat_map_is_14_by_14(skeleton):
    layer, to_map = skeleton.cam_layer()
    assert layer is skeleton.vit.blocks[11]
    tokens = torch.arange(197.0).view(1, 197, 1)
    assert to_map(tokens).tolist() == torch.arange(1.0, 197).view(1, 1, 14, 14).tolist()


def test_the_published_names_and_shapes(skeleton):
    names = skeleton.published_names()
    ours = {names[k]: tuple(v.shape) for k, v in skeleton.state_dict().items()}
    expected = published_shapes()
    assert len(expected) == 309
    assert {k: v for k, v in ours.items() if k not in expected} == {}
    assert {k: v for k, v in expected.items() if ours.get(k) != v} == {}


def published_shapes() -> dict[str, tuple[int, ...]]:
    """The 309 names, written out from the fact sheet."""
    d, shapes = (
        768,
        {
            "cls_token": (1, 1, 768),
            "pos_embed": (1, 197, 768),
            "level_embed": (3, 768),
            "patch_embed.proj.weight": (768, 3, 16, 16),
            "patch_embed.proj.bias": (768,),
        },
    )

    def linear(name, outputs, inputs, *kernel):
        shapes.update({f"{name}.weight": (outputs, inputs, *kernel), f"{name}.bias": (outputs,)})

    def norm(name, width, statistics=False):
        shapes.update({f"{name}.weight": (width,), f"{name}.bias": (width,)})
        if statistics:
            moments(name, width)

    def moments(name, width):
        shapes.update(
            {f"{name}.running_mean": (width,), f"{name}.running_var": (width,), f"{name}.num_batches_tracked": ()}
        )

    for i in range(12):
        block = f"blocks.{i}."
        norm(block + "norm1", d)
        norm(block + "norm2", d)
        linear(block + "attn.qkv", 3 * d, d)
        linear(block + "attn.proj", d, d)
        linear(block + "mlp.fc1", 4 * d, d)
        linear(block + "mlp.fc2", d, 4 * d)
        shapes[block + "adaptor.scale"] = (1,)
        linear(block + "adaptor.down_proj", 64, d)
        linear(block + "adaptor.up_proj", d, 64)
    norm("norm", d)
    for name, outputs, inputs in [
        ("stem.0", 64, 3),
        ("stem.3", 64, 64),
        ("stem.6", 64, 64),
        ("conv2.0", 128, 64),
        ("conv3.0", 256, 128),
        ("conv4.0", 256, 256),
    ]:
        shapes[f"spm.{name}.weight"] = (outputs, inputs, 3, 3)
        norm(f"spm.{name[:-1]}{int(name[-1]) + 1}", outputs, statistics=True)
    for name, inputs in [("fc2", 128), ("fc3", 256), ("fc4", 256)]:
        linear(f"spm.{name}", d, inputs, 1, 1)
    for k in range(3):
        shapes[f"interactions.{k}.injector.gamma"] = (d,)
        for part in (f"interactions.{k}.injector.", f"interactions.{k}.extractor."):
            norm(part + "query_norm", d)
            norm(part + "feat_norm", d)
            shapes.update({part + "self_attn.in_proj_weight": (3 * d, d), part + "self_attn.in_proj_bias": (3 * d,)})
            linear(part + "self_attn.out_proj", d, d)
    moments("head.0", d)
    linear("head.1", 2, d)
    return shapes


def test_the_published_start(small):
    """What begins as nothing: bottlenecks and injectors; levels are told apart by unit noise."""
    network = adapter.Detector(replace(small, dim=240))
    bottleneck = network.vit.blocks[0].adaptor
    assert bottleneck.scale.tolist() == [1]
    bound = 1 / math.sqrt(240)  # Kaiming, a = √5
    assert 0.98 * bound < bottleneck.down_proj.weight.abs().max() <= bound
    assert not bottleneck.up_proj.weight.any()
    assert not any(i.injector.gamma.any() for i in network.interactions)
    assert 0.85 < network.level_embed.std() < 1.15
    assert 0.008 < network.head[1].weight.std() < 0.012
    x = torch.randn(2, 17, 240, generator=rng())
    assert torch.equal(network.vit.blocks[0].adaptor(x), torch.zeros_like(x))


# ── Its outputs, from the fact sheet in plain tensors ────────────────────────────────────────────


def reference(w: dict[str, torch.Tensor], images: torch.Tensor, c, read) -> torch.Tensor:
    """The logits in eval mode, computed from a state dict under published names."""

    def linear(x, name):
        return x @ w[f"{name}.weight"].flatten(1).T + w[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def attend(q, k, v, heads):
        q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
        weights = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)
        return (weights @ v).transpose(1, 2).flatten(2)

    def block(x, i):
        name = f"blocks.{i}."
        x = x + linear(
            attend(*linear(norm(x, name + "norm1"), name + "attn.qkv").chunk(3, -1), c.heads), name + "attn.proj"
        )
        wide = F.gelu(linear(norm(x, name + "norm2"), name + "mlp.fc1"))
        narrow = linear(x, name + "adaptor.down_proj").clamp(min=0)
        return x + linear(wide, name + "mlp.fc2") + w[name + "adaptor.scale"] * linear(narrow, name + "adaptor.up_proj")

    def cross(tokens, features, name):
        features = norm(features, name + "feat_norm")
        q, k, v = (
            t @ weight.T + bias
            for t, weight, bias in zip(
                (norm(tokens, name + "query_norm"), features, features),
                w[name + "self_attn.in_proj_weight"].chunk(3),
                w[name + "self_attn.in_proj_bias"].chunk(3),
                strict=True,
            )
        )
        return linear(attend(q, k, v, c.cross_heads), name + "self_attn.out_proj")

    def conv(x, name, at, stride):
        x = F.conv2d(x, w[f"{name}.{at}.weight"], stride=stride, padding=1)
        bn = {k: w[f"{name}.{at + 1}.{k}"].view(-1, 1, 1) for k in ("running_mean", "running_var", "weight", "bias")}
        x = (x - bn["running_mean"]) / (bn["running_var"] + 1e-5).sqrt() * bn["weight"] + bn["bias"]
        return x.clamp(min=0)

    stem = conv(conv(conv(images, "spm.stem", 0, 2), "spm.stem", 3, 1), "spm.stem", 6, 1)
    c2 = conv(F.max_pool2d(stem, 3, 2, 1), "spm.conv2", 0, 2)
    c3 = conv(c2, "spm.conv3", 0, 2)
    c4 = conv(c3, "spm.conv4", 0, 2)
    tokens = torch.cat(
        [
            linear(level.flatten(2).transpose(1, 2), f"spm.fc{i + 2}") + w["level_embed"][i]
            for i, level in enumerate((c2, c3, c4))
        ],
        1,
    )
    cut = images.unfold(2, c.patch, c.patch).unfold(3, c.patch, c.patch)
    cut = cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
    x = torch.cat([w["cls_token"].expand(len(images), -1, -1), linear(cut, "patch_embed.proj")], 1) + w["pos_embed"]
    for k in range(3):
        x = x + w[f"interactions.{k}.injector.gamma"] * cross(x, tokens, f"interactions.{k}.injector.")
        for i in range(k * c.depth // 3, (k + 1) * c.depth // 3):
            x = block(x, i)
        tokens = tokens + cross(tokens, x, f"interactions.{k}.extractor.")
    features = read(norm(x, "norm"), norm(tokens, "norm"))
    scaled = (features - w["head.0.running_mean"]) / (w["head.0.running_var"] + 1e-6).sqrt()
    return linear(scaled, "head.1")


READS = {"first": lambda x, c: c[:, 0], "pooled": lambda x, c: c.mean(1), "cls": lambda x, c: x[:, 0]}


@pytest.mark.parametrize("readout", READS)
def test_its_outputs_are_those_of_the_fact_sheet(small, readout):
    torch.manual_seed(0)
    config = replace(small, depth=6, readout=readout)
    network = stirred(adapter.Detector(config)).eval()
    names = network.published_names()
    weights = {names[k]: v for k, v in network.state_dict().items()}
    images = torch.randn(3, 3, 64, 64, generator=rng())
    expected = reference(weights, images, config, READS[readout])
    assert expected.std() > 0.01
    assert torch.allclose(network(images), expected, atol=2e-5, rtol=1e-4)


def test_it_computes_alike_at_the_published_size(published):
    torch.manual_seed(0)
    config = replace(published, compat="official", depth=3)  # three of the twelve blocks: a second, not ten
    network = stirred(adapter.Detector(config), 0.02).eval()
    names = network.published_names()
    images = torch.rand(1, 3, 224, 224, generator=rng()) * 2 - 1
    with torch.inference_mode():
        expected = reference({names[k]: v for k, v in network.state_dict().items()}, images, config, READS["first"])
        assert torch.allclose(network(images), expected, atol=1e-4)


def test_official_reads_the_first_spatial_token_whatever_readout_says(small):
    fixed, official, first = (
        stirred(adapter.Detector(replace(small, **c))).eval()
        for c in ({"compat": "fixed"}, {"compat": "official"}, {"readout": "first"})
    )
    for network in (official, first):
        network.load_state_dict(fixed.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=rng())
    assert torch.equal(official(images), first(images))
    assert not torch.allclose(official(images), fixed(images), atol=1e-3)


def test_the_first_token_sees_the_corner_alone_until_the_vit_speaks(small):
    """Why `first` is no default: what lies elsewhere reaches it through attention only."""
    network = adapter.Detector(replace(small, size=160)).eval()
    images = torch.randn(1, 3, 160, 160, generator=rng())
    blank = images.clone()
    blank[..., 40:, 40:] = 0
    one, two = (network.spm(i, network.level_embed) for i in (images, blank))
    assert one.shape[1] == 20 * 20 + 10 * 10 + 5 * 5
    assert torch.equal(one[:, 0], two[:, 0])
    assert not torch.allclose(one.mean(dim=1), two.mean(dim=1), atol=1e-4)


# ── What is trained ──────────────────────────────────────────────────────────────────────────────


def test_a_frozen_vit_keeps_its_weights_and_stays_as_in_a_test(small):
    network = adapter.Detector(replace(small, stem="highpass", stem_width=4)).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    optimiser = network.optimiser()
    network.loss(random_clips(4, length=1), rng()).backward()
    optimiser.step()
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert not {k for k in changed if k.startswith("vit.") and ".adaptor." not in k}
    assert {"spm.stem.0.weight", "vit.blocks.0.adaptor.up_proj.weight", "head.1.weight", "level_embed"} <= changed
    assert not network.vit.blocks[0].mlp.training
    assert network.spm.training
    assert not network.eval().spm.training


def test_the_vit_may_be_trained_too(small):
    network = adapter.Detector(replace(small, frozen=False)).train()
    assert all(p.requires_grad for p in network.parameters())
    assert network.vit.blocks[0].mlp.training


def test_nothing_reads_the_last_extractor_where_the_class_token_is_read(small):
    network = stirred(adapter.Detector(replace(small, readout="cls"))).train()
    network.loss(random_clips(4, length=1), rng()).backward()
    assert {n for n, p in network.named_parameters() if p.requires_grad and p.grad is None} == set()
    assert not any(p.requires_grad for p in network.interactions[-1].extractor.parameters())
    assert network.cam_layer()[0] is network.vit.blocks[-2]


def test_a_lone_image_is_trained_on_without_its_own_statistics(small):
    network = adapter.Detector(small).train()
    before = network.head[0].running_mean.clone()
    assert network.loss(random_clips(1, units=1, length=1), rng()).isfinite()
    assert torch.equal(network.head[0].running_mean, before)
    network.loss(random_clips(2, units=1, length=1), rng())
    assert not torch.equal(network.head[0].running_mean, before)


def test_each_frame_is_its_own_example_and_a_clip_the_mean_probability(small):
    network = adapter.Detector(small).eval()
    clips = random_clips(2, units=3, length=1)
    log = network.unit_logits(clips, rng()).log_softmax(dim=2)
    expected = -torch.stack([log[i, :, clips.labels[i]] for i in range(2)]).mean()
    assert torch.allclose(network.loss(clips, rng()), expected, atol=1e-6)
    probability = network(network.view(clips, None)).double().softmax(dim=1)[:, 1].view(2, 3).mean(dim=1)
    assert torch.allclose(network.score(clips), probability, atol=1e-7)


def test_the_published_rate(published):
    """32 images a step; from 0 to 0.0125 in 15 epochs, then the cosine to 0 at 100, moving with every batch."""
    network = object.__new__(adapter.Detector)
    object.__setattr__(network, "config", published)
    assert network.rate(0) == 0
    assert network.rate(7.5) == pytest.approx(0.00625)
    assert max((network.rate(e / 10), e) for e in range(1001))[1] in (150, 149)
    assert network.rate(100) == 0
    assert network.rate(50.4) < network.rate(50.3)


# ── What it sees ─────────────────────────────────────────────────────────────────────────────────


def test_views_are_single_frames_of_normalised_rgb(small):
    clips = random_clips(2, length=1, side=96)
    frames = torch.zeros_like(clips.frames)
    frames[..., 0] = 255
    view = adapter.Detector(replace(small, crop="scaled", size=32)).view(replace(clips, frames=frames), None)
    assert view.shape == (4, 3, 32, 32)
    assert torch.allclose(view[0, :, 5, 5], torch.tensor([1.0, -1.0, -1.0]), atol=1e-5)


def test_a_heat_map_lies_over_the_crop_that_was_seen(small):
    network, clips = adapter.Detector(small).eval(), random_clips(2, length=1)
    shown = network.shown(clips)
    assert torch.allclose(shown[:, 0] * 2 - 1, network.view(clips, None), atol=1e-6)
    assert network.frames_of_map(torch.rand(len(shown), 4, 4), len(shown)).shape[:2] == shown.shape[:2]


@pytest.mark.parametrize("crop", ["scaled", "native"])
def test_a_clips_frames_are_cropped_and_mirrored_alike(small, crop):
    clips = random_clips(40, units=1, length=1, side=96)
    still = replace(clips, frames=clips.frames.repeat(1, 2, 1, 1, 1, 1), boxes=clips.boxes.repeat(1, 2, 1, 1))
    network = adapter.Detector(replace(small, crop=crop))
    straight, drawn = (network.view(still, chance).unflatten(0, (40, 2)) for chance in (None, rng()))
    mirrored = [torch.allclose(d, s.flip(-1), atol=1e-5) for d, s in zip(drawn, straight, strict=True)]
    assert all(m or torch.allclose(d, s, atol=1e-5) for m, d, s in zip(mirrored, drawn, straight, strict=True))
    assert 10 < sum(mirrored) < 30


def test_the_small_one_sees_detail_and_no_colour(small):
    network = adapter.Detector(replace(small, stem="highpass", stem_width=4, patch=8)).eval()
    images = torch.rand(2, 3, 64, 64, generator=rng())
    tinted = images + torch.tensor([0.5, 0.0, -0.5]).view(3, 1, 1)
    seen = network.sight(images)
    assert network.vit.patch_embed(seen).shape == (2, 64, 24)
    assert network.spm(seen, network.level_embed).shape == (2, 64 + 16 + 4, 24)
    assert torch.allclose(network(images), network(tinted), atol=1e-5)
    assert torch.allclose(seen, image_parts.fine_detail(images), atol=1e-4)
    assert sorted(network.published_names())


def test_settings_that_do_not_fit_together_are_refused(small):
    with pytest.raises(ParamsError, match="depth 4 cannot be shared among interactions: 3"):
        adapter.Detector(replace(small, depth=4))
    for wrong in (
        {"frozen": False, "init_weights": "vit.safetensors"},
        {"init_weights": "none"},
        {"init_weights": "hub:timm/vit"},
    ):
        with pytest.raises(ParamsError, match="save: trainable needs frozen: true and init_weights that stay"):
            adapter.Detector(replace(small, save="trainable", **wrong))
    adapter.Detector(replace(small, save="trainable", init_weights="hub:timm/vit@0123abc"))


# ── Starting weights, and files without them ─────────────────────────────────────────────────────


@pytest.fixture
def vit(small, tmp_path):
    """A plain ViT's file, as timm writes it, and its tensors."""
    torch.manual_seed(9)
    plain = adapter.timm_vit.VisionTransformer(
        img_size=small.size,
        patch_size=small.patch,
        num_classes=5,
        embed_dim=small.dim,
        depth=3,
        num_heads=3,
        mlp_ratio=2,
    )
    save_file(plain.state_dict(), tmp_path / "vit.safetensors")
    return tmp_path / "vit.safetensors"


def test_the_vit_starts_from_a_file_and_the_rest_at_random(small, vit):
    network = adapter.Detector(replace(small, init_weights=str(vit)))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    network.warm_start()
    given, now = load_file(vit), network.state_dict()
    frozen = {k.removeprefix("vit.") for k in now if k.startswith("vit.") and ".adaptor." not in k}
    assert frozen == {k for k in given if not k.startswith("head.")}
    assert all(torch.equal(now[f"vit.{k}"], given[k]) for k in frozen)
    assert all(torch.equal(now[k], before[k]) for k in now if k.removeprefix("vit.") not in frozen)


def test_a_file_of_the_trained_part_gives_the_same_scores(small, vit, tmp_path):
    config = replace(small, save="trainable", init_weights=str(vit))
    network = adapter.Detector(config)
    network.warm_start()
    stirred(torch.nn.ModuleList([network.spm, network.interactions, network.head]))
    network.save(tmp_path / "part.safetensors", detectors.describe("df_adapter", config))
    held = load_file(tmp_path / "part.safetensors")
    assert {k for k in network.state_dict() if k not in held} == {
        f"vit.{k}" for k in load_file(vit) if not k.startswith("head.")
    }
    clips = random_clips(length=1)
    assert torch.equal(
        detectors.restore(tmp_path / "part.safetensors", "df_adapter").score(clips), network.eval().score(clips)
    )


def test_a_file_of_the_trained_part_needs_the_other(small, vit, tmp_path):
    config = replace(small, save="trainable", init_weights=str(vit))
    network = adapter.Detector(config)
    network.save(tmp_path / "part.safetensors", detectors.describe("df_adapter", config))
    whole = adapter.Detector(replace(config, save="all"))
    with pytest.raises(DataError, match="vit.blocks.0.attn.proj.bias is absent there"):
        whole.take_weights(load_file(tmp_path / "part.safetensors"), tmp_path / "part.safetensors")
    vit.unlink()
    with pytest.raises(DataError, match="vit.safetensors' is not a file"):
        detectors.restore(tmp_path / "part.safetensors", "df_adapter")
