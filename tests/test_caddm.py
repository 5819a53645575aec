"""CADDM: the published networks and their names, its boxes and their loss, the swaps, and how a face is placed."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from stores import random_clips, rng
from torch import nn

from thb.core.errors import ParamsError
from thb.detectors.caddm import augment, jpeg, placement, poisson, swap
from thb.detectors.caddm import boxes as caddm_boxes
from thb.detectors.caddm import network as caddm
from thb.detectors.caddm.names import published as published_name
from thb.detectors.parts.torch_ready import backbone

DETECTOR = "caddm"  # whose settings the fixtures `published` and `small` give
BACKBONES = ("resnet34", "tf_efficientnet_b3", "tf_efficientnet_b4")


def one_frame(count: int = 4, **kwargs):
    return random_clips(count, units=1, length=1, **kwargs)


# ── The published module, written again in plain torch from the fact sheet ───────────────────────


class Reference(nn.Module):
    """Under the published names, unused 1000-way head included."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.base_model = backbone("torchvision.models").resnet34() if kind == "resnet34" else EfficientNet(kind)
        self.kind, width = kind, {"resnet34": 512, "tf_efficientnet_b3": 1536, "tf_efficientnet_b4": 1792}[kind]
        self.adm, self.fc = ReferenceAdm(width), nn.Linear(width, 2)

    def forward(self, x):
        m = self.base_model
        if self.kind == "resnet34":
            x = m.maxpool(m.relu(m.bn1(m.conv1(x))))
            features = m.layer4(m.layer3(m.layer2(m.layer1(x))))
        else:
            features = m.features(x)
        last, loc, conf = self.adm(features)
        return self.fc(F.avg_pool2d(features, 7).flatten(1) + last.flatten(1)), loc, conf


class ReferenceAdm(nn.Module):
    def __init__(self, w: int) -> None:
        super().__init__()

        def residual(k):
            block = nn.Module()
            block.conv1, block.bn1 = nn.Conv2d(w, w, k), nn.BatchNorm2d(w)
            block.conv2, block.bn2 = nn.Conv2d(w, w, 3, padding=1, bias=False), nn.BatchNorm2d(w)
            block.downsample = nn.Sequential(nn.Conv2d(w, w, k, bias=False), nn.BatchNorm2d(w))
            return nn.Sequential(block)

        end = nn.Module()
        end.conv1, end.conv2, end.downsample = nn.Conv2d(w, w, 3), nn.Conv2d(w, w, 1), nn.Conv2d(w, w, 3)
        self.adm_extra_layers = nn.ModuleList([residual(1), residual(3), residual(3), end])
        self.multi_scale_detection_module = heads = nn.Module()
        heads.ms_dets = nn.ModuleList(nn.Conv2d(w, 8, k, padding=p) for k, p in ((3, 1), (3, 1), (3, 1), (1, 0)))
        heads.ms_cls = nn.ModuleList(nn.Conv2d(w, 4, k, padding=p) for k, p in ((3, 1), (3, 1), (3, 1), (1, 0)))

    def forward(self, x):
        maps, heads = [], self.multi_scale_detection_module
        for layer in self.adm_extra_layers[:3]:
            b = layer[0]
            x = F.relu(b.bn2(b.conv2(F.relu(b.bn1(b.conv1(x))))) + b.downsample(x))
            maps.append(x)
        end = self.adm_extra_layers[3]
        x = F.relu(end.conv2(F.relu(end.conv1(x))) + end.downsample(x))
        maps.append(x)
        loc = [head(m).permute(0, 2, 3, 1).reshape(len(x), -1) for head, m in zip(heads.ms_dets, maps, strict=True)]
        conf = [head(m).permute(0, 2, 3, 1).reshape(len(x), -1) for head, m in zip(heads.ms_cls, maps, strict=True)]
        return x, torch.cat(loc, 1).view(len(x), -1, 4), torch.cat(conf, 1).view(len(x), -1, 2)


B3 = {"stem": 40, "head": 1536, "blocks": [2, 3, 3, 5, 5, 6, 2], "widths": [24, 32, 48, 96, 136, 232, 384]}
B4 = {"stem": 48, "head": 1792, "blocks": [2, 4, 4, 6, 6, 8, 2], "widths": [24, 32, 56, 112, 160, 272, 448]}
KERNELS, STRIDES, EXPAND = [3, 3, 5, 3, 5, 5, 3], [1, 2, 2, 2, 1, 2, 1], [1, 6, 6, 6, 6, 6, 6]


def same(conv, x):
    """TensorFlow's padding: the odd row below, the odd column to the right."""
    k, s = conv.kernel_size[0], conv.stride[0]
    total = [max((math.ceil(n / s) - 1) * s + k - n, 0) for n in x.shape[-2:]]
    (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in total)
    return conv(F.pad(x, (left, right, top, bottom)))


def swish(x):
    return x * x.sigmoid()


def norm(width):
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = inputs * expand
        if expand > 1:
            self._expand_conv, self._bn0 = nn.Conv2d(inputs, inner, 1, bias=False), norm(inner)
        self._depthwise_conv = nn.Conv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = norm(inner)
        self._se_reduce, self._se_expand = nn.Conv2d(inner, inputs // 4, 1), nn.Conv2d(inputs // 4, inner, 1)
        self._project_conv, self._bn2 = nn.Conv2d(inner, outputs, 1, bias=False), norm(outputs)
        self.skips = stride == 1 and inputs == outputs

    def forward(self, x):
        y = swish(self._bn0(self._expand_conv(x))) if hasattr(self, "_bn0") else x
        y = swish(self._bn1(same(self._depthwise_conv, y)))
        y = y * self._se_expand(swish(self._se_reduce(y.mean((2, 3), keepdim=True)))).sigmoid()
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


class EfficientNet(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        c = B3 if kind.endswith("b3") else B4
        self._conv_stem, self._bn0 = nn.Conv2d(3, c["stem"], 3, 2, bias=False), norm(c["stem"])
        width, blocks = c["stem"], []
        stages = zip(c["blocks"], c["widths"], KERNELS, STRIDES, EXPAND, strict=True)
        for count, outputs, kernel, stride, expand in stages:
            for i in range(count):
                blocks.append(Block(width, outputs, kernel, 1 if i else stride, expand))
                width = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = nn.Conv2d(width, c["head"], 1, bias=False), norm(c["head"])
        self._fc = nn.Linear(c["head"], 1000)

    def features(self, x):
        x = swish(self._bn0(same(self._conv_stem, x)))
        for block in self._blocks:
            x = block(x)
        return swish(self._bn1(self._conv_head(x)))


def stirred(module: nn.Module) -> nn.Module:
    """In eval mode, with norms that do something."""
    generator = rng(3)
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.1, generator=generator)
            m.running_var.uniform_(0.5, 1.5, generator=generator)
            m.weight.data.uniform_(0.5, 1.5, generator=generator)
            m.bias.data.normal_(0, 0.1, generator=generator)
    return module.eval()


# ── The published networks ───────────────────────────────────────────────────────────────────────


def shapes(state) -> dict[str, tuple[int, ...]]:
    return {k: tuple(v.shape) for k, v in state.items()}


@pytest.mark.parametrize(
    ("kind", "own", "whole", "keys"),
    [
        ("resnet34", 43_490_162, 44_003_162, 299),
        ("tf_efficientnet_b3", 209_433_178, 210_970_178, 655),
        ("tf_efficientnet_b4", 287_943_546, 289_736_546, 787),
    ],
)
def test_the_published_sizes_and_names(published, kind, own, whole, keys):
    """The published count (44.00, 210.97, 289.74 M) has the unused 1000-way head in it; ours has not."""
    with torch.device("meta"):
        network, reference = caddm.Detector(replace(published, backbone=kind)), Reference(kind)
    assert sum(p.numel() for p in reference.parameters()) == whole
    assert sum(p.numel() for p in network.parameters()) == own
    theirs = shapes(reference.state_dict())
    unused = {k for k in theirs if k.startswith(("base_model.fc.", "base_model._fc."))}
    assert len(theirs) == keys
    assert len(unused) == 2
    names = network.published_names()
    assert {names[k]: s for k, s in shapes(network.state_dict()).items()} == {
        k: s for k, s in theirs.items() if k not in unused
    }


@pytest.mark.parametrize("kind", BACKBONES)
def test_a_published_file_says_which_network_it_is_of(kind):
    with torch.device("meta"):
        settings = caddm.Detector.published_settings(Reference(kind).state_dict())
    assert settings == {"backbone": kind, "dropout": {"resnet34": 0, "tf_efficientnet_b3": 0.3}.get(kind, 0.4)}
    assert caddm.Detector.published_settings({"conv.weight": torch.zeros(1)}) == {}


def test_resnet_gives_the_published_logits_and_boxes(published):
    torch.manual_seed(1)
    reference = stirred(Reference("resnet34"))
    network = caddm.Detector(replace(published, backbone="resnet34", compat="official")).eval()
    theirs = reference.state_dict()
    network.load_state_dict({own: theirs[name] for own, name in network.published_names().items()})
    view = torch.rand(2, 3, 224, 224, generator=rng()) * 255
    with torch.inference_mode():
        expected, found = reference(view), network.evidence(view)
        assert torch.equal(network(view), found[0])
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-4, rtol=1e-5)
    assert [tuple(x.shape) for x in found] == [(2, 2), (2, 168, 4), (2, 168, 2)]


@pytest.mark.parametrize("kind", BACKBONES[1:])
def test_efficientnets_give_the_published_features(published, kind):
    torch.manual_seed(1)
    reference = stirred(EfficientNet(kind))
    ours = caddm._backbone(replace(published, backbone=kind)).eval()
    theirs = reference.state_dict()
    stages = [len(stage) for stage in ours.blocks]
    ours.load_state_dict(
        {
            k: theirs[published_name(f"backbone.{k}", kind, stages).removeprefix("base_model.")]
            for k in ours.state_dict()
        }
    )
    view = torch.rand(1, 3, 224, 224, generator=rng()) * 255
    with torch.inference_mode():
        expected, found = reference.features(view), ours.forward_features(view)
    assert found.shape == (1, B3["head"] if kind.endswith("b3") else B4["head"], 7, 7)
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)
    assert {m.momentum for m in ours.modules() if isinstance(m, nn.BatchNorm2d)} == {0.01}
    drops = [m.drop_prob for m in ours.modules() if hasattr(m, "drop_prob")]
    count = sum(stages)
    assert max(drops) == pytest.approx(0.2 * (count - 1) / count, abs=1e-3)


def test_the_detection_module_is_the_published_one():
    torch.manual_seed(2)
    reference, ours = stirred(ReferenceAdm(8)), caddm.ArtifactDetection(8).eval()
    theirs = reference.state_dict()
    ours.load_state_dict(
        {k: theirs[published_name(f"adm.{k}", "small", []).removeprefix("adm.")] for k in ours.state_dict()}
    )
    features = torch.randn(3, 8, 7, 7, generator=rng())
    for one, other in zip(ours(features), reference(features), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_the_heat_map_is_read_where_both_branches_read(published):
    for kind, width in (("resnet34", 512), ("tf_efficientnet_b3", 1536)):
        with torch.device("meta"):
            network = caddm.Detector(replace(published, backbone=kind)).eval()
            layer, to_map = network.cam_layer()
            seen = []
            layer.register_forward_hook(lambda module, inputs, output, to=to_map, seen=seen: seen.append(to(output)))
            features = network.backbone.forward_features(torch.empty(1, 3, 224, 224))
        assert seen[0].shape == features.shape == (1, width, 7, 7)


def test_a_small_backbone_must_end_in_seven_cells(small):
    with pytest.raises(ParamsError, match="3 widths halve 64 px 3 times, which must leave 7"):
        caddm.Detector(replace(small, size=64))


# ── Boxes ────────────────────────────────────────────────────────────────────────────────────────


def iou(a, b) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0) * max(high, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def boxes_of(anchors) -> list[list[float]]:
    return [[x - w / 2, y - h / 2, x + w / 2, y + h / 2] for x, y, w, h in anchors.tolist()]


def test_anchors_by_scale_row_column_and_orientation():
    anchors = caddm_boxes.anchors() * 224
    assert anchors.shape == (168, 4)
    assert anchors[0].tolist() == [16, 16, 40, 80]
    assert anchors[1].tolist() == [16, 16, 80, 40]
    assert anchors[2].tolist() == [48, 16, 40, 80]  # the next column
    assert anchors[14].tolist() == [16, 48, 40, 80]  # the next row
    assert torch.allclose(anchors[98], torch.tensor([22.5, 22.5, 80, 120]))
    assert torch.allclose(anchors[149], torch.tensor([37.5, 37.5, 160, 120]))
    assert torch.allclose(anchors[166:], torch.tensor([112.0, 112, 224, 224]).expand(2, 4))


def test_a_whole_image_is_matched_by_the_two_largest_anchors_alone():
    positive, _ = caddm_boxes.matched(torch.tensor([[[0.0, 0, 1, 1], [torch.nan] * 4]]), caddm_boxes.anchors())
    assert positive[0].nonzero()[:, 0].tolist() == [166, 167]


def test_boxes_are_matched_as_ssd_does():
    anchors, generator = caddm_boxes.anchors(), rng(4)
    mine = boxes_of(anchors)
    for _ in range(20):
        corner, sides = torch.rand(2, 2, generator=generator) * 0.5, torch.rand(2, 2, generator=generator) * 0.4 + 0.1
        truths = torch.cat([corner, corner + sides], dim=1)
        table = [[iou(t, a) for a in mine] for t in truths.tolist()]
        which = [max(range(2), key=lambda t, a=a: (table[t][a], -t)) for a in range(168)]
        overlap = [table[which[a]][a] for a in range(168)]
        for t in range(2):
            best = int(np.argmax(table[t]))
            which[best], overlap[best] = t, 2.0
        positive, chosen = caddm_boxes.matched(truths[None], anchors)
        assert positive[0].tolist() == [o >= 0.5 for o in overlap]
        assert [c for c, p in zip(chosen[0].tolist(), positive[0].tolist(), strict=True) if p] == [
            w for w, o in zip(which, overlap, strict=True) if o >= 0.5
        ]


def test_offsets_decode_to_the_boxes_they_encode():
    anchors = caddm_boxes.anchors()
    box = torch.tensor([0.1, 0.2, 0.5, 0.9])
    offsets = caddm_boxes.encoded(box.expand(1, 168, 4), anchors)
    x, y, w, h = anchors[5].tolist()
    assert torch.allclose(
        offsets[0, 5],
        torch.tensor([(0.3 - x) / (0.1 * w), (0.55 - y) / (0.1 * h), math.log(0.4 / w) / 0.2, math.log(0.7 / h) / 0.2]),
        atol=1e-5,
    )
    assert torch.allclose(caddm_boxes.decoded(offsets, anchors), box.expand(1, 168, 4), atol=1e-5)


def test_the_box_loss_is_ssds_with_negatives_two_to_one_in_each_image():
    anchors, generator = caddm_boxes.anchors(), rng(5)
    offsets, changes = torch.randn(3, 168, 4, generator=generator), torch.randn(3, 168, 2, generator=generator)
    nan = [torch.nan] * 4
    truths = torch.tensor([[[0, 0, 1, 1], nan], [[0, 0, 1, 1], [0.1, 0.3, 0.35, 0.6]], [nan, nan]])
    positive, which = caddm_boxes.matched(truths, anchors)
    placed = guessed = 0.0
    for i in range(3):
        wrong = F.cross_entropy(changes[i], positive[i].long(), reduction="none")
        rest = sorted(wrong[~positive[i]].tolist(), reverse=True)
        guessed += wrong[positive[i]].sum() + sum(rest[: 2 * int(positive[i].sum())])
        for a in positive[i].nonzero()[:, 0].tolist():
            wanted = caddm_boxes.encoded(truths[i, which[i, a]].expand(168, 4), anchors)[a]
            placed += F.smooth_l1_loss(offsets[i, a], wanted, reduction="sum")
    loss = caddm_boxes.multibox_loss(offsets, changes, truths, anchors)
    assert torch.allclose(loss, (placed + guessed) / positive.sum(), rtol=1e-5)
    assert not positive[2].any()


def test_reals_alone_have_no_box_loss_and_no_gradient_from_it():
    offsets, changes = torch.randn(2, 168, 4, requires_grad=True), torch.randn(2, 168, 2, requires_grad=True)
    loss = caddm_boxes.multibox_loss(offsets, changes, torch.full((2, 2, 4), torch.nan), caddm_boxes.anchors())
    loss.backward()
    assert loss == 0
    assert offsets.grad.abs().max() == changes.grad.abs().max() == 0


def test_official_boxes_are_transposed(small):
    torch.manual_seed(0)
    fixed, official = (caddm.Detector(replace(small, compat=c)).eval() for c in ("fixed", "official"))
    official.load_state_dict(fixed.state_dict())
    view = torch.rand(2, 3, small.size, small.size, generator=rng()) * 255
    found, chance = fixed.boxes(view)
    other, same_chance = official.boxes(view)
    assert found.shape == (2, 168, 4)
    assert torch.equal(other, found[..., [1, 0, 3, 2]])
    assert torch.equal(chance, same_chance)
    assert chance.min() >= 0
    assert chance.max() <= 1


# ── True boxes ───────────────────────────────────────────────────────────────────────────────────


def patched(count: int = 64, side: int = 56):
    """Fakes that differ from their originals in the top right of the crop only."""
    clips = one_frame(count, side=side)
    original = (clips.originals.float() * 0.3 + 80).to(torch.uint8)
    frames = original.clone()
    frames[:, :, :, :10, 33:53] = 255 - frames[:, :, :, :10, 33:53]
    whole = torch.tensor([[0.0, 0, 1, 1]]).expand(count, 4)
    return replace(
        clips,
        frames=frames,
        originals=original,
        boxes=whole[:, None, None],
        labels=torch.ones(count).long(),
        paired=torch.ones(count).bool(),
    )


@pytest.mark.parametrize(("compat", "expected"), [("fixed", (132, 0, 212, 40)), ("official", (0, 132, 40, 212))])
def test_a_patch_is_boxed_where_it_is_and_official_transposes_it(small, compat, expected):
    config = replace(small, compat=compat, swaps=(0, 0, 0, 1), augment=0, flip=0, poisson=0, self_blend=0)
    _, labels, truths, kept = caddm.Detector(config).training_batch(patched(), rng())
    assert labels.tolist() == [1] * 64
    assert kept.all()
    assert torch.equal(truths[:, 0], torch.tensor([[0.0, 0, 1, 1]]).expand(64, 4))
    sides = (truths[:, 1, 2:] - truths[:, 1, :2]) * 224
    small_window = (sides.min(dim=1).values - 40).abs() < 2
    found = truths[small_window, 1] * 224
    assert 5 < len(found) < 30
    assert (found - torch.tensor(expected)).abs().max() < 6  # whole pixels of a crop four times smaller
    if compat == "fixed":
        anchor = caddm_boxes.matched(truths[small_window][:1], caddm_boxes.anchors())[0][0].nonzero()[:, 0]
        assert (caddm_boxes.anchors()[anchor[0], :2] * 7).floor().tolist() == [5, 0]


def test_fakes_without_an_original_stay_and_have_the_whole_image(small):
    clips = replace(one_frame(side=64), paired=torch.zeros(4).bool())
    network = caddm.Detector(replace(small, augment=0, flip=0, self_blend=0))
    view, labels, truths, kept = network.training_batch(clips, rng())
    assert torch.equal(view, network.view(clips, None))
    assert kept.all()
    assert labels.tolist() == [0, 1, 0, 1]
    assert truths[1::2, 0].tolist() == [[0, 0, 1, 1]] * 2
    assert truths[::2].isnan().all()
    assert truths[:, 1].isnan().all()


def test_a_patch_that_changes_hardly_anything_is_no_sample(small):
    clips = one_frame(side=64)
    clips = replace(clips, originals=clips.frames, paired=clips.labels == 1)
    network = caddm.Detector(replace(small, swaps=(0, 0, 0, 1), augment=0, flip=0, self_blend=0))
    view, labels, truths, kept = network.training_batch(clips, rng())
    assert kept.tolist() == [True, False, True, False]
    logits, *_ = network.eval().evidence(view)
    assert torch.allclose(network.loss(clips, rng()), F.cross_entropy(logits[kept], labels[kept]))
    assert truths[kept].isnan().all()
    alone = replace(clips, **{key: getattr(clips, key)[1::2] for key in ("frames", "originals", "labels", "paired")})
    alone = replace(alone, boxes=clips.boxes[1::2], landmarks=clips.landmarks[1::2])
    assert network.loss(alone, rng()) == 0


@pytest.mark.parametrize(("changed", "enough"), [(4800, False), (4801, True)])
def test_a_patch_needs_more_than_4800_changed_values_of_an_aligned_face(changed, enough):
    change = torch.zeros(1, 3, 224, 224)
    change.view(-1)[:changed] = 0.0011
    change.view(-1)[changed:] = 0.0009
    assert swap.changed_enough(change).tolist() == [enough]


def test_self_blended_reals_become_fakes_with_boxes(small):
    clips = replace(one_frame(40, side=64), labels=torch.zeros(40).long())
    network = caddm.Detector(replace(small, augment=0, flip=0, self_blend=0.5, poisson=0, swaps=(0.2, 0.4, 0.2, 0.2)))
    plain = network.view(clips, None)
    clips = replace(clips, originals=clips.frames)
    view, labels, truths, kept = network.training_batch(clips, rng())
    changed = (view - plain).abs().amax(dim=(1, 2, 3)) > 1
    assert torch.equal(changed[kept], labels[kept] == 1)
    assert 10 < int(labels[kept].sum()) < 30
    assert torch.equal(truths[:, 0].isfinite().all(dim=1), labels == 1)
    assert truths[:, 1].isfinite().any()


def test_loss_is_of_labels_and_a_tenth_of_boxes(small):
    network = caddm.Detector(replace(small, box_loss=0.1)).eval()
    clips = one_frame(side=64)
    view, labels, truths, kept = network.training_batch(clips, rng(3))
    logits, offsets, changes, labels, truths = (x[kept] for x in (*network.evidence(view), labels, truths))
    boxes = caddm_boxes.multibox_loss(offsets, changes, truths, network.anchors)
    assert torch.allclose(network.loss(clips, rng(3)), F.cross_entropy(logits, labels) + 0.1 * boxes)
    assert boxes > 0


# ── Swaps ────────────────────────────────────────────────────────────────────────────────────────

MIDDLE = torch.tensor([[0.25, 0.25, 0.75, 0.75]])
FACE = torch.tensor([[[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.4, 0.6], [0.6, 0.6]]])


def swapped(kind: int, official: bool = False, poisson: float = 0.0, side: int = 64):
    fake, real = torch.full((1, 3, side, side), 200.0), torch.full((1, 3, side, side), 50.0)
    frames, _ = swap.swap(fake, real, MIDDLE, FACE, torch.tensor([kind]), poisson, 0.0, official, rng())
    return frames[0, 0]


def test_faces_are_pasted_as_their_kind_says():
    into_fake, into_real, untouched = map(swapped, (swap.REAL_FACE, swap.FAKE_FACE, swap.UNTOUCHED))
    assert (into_fake[32, 32], into_fake[2, 2]) == (50, 200)
    assert (into_real[32, 32], into_real[2, 2]) == (200, 50)
    assert (untouched == 200).all()
    assert 50 < into_real[32, 16] < 200  # the seam is soft
    assert into_real[18, 18] == 50  # an ellipse, not its box


def test_a_tilted_face_has_a_tilted_mask():
    eyes = FACE.clone()
    eyes[0, :2] = torch.tensor([[0.4, 0.4], [0.5, 0.5]])  # 45 degrees
    narrow = torch.tensor([[0.4, 0.2, 0.6, 0.8]])
    upright, tilted = (swap.face_masks(narrow, marks, 64, 0.0, rng())[0, 0] for marks in (FACE, eyes))
    assert upright[20, 32] == 1
    assert tilted[20, 32] == 0
    assert tilted[20, 44] == 1
    missing = swap.face_masks(narrow, FACE * torch.nan, 64, 0.0, rng())[0, 0]
    assert torch.equal(missing, upright)


def test_bent_outlines_are_near_the_straight_ones():
    straight = swap.face_masks(MIDDLE.expand(20, 4), FACE.expand(20, 5, 2), 96, 0.0, rng())
    bent = swap.face_masks(MIDDLE.expand(20, 4), FACE.expand(20, 5, 2), 96, 1.0, rng())
    differ = (straight != bent).float().mean(dim=(1, 2, 3))
    assert (differ > 0.003).all()
    assert (differ < 0.2).all()


def patched_pair() -> tuple[torch.Tensor, torch.Tensor]:
    """A fake that differs from its real in the middle of the face, and more beside the face: 80 x 80."""
    fake, real = torch.full((1, 3, 80, 80), 100.0), torch.full((1, 3, 80, 80), 100.0)
    fake[:, :, 35:42, 35:49] += torch.randn(3, 7, 14, generator=rng()) * 50
    fake[:, :, 16:21, 16:24] += torch.randn(3, 5, 8, generator=rng(1)) * 100
    return fake, real


def test_a_patch_is_sought_on_the_face_only_and_official_misplaces_it_by_the_margin():
    fake, real = patched_pair()
    window = swap.WINDOWS[:1]
    mask, corner = swap.patch_masks(fake, real, MIDDLE, FACE, window, False)  # the box 20..60, its crop 16..64
    wrong, _ = swap.patch_masks(fake, real, MIDDLE, FACE, window, True)
    assert corner.tolist() == [[20, 20]]
    assert mask[0, 0].nonzero()[[0, -1]].tolist() == [[34, 34], [42, 50]]  # fifths of the crop: 16, 25, 34
    assert torch.equal(wrong, mask.roll((4, 4), dims=(2, 3)))


def test_official_centres_a_patch_where_it_lies_in_the_crop_and_a_face_as_y_x(monkeypatch):
    """The window's columns 18 to 34 and rows 18 to 26 of the crop: its centre is (26, 22) there, in this order."""
    asked, blend = [], swap.blended
    monkeypatch.setattr(
        swap,
        "blended",
        lambda *given: (asked.append(given[3] if given[3] is None else given[3].tolist()), blend(*given))[1],
    )
    monkeypatch.setattr(swap, "WINDOWS", swap.WINDOWS[:1])
    for official in (True, False):
        swap.swap(*patched_pair(), MIDDLE, FACE, torch.tensor([swap.PATCH]), 1.0, 0.0, official, rng())
    wide = torch.tensor([[0.2, 0.1, 0.6, 0.9]])  # columns 16 to 47, rows 8 to 71: its centre is (32, 40)
    swap.swap(
        *patched_pair(), wide, torch.full((1, 5, 2), torch.nan), torch.tensor([swap.FAKE_FACE]), 1.0, 0.0, True, rng()
    )
    assert asked == [[[26, 22]], None, [[40, 32]]]  # fixed: where it lies


def smooth(seed: int, side: int = 96) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (side, side, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 3)


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).float()[None]


def masks_of_all_kinds(side: int = 96) -> list[np.ndarray]:
    """An ellipse, a rectangle, a sliver of three rows, and a patch."""
    at = np.arange(side)
    ellipse = ((at[None] - 50) / 20) ** 2 + ((at[:, None] - 44) / 31) ** 2 <= 1
    rectangles = [np.zeros((side, side), bool) for _ in range(3)]
    for mask, (rows, columns) in zip(
        rectangles, (((20, 40), (60, 84)), ((50, 53), (30, 47)), ((2, 90), (7, 12))), strict=True
    ):
        mask[slice(*rows), slice(*columns)] = True
    return [ellipse, *rectangles]


def test_poisson_is_opencvs_for_a_whole_batch_of_masks_to_one_level():
    masks = masks_of_all_kinds()
    tops, bases = ([smooth(10 * i + k) for i in range(len(masks))] for k in (0, 1))
    mask = torch.from_numpy(np.stack(masks)).float()[:, None]
    found, there = poisson.blended(torch.cat([*map(as_tensor, tops)]), torch.cat([*map(as_tensor, bases)]), mask)
    assert there.all()
    for i, (top, base, own) in enumerate(zip(tops, bases, masks, strict=True)):
        columns, rows = (np.flatnonzero(own.any(axis=axis)) for axis in (0, 1))
        centre = (int(columns[0] + columns[-1] + 1) // 2, int(rows[0] + rows[-1] + 1) // 2)
        wanted = as_tensor(cv2.seamlessClone(top, base, own.astype(np.uint8) * 255, centre, cv2.NORMAL_CLONE))[0]
        assert (found[i] - wanted).abs().max() < 1.01, i  # OpenCV leaves out what lies behind the point
        assert ((found[i] - as_tensor(base)[0]).abs().max() > 5) == (i < 2), i  # the others are worn away


@pytest.mark.parametrize("place", [(40, 60), (33, 31), (58, 52)])
def test_poisson_elsewhere_is_opencvs_too(place):
    top, base, (mask, *_) = smooth(3), smooth(4), masks_of_all_kinds()
    wanted = as_tensor(cv2.seamlessClone(top, base, mask.astype(np.uint8) * 255, place, cv2.NORMAL_CLONE))
    given = as_tensor(top), as_tensor(base), torch.from_numpy(mask).float()[None, None]
    found, there = poisson.blended(*given, torch.tensor([place]))
    assert there.all()
    assert (found - wanted).abs().max() < 1.01


def test_where_opencv_throws_there_is_no_poisson_blend_and_alpha_stands_in():
    top, base, (mask, *_) = smooth(3), smooth(4), masks_of_all_kinds()
    place = (44, 20)  # its upper rows would lie above the picture
    with pytest.raises(cv2.error):
        cv2.seamlessClone(top, base, mask.astype(np.uint8) * 255, place, cv2.NORMAL_CLONE)
    given = as_tensor(top), as_tensor(base), torch.from_numpy(mask).float()[None, None]
    assert not poisson.blended(*given, torch.tensor([place]))[1]
    assert not poisson.blended(*given[:2], torch.zeros(1, 1, 96, 96))[1]
    beside = torch.tensor([[0.6, 0.0, 1.0, 0.3]])  # its axes swapped, it lies partly outside
    nothing = torch.full((1, 5, 2), torch.nan)
    kind = torch.tensor([swap.FAKE_FACE])
    official, _ = swap.swap(given[0], given[1], beside, nothing, kind, 1.0, 0.0, True, rng())
    by_alpha, _ = swap.swap(given[0], given[1], beside, nothing, kind, 0.0, 0.0, True, rng())
    assert torch.equal(official, by_alpha)


def test_kinds_are_drawn_by_their_shares():
    certain = torch.arange(4000) < 2000
    kinds = swap.sampled_kinds(certain, (0.4, 0.2, 0.2, 0.2), rng())
    for half, wanted in ((kinds[2000:], (0.4, 0.2, 0.2, 0.2)), (kinds[:2000], (0.5, 0.25, 0, 0.25))):
        assert torch.allclose(torch.bincount(half, minlength=4) / 2000, torch.tensor(wanted), atol=0.04)


def test_dssim_is_half_of_what_ssim_lacks():
    one = torch.rand(1, 3, 32, 32, generator=rng()) * 255
    other = torch.rand(1, 3, 32, 32, generator=rng(1)) * 255
    a, b = (x[0, 1, 11:22, 9:20].double() for x in (one, other))  # the 11 x 11 about pixel (16, 14)
    line = torch.exp(-(torch.arange(-5, 6).double() ** 2) / (2 * 1.5**2))
    w = torch.outer(line, line) / line.sum() ** 2
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    var_a, var_b = (w * a * a).sum() - mean_a**2, (w * b * b).sum() - mean_b**2
    cov = (w * a * b).sum() - mean_a * mean_b
    ssim = (
        (2 * mean_a * mean_b + 6.5025)
        * (2 * cov + 58.5225)
        / ((mean_a**2 + mean_b**2 + 6.5025) * (var_a + var_b + 58.5225))
    )
    assert swap.dssim(one, other)[0, 1, 16, 14] == pytest.approx(abs((1 - float(ssim)) / 2), abs=1e-4)
    assert swap.dssim(one, one).max() < 1e-5


def test_the_most_changed_window_stands_on_fifths_and_inside():
    change, area = torch.rand(1, 60, 60, generator=rng()), torch.tensor([[5.0, 10, 55, 60]])
    for window in swap.WINDOWS:
        high, wide = (50 * window).round().int().tolist()
        starts = [
            (float(change[0, y : y + high, x : x + wide].sum()), x, y)
            for y in range(10, 60, 10)
            for x in range(5, 55, 10)
            if y + high <= 60 and x + wide <= 55
        ]
        _, x, y = max(starts)
        assert swap.most_changed(change, area, window[None]).tolist() == [[x, y, x + wide, y + high]]


# ── Placement ────────────────────────────────────────────────────────────────────────────────────


def test_views_are_bgr_as_they_are_stored(small):
    clips = one_frame(side=64)
    view = caddm.Detector(small).view(clips, None)
    assert view.shape == (4, 3, small.size, small.size)
    x0 = int((clips.boxes[0, 0, 0, [0, 2]].mean() * 64 - 28).round().clamp(0, 8))
    y0 = int((clips.boxes[0, 0, 0, [1, 3]].mean() * 64 - 28).round().clamp(0, 8))
    pixels = clips.frames[0, 0, 0, y0 : y0 + 56, x0 : x0 + 56].flip(-1).permute(2, 0, 1).float()
    assert torch.allclose(view[0], pixels, atol=0.02)
    assert torch.allclose(caddm.Detector(small).shown(clips)[0, 0], pixels.flip(0) / 255, atol=1e-4)


def warped(image: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Least-squares similarity onto the template by numpy, and OpenCV's warp; pixel centres at whole numbers."""
    rows = [[x, -y, 1, 0] for x, y in marks] + [[y, x, 0, 1] for x, y in marks]
    wanted = [p[0] for p in caddm.TEMPLATE] + [p[1] for p in caddm.TEMPLATE]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
    return cv2.warpPerspective(image, np.array([[a, -b, tx], [b, a, ty], [0, 0, 1]]), (224, 224))


def test_aligned_crops_are_opencvs_warp_onto_the_template(published):
    generator = np.random.default_rng(3)
    image = cv2.GaussianBlur(generator.uniform(0, 255, (160, 160, 3)).astype(np.float32), (0, 0), 4)
    marks = np.array([[60, 70], [95, 62], [82, 92], [70, 118], [100, 110]], float) + generator.normal(0, 1, (5, 2))
    placed = placement.aligned(
        torch.tensor((marks + 0.5) / 160).float()[None],
        (torch.tensor(caddm.TEMPLATE) + 0.5) / 224,
        torch.zeros(1, 2, 3),
    )
    cut = placement.cut_out(torch.from_numpy(image).permute(2, 0, 1)[None], placed, 224)[0].permute(1, 2, 0).numpy()
    expected = warped(image, marks)
    assert np.abs(cut - expected)[4:-4, 4:-4].max() < 3  # OpenCV rounds places to 1/32 pixel
    assert np.abs(cut - expected).mean() < 0.3
    assert ((cut == 0) == (expected == 0)).mean() > 0.99  # black outside


def test_a_face_without_landmarks_is_its_square(small):
    config = replace(small, crop="aligned", margin=1.0)
    clips = one_frame(side=64)
    lost = replace(clips, landmarks=clips.landmarks * torch.nan)
    flat = replace(clips, landmarks=torch.full_like(clips.landmarks, 0.5))
    network = caddm.Detector(config)
    expected = F.affine_grid(torch.tensor([[[0.5, 0, 0], [0, 0.5, 0]]]), [1, 3, 56, 56], align_corners=False)
    centre = clips.boxes[0, 0, 0, :2] + clips.boxes[0, 0, 0, 2:] - 1
    pixels = clips.frames[0, 0].permute(0, 3, 1, 2).flip(1).float()
    assert torch.allclose(
        network.view(lost, None)[:1], F.grid_sample(pixels, expected + centre, align_corners=False), atol=0.02
    )
    assert torch.equal(network.view(lost, None), network.view(flat, None))
    first = replace(clips, landmarks=clips.landmarks[:1].expand_as(clips.landmarks))  # each frame goes by its own
    assert not torch.equal(network.view(first, None)[1], network.view(clips, None)[1])
    assert not torch.equal(network.view(lost, None), network.view(clips, None))


def test_official_never_mirrors(small):
    clips = one_frame(60, side=64)
    plain = caddm.Detector(small).view(clips, None)
    for compat, least, most in (("fixed", 15, 45), ("official", 0, 0)):
        view = caddm.Detector(replace(small, compat=compat, augment=0)).view(clips, rng())
        mirrored = (view - plain.flip(-1)).abs().amax(dim=(1, 2, 3)) < 0.1
        assert least <= int(mirrored.sum()) <= most
        assert torch.allclose(view[~mirrored], plain[~mirrored], atol=0.1)


def test_jitter_is_as_wide_as_published():
    still = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]).expand(4000, 2, 3)
    moved = placement.jittered(still, 1.0, rng())
    forward = torch.linalg.inv(torch.cat([moved, torch.tensor([[[0.0, 0, 1]]]).expand(4000, 1, 3)], dim=1))
    scale = forward[:, :2, :2].det().sqrt()
    turn = torch.atan2(forward[:, 1, 0], forward[:, 0, 0]).rad2deg()
    centre = (forward @ torch.tensor([0.5, 0.5, 1]))[:, :2] - 0.5
    assert scale.mean() == pytest.approx(1, abs=0.01)
    assert 72 * scale.std() == pytest.approx(11.6, abs=0.6)  # pixels between the eyes
    assert turn.abs().max() == pytest.approx(30, abs=2)
    assert turn.abs().median() == pytest.approx(30 / 8, abs=0.6)
    assert centre.abs().max() * 224 == pytest.approx(25, abs=0.5)
    assert torch.allclose(placement.jittered(still, 0.0, rng()), still, atol=1e-6)


# ── Worse pictures ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [step for _, step in augment.STEPS], ids=lambda step: step.__name__)
def test_every_step_changes_pictures_and_follows_its_generator(step):
    images = swap.blurred(torch.rand(6, 3, 32, 40, generator=rng()) * 200 + 20, 5, 1.0)
    one, again, other = (step(images, rng(s)) for s in (1, 1, 2))
    assert one.shape == images.shape
    assert torch.equal(one, again)
    assert ((one - images).abs().amax(dim=(1, 2, 3)) > 0.5).float().mean() > 0.6
    assert torch.equal(one, other) == (step in (augment.half_resolution, augment.stretch, augment.gaussian_blur))


def a_dot(side: int = 41) -> torch.Tensor:
    image = torch.zeros(1, 3, side, side)
    image[..., side // 2, side // 2] = 255
    return image


def test_gammas_exponent_is_one_over_what_is_drawn():
    image = torch.full((3, 3, 8, 8), 64.0)
    drawn = 0.6 + 0.8 * torch.rand(3, 1, 1, 1, generator=rng(5))
    assert torch.allclose(augment.gamma(image, rng(5)), 255 * (image / 255) ** (1 / drawn))


def test_coarse_noise_is_grey_and_faint():
    noise = augment.coarse_noise(torch.full((4, 3, 256, 256), 100.0), rng()) - 100
    assert torch.equal(noise[:, :1].expand_as(noise), noise)
    assert 1 < noise.std() < 2  # grains of deviation 2, smoothed between


def test_colours_multiply_saturation_and_value_and_keep_the_hue():
    grey = augment.colours(torch.full((20, 3, 4, 4), 100.0), rng())
    assert torch.equal(grey[:, :1].expand_as(grey), grey)
    assert 89 <= grey.min() < 95
    assert 105 < grey.max() <= 111
    red = augment.colours(torch.tensor([40.0, 40, 200]).view(1, 3, 1, 1).expand(20, 3, 4, 4), rng())
    assert torch.equal(red[:, 0], red[:, 1])


@pytest.mark.parametrize("shape", [(96, 96), (50, 70)])
def test_jpeg_is_opencvs_at_every_quality(shape):
    """A level on average at most, beside many that JPEG itself changes; of many pictures at once, each at its own."""
    qualities = [15, 20, 33, 49, 50, 51, 66, 80]
    pictures = [cv2.resize(smooth(q), shape[::-1], interpolation=cv2.INTER_CUBIC) for q in qualities]
    given = torch.cat([*map(as_tensor, pictures)])
    found = jpeg.squeezed(given, torch.tensor(qualities))
    for quality, picture, ours in zip(qualities, pictures, found, strict=True):
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        wanted = as_tensor(cv2.imdecode(coded, cv2.IMREAD_COLOR))[0]
        assert (ours - wanted).abs().mean() < 0.6, quality
        assert (wanted - as_tensor(picture)[0]).abs().mean() > 4 * (ours - wanted).abs().mean(), quality


def test_jpeg_is_drawn_from_15_to_80():
    drawn = []
    images = torch.zeros(2000, 3, 16, 16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augment, "squeezed", lambda images, qualities: drawn.append(qualities) or images)
        augment.jpeg(images, rng())
    assert (int(drawn[0].min()), int(drawn[0].max())) == (15, 80)


@pytest.mark.parametrize(("saturation", "value"), [(0.9, 1.1), (1.1, 0.9), (1.0, 1.1), (1.1, 1.0)])
def test_more_colour_is_opencvs_to_its_whole_levels(saturation, value):
    picture = np.random.default_rng(1).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    hsv = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2HSV)
    hsv[..., 1:] = (hsv[..., 1:] * (saturation, value)).clip(0, 1)
    wanted = as_tensor(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR) * 255)
    found = augment.more_colour(as_tensor(picture), *(torch.full((1, 1, 1, 1), x) for x in (saturation, value)))
    assert (found - wanted).abs().max() < 0.01


def test_blurs_reach_as_far_as_the_published_ones():
    assert (augment.gaussian_blur(a_dot(), rng())[0, 0] > 0).sum() == 9
    for seed in range(20):
        at = (augment.motion_blur(a_dot(), rng(seed))[0, 0] > 0).nonzero() - 20
        assert at.abs().max() <= 10
        assert ((at[:, None] * at[None]).sum(dim=2) >= -1).all()  # all on one side of the dot


def test_tone_blends_towards_one_colour_by_up_to_30_percent():
    black = augment.tone(torch.zeros(200, 3, 2, 2), rng())
    assert torch.equal(black[..., :1, :1].expand_as(black), black)
    assert 50 < black.max() <= 0.3 * 255


def test_official_aligns_eyes_in_whole_pixels(published):
    clips = one_frame(side=64)
    moved = replace(
        clips, landmarks=clips.landmarks + torch.tensor([0.2 / 64, 0]) * torch.tensor([1.0, 1, 0, 0, 0])[:, None]
    )
    whole = replace(clips, landmarks=((clips.landmarks * 64 - 0.5).trunc() + 0.5) / 64)
    moved = replace(moved, landmarks=whole.landmarks + (moved.landmarks - clips.landmarks))
    same = []
    for compat in ("official", "fixed"):
        network = nn.Module.__new__(caddm.Detector)
        nn.Module.__init__(network)
        network.config = replace(published, compat=compat)
        network.register_buffer("template", (torch.tensor(caddm.TEMPLATE) + 0.5) / 224)
        same.append(torch.equal(network._placement(moved, None), network._placement(whole, None)))
    assert same == [True, False]


def test_steps_are_taken_by_their_chance_and_none_at_no_share():
    images = torch.rand(8, 3, 24, 24, generator=rng()) * 255
    assert torch.equal(augment.worsen(images, 0.0, rng()), images)
    worse = augment.worsen(images, 1.0, rng())
    assert worse.min() >= 0
    assert worse.max() <= 255
    assert (worse - images).abs().amax(dim=(1, 2, 3)).min() > 0
    assert [chance for chance, _ in augment.STEPS] == [0.3, 0.3, 0.5, 0.5, 0.25, 1, 0.3, 0.3, 0.3, 0.3]


# ── Rates ────────────────────────────────────────────────────────────────────────────────────────


def test_the_published_rate_falls_in_two_steps(published):
    network = nn.Module.__new__(caddm.Detector)
    object.__setattr__(network, "config", published)
    assert [network.rate(e) for e in (0, 3.5, 4, 9.9, 10, 150)] == [3.6e-4, 3.6e-4, 1e-4, 1e-4, 5e-5, 5e-5]
