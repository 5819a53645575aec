"""TALL: the published size and layout, the augmentation, and what the small size adds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from stores import random_clips, rng

from thb import detectors
from thb.core.errors import DataError, ParamsError
from thb.detectors import base
from thb.detectors.parts import images as image_parts
from thb.detectors.parts import weights as weight_parts
from thb.fits import import_weights

DETECTOR = "tall"  # whose settings the fixtures `published` and `small` give
tall = detectors.load(DETECTOR)


# ── The published network ────────────────────────────────────────────────────────────────────────


def test_the_published_size(published):
    with torch.device("meta"):
        network = tall.Detector(published)
    assert sum(p.numel() for p in network.parameters()) == 86_920_506
    blocks = [[(b.window_size[0], b.shift_size[0]) for b in stage.blocks] for stage in network.swin.layers]
    assert blocks == [[(14, 0), (14, 7)], [(14, 0), (14, 7)], [(14, 0)] * 18, [(7, 0)] * 2]
    assert network.frame_pos_embed.shape == (1, 4, 128)


def test_its_heat_map_is_14_by_14(published):
    with torch.device("meta"):
        network = tall.Detector(published)
        layer, to_map = network.cam_layer()
        shape = to_map(torch.empty(1, 14, 14, 512)).shape
    assert layer is network.swin.layers[2].blocks[-1]
    assert shape == (1, 512, 14, 14)


@pytest.mark.parametrize(("size", "side"), [(112, 224), (96, 224), (130, 224), (20, 32)])
def test_the_thumbnail_is_frames_enlarged_tiled_and_halved(size, side):
    frames = torch.rand(2, 4, 3, size, size, generator=rng())

    def resize(images):
        return F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False, antialias=False)

    large = [resize(frames[:, i]) for i in range(4)]
    expected = resize(torch.cat([torch.cat(large[:2], dim=3), torch.cat(large[2:], dim=3)], dim=2))
    assert torch.allclose(tall.thumbnail(frames, side), expected, atol=1e-6)


def test_frames_are_tiled_row_by_row_and_do_not_mix():
    frames = torch.arange(4.0).view(1, 4, 1, 1, 1).expand(1, 4, 3, 8, 8)
    sheet = tall.thumbnail(frames, 16)[0, 0]
    assert torch.equal(sheet, torch.kron(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.ones(8, 8)))


def test_each_frames_position_covers_its_own_tokens(small):
    network = tall.Detector(small)
    each = small.thumbnail // small.patch // 2
    positions, learned = network._positions()[0], network.frame_pos_embed[0]
    for i, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        patch = positions[row * each : (row + 1) * each, column * each : (column + 1) * each]
        assert torch.equal(patch, learned[i].expand_as(patch))


# ── The published file ───────────────────────────────────────────────────────────────────────────


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Every entry of the authors' state, written down from what is known of Microsoft's Swin-B."""
    shapes = {
        "frame_pos_embed": (1, 4, 128),
        "patch_embed.proj.weight": (128, 3, 4, 4),
        "patch_embed.proj.bias": (128,),
        "norm.weight": (1024,),
        "norm.bias": (1024,),
        "head.weight": (2, 1024),
        "head.bias": (2,),
        "patch_embed.norm.weight": (128,),
        "patch_embed.norm.bias": (128,),
        "layers.0.blocks.1.attn_mask": (16, 196, 196),
        "layers.1.blocks.1.attn_mask": (4, 196, 196),
    }
    for stage, (depth, heads, window) in enumerate(zip((2, 2, 18, 2), (4, 8, 16, 32), (14, 14, 14, 7), strict=True)):
        dim = 128 * 2**stage
        if stage < 3:
            shapes |= {f"layers.{stage}.downsample.norm.{kind}": (4 * dim,) for kind in ("weight", "bias")}
            shapes[f"layers.{stage}.downsample.reduction.weight"] = (2 * dim, 4 * dim)
        for block in (f"layers.{stage}.blocks.{i}." for i in range(depth)):
            shapes |= {block + f"{norm}.{kind}": (dim,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
            shapes |= {
                block + "attn.relative_position_bias_table": ((2 * window - 1) ** 2, heads),
                block + "attn.relative_position_index": (window**2, window**2),
            }
            for layer, rows, columns in (
                ("attn.qkv", 3 * dim, dim),
                ("attn.proj", dim, dim),
                ("mlp.fc1", 4 * dim, dim),
                ("mlp.fc2", dim, 4 * dim),
            ):
                shapes |= {f"{block}{layer}.weight": (rows, columns), f"{block}{layer}.bias": (rows,)}
    return shapes


def test_the_published_files_names_and_shapes_all_find_their_place(published):
    shapes = published_shapes()
    assert len(shapes) == 356
    with torch.device("meta"):
        network = tall.Detector(published)
        import_weights.fill(network, {name: torch.empty(shape) for name, shape in shapes.items()}, Path("their.pth"))


def windows_of(grid: torch.Tensor, side: int) -> torch.Tensor:
    """[N, h, w, C] -> [N, windows, side * side, C], window by window in reading order."""
    n, h, w, c = grid.shape
    return grid.view(n, h // side, side, w // side, side, c).transpose(2, 3).reshape(n, -1, side * side, c)


def reference_attention(w, at: str, x: torch.Tensor, heads: int, side: int, shift: int) -> torch.Tensor:
    """Shifted-window attention, one window and one head at a time, the mask worked out from pixel regions."""
    n, h, _, c = x.shape
    edges = torch.zeros(1, h, h, 1)
    if shift:
        band = torch.tensor([0] * (h - side) + [1] * (side - shift) + [2] * shift)
        edges = (band[:, None] * 3 + band)[None, :, :, None].float()
    regions = windows_of(edges, side)[0, :, :, 0]
    cells = windows_of(x.roll((-shift, -shift), (1, 2)), side)
    q, k, v = (cells @ w[at + "qkv.weight"].T + w[at + "qkv.bias"]).chunk(3, dim=-1)
    rows, columns = torch.arange(side * side) // side, torch.arange(side * side) % side
    place = (rows[:, None] - rows + side - 1) * (2 * side - 1) + columns[:, None] - columns + side - 1
    out = torch.empty_like(cells)
    for head in range(heads):
        part = slice(head * c // heads, (head + 1) * c // heads)
        scores = q[..., part] @ k[..., part].transpose(-1, -2) * (c // heads) ** -0.5
        scores = scores + w[at + "relative_position_bias_table"][place, head]
        scores = scores.masked_fill(regions[:, :, None] != regions[:, None, :], -100.0)
        out[..., part] = scores.softmax(dim=-1) @ v[..., part]
    out = out @ w[at + "proj.weight"].T + w[at + "proj.bias"]
    grid = out.view(n, h // side, h // side, side, side, c).transpose(2, 3).reshape(n, h, h, c)
    return grid.roll((shift, shift), (1, 2))


def reference_logits(w, frames: torch.Tensor, thumbnail: int, depths, heads, window: int) -> torch.Tensor:
    """What the published module computes, from its own names: Swin on a 2 x 2 sheet of frames."""

    def norm(x, at, kind="norm"):
        return F.layer_norm(x, x.shape[-1:], w[f"{at}{kind}.weight"], w[f"{at}{kind}.bias"])

    sheet = tall.thumbnail(frames, thumbnail)
    x = norm(
        F.conv2d(sheet, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], 4).permute(0, 2, 3, 1), "patch_embed."
    )
    half = x.shape[1] // 2
    for i, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        x[:, row * half : (row + 1) * half, column * half : (column + 1) * half] += w["frame_pos_embed"][0, i]
    for stage, depth in enumerate(depths):
        side = min(window, x.shape[1])
        for i in range(depth):
            at = f"layers.{stage}.blocks.{i}."
            shift = side // 2 if i % 2 and side < x.shape[1] else 0
            x = x + reference_attention(w, at + "attn.", norm(x, at, "norm1"), heads[stage], side, shift)
            hidden = F.gelu(norm(x, at, "norm2") @ w[at + "mlp.fc1.weight"].T + w[at + "mlp.fc1.bias"])
            x = x + hidden @ w[at + "mlp.fc2.weight"].T + w[at + "mlp.fc2.bias"]
        if stage < len(depths) - 1:
            at = f"layers.{stage}.downsample."
            x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], dim=-1)
            x = norm(x, at) @ w[at + "reduction.weight"].T
    return norm(x, "").mean(dim=(1, 2)) @ w["head.weight"].T + w["head.bias"]


def test_it_computes_what_the_published_module_does(published):
    size = {"size": 24, "thumbnail": 64, "dim": 8, "depths": (2, 2, 1), "heads": (2, 2, 4), "window": 4}
    network = tall.Detector(replace(published, **size)).eval()
    state = {k: torch.randn(v.shape, generator=rng(3)) * 0.3 for k, v in network.state_dict().items()}
    names = network.published_names()
    frames = torch.randn(2, 4, 3, 24, 24, generator=rng(4))
    network.load_state_dict(state)
    expected = reference_logits({names[k]: v for k, v in state.items()}, frames, 64, *list(size.values())[3:])
    assert torch.allclose(network(frames), expected, atol=1e-4)


# ── Cropping ─────────────────────────────────────────────────────────────────────────────────────


def test_a_native_crop_copies_pixels():
    clips = random_clips(side=32)
    box = torch.tensor([[0.1, 0.3, 0.5, 0.9]]).expand(3, 4)
    frames = clips.frames.flatten(1, 2)
    boxes = torch.cat([box[:, None].expand(3, 7, 4), torch.tensor([[[0.1, 0.4, 0.5, 1.0]]]).expand(3, 1, 4)], dim=1)
    cut = image_parts.copied(frames, boxes, 16)
    pixels = torch.cat([frames[:, :7, 11:27, 2:18], frames[:, 7:, 14:30, 2:18]], dim=1).permute(0, 1, 4, 2, 3) / 255
    assert torch.equal(cut, pixels)
    mirrored = image_parts.copied(frames, boxes, 16, torch.tensor([True, False, True]))
    assert torch.equal(mirrored[[0, 2]], pixels[[0, 2]].flip(-1))
    assert torch.equal(mirrored[1], pixels[1])


def test_a_native_crop_stays_inside_and_must_fit():
    box = torch.tensor([[0.8, 0.8, 1.2, 1.2], [-0.3, 0.0, 0.1, 0.2]])
    assert image_parts.pixel_square(box, 16, 32).tolist() == [[0.5, 0.5, 1, 1], [0, 0, 0.5, 0.5]]
    with pytest.raises(ParamsError, match="48 px does not fit into the store's 32 px"):
        image_parts.pixel_square(box, 48, 32)


def test_a_scaled_crop_is_a_square_about_the_face():
    square = image_parts.square_around(torch.tensor([[0.3, 0.2, 0.5, 0.6]]), 1.3)
    assert torch.allclose(square, torch.tensor([[0.4 - 0.26, 0.4 - 0.26, 0.4 + 0.26, 0.4 + 0.26]]))


@pytest.mark.parametrize("size", [9, 20, 32, 48])  # smaller, as it is, larger
def test_a_scaled_crop_is_pils_bilinear_resize(size):
    """Of noise, where what is not antialiased is far off; PIL rounds to whole levels twice."""
    from PIL import Image

    frames = random_clips(1, side=64).frames.flatten(1, 2)
    boxes = torch.tensor([[[16, 12, 48, 44], [0, 0, 32, 32]]]).repeat(1, 4, 1) / 64
    cut = image_parts.crop(frames, boxes, size, 1.0)[0].permute(0, 2, 3, 1) * 255
    for place, (x0, y0, x1, y1) in ((0, (16, 12, 48, 44)), (1, (0, 0, 32, 32))):
        picture = Image.fromarray(frames[0, place].numpy()).crop((x0, y0, x1, y1))
        expected = torch.from_numpy(np.array(picture.resize((size, size), Image.Resampling.BILINEAR))).float()
        assert (cut[place] - expected).abs().max() < 1.2
    mirrored = image_parts.crop(frames, boxes, size, 1.0, torch.ones(1).bool())[0].permute(0, 2, 3, 1) * 255
    assert torch.allclose(mirrored, cut.flip(2), atol=1e-3)


def test_a_crop_beyond_the_frame_repeats_its_edge():
    frames = random_clips(1, units=1, length=1, side=32).frames.flatten(1, 2)
    box = torch.tensor([[[0.0, 0.5, 0.5, 1.0]]])  # with its margin: 8 px to the left and below
    padded = F.pad(frames[0].permute(0, 3, 1, 2).float(), (8, 0, 0, 8), mode="replicate")
    cut = image_parts.crop(frames, box, 32, 2.0)[0] * 255
    assert torch.allclose(cut, padded[:, :, 8:, :32], atol=0.01)


def test_frames_are_cropped_by_their_own_boxes():
    """A face that walks through the frames stands still in its crops, and as large as it is in each."""
    pattern = torch.randint(256, (24, 24, 3), generator=rng(), dtype=torch.uint8)
    frames, boxes = torch.zeros(1, 1, 4, 64, 64, 3, dtype=torch.uint8), torch.zeros(1, 1, 4, 4)
    for i, (x, y) in enumerate([(3, 8), (10, 9), (17, 12), (30, 30)]):
        frames[0, 0, i, y : y + 24, x : x + 24] = pattern
        boxes[0, 0, i] = torch.tensor([x, y, x + 24, y + 24]) / 64
    cut = image_parts.crop(frames.flatten(1, 2), boxes.flatten(1, 2), 24, 1.0)[0] * 255
    assert torch.allclose(cut, pattern.permute(2, 0, 1).float().expand(4, -1, -1, -1), atol=0.05)


def test_training_crops_lie_inside_with_neighbouring_scales():
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(3000, 2, 4)
    both = tall.multi_scale_crop(box, (1, 0.875, 0.75, 0.66), rng())
    assert torch.equal(both[:, 0], both[:, 1])  # a clip's frames alike
    crops = both[:, 0]
    sides = crops[:, 2:] - crops[:, :2]
    assert crops.min() >= 0
    assert crops.max() <= 1
    pairs = {tuple(round(v, 3) for v in side) for side in sides.tolist()}
    assert len(pairs) == 10
    assert (1.0, 0.75) not in pairs
    assert (0.875, 1.0) in pairs
    smallest = crops[(sides - 0.66).abs().amax(dim=1) < 1e-6].round(decimals=3)
    assert len(smallest.unique(dim=0)) == 13


# ── Cutout ───────────────────────────────────────────────────────────────────────────────────────


def test_one_square_is_cut_out_at_one_place_in_all_frames_of_a_clip():
    holes = tall.cut_out(torch.ones(200, 8, 3, 32, 32), 8, torch.randint(32, (2, 200, 1), generator=rng())) == 0
    assert torch.equal(holes, holes[:, :1, :1].expand_as(holes))
    areas = holes[:, 0, 0].sum(dim=(1, 2))
    assert areas.max() == 64
    assert areas.min() >= 16
    assert len(areas.unique()) > 3
    assert len({tuple(hole.nonzero()[0].tolist()) for hole in holes[:, 0, 0]}) > 100


def test_cutout_is_for_training_and_official_does_it_in_tests_too(small):
    clips = random_clips()
    fixed, official = (tall.Detector(replace(small, compat=c)) for c in ("fixed", "official"))
    official.load_state_dict(fixed.state_dict())
    assert not (fixed.view(clips, None) == 0).all(dim=2).any()
    assert (fixed.view(clips, rng()) == 0).all(dim=2).any()
    view = official.view(clips, None)
    assert (view == 0).all(dim=2).any()
    assert torch.equal(view, official.view(clips, None))


def test_official_scores_by_the_fake_logit_alone(small):
    network = tall.Detector(replace(small, compat="official", cutout=0)).eval()
    clips = random_clips()
    assert torch.equal(network.score(clips), network.unit_logits(clips).mean(dim=1).double()[:, 1].sigmoid())


# ── Views and logits ─────────────────────────────────────────────────────────────────────────────


def test_views_are_normalised_rgb(small):
    clips = random_clips(1, side=96)
    white = replace(clips, frames=torch.full_like(clips.frames, 255))
    view = tall.Detector(replace(small, crop="scaled")).view(white, None)
    expected = (1 - torch.tensor(image_parts.IMAGENET_MEAN)) / torch.tensor(image_parts.IMAGENET_STD)
    assert view.shape == (2, 4, 3, small.size, small.size)
    assert torch.allclose(view[0, 0, :, 5, 5], expected, atol=1e-4)


def test_a_clips_logits_are_the_mean_of_its_windows(small):
    network = tall.Detector(small).eval()
    clips = random_clips(2, units=3)
    each = network(network.view(clips, None)).view(2, 3, 2)
    assert torch.allclose(network.unit_logits(clips).mean(dim=1), each.mean(dim=1), atol=1e-6)


def test_the_frames_positions_are_not_decayed(small):
    network = tall.Detector(replace(small, decay="all", weight_decay=0.5))
    decay = {id(p): group["weight_decay"] for group in network.optimiser().param_groups for p in group["params"]}
    assert decay[id(network.frame_pos_embed)] == 0
    assert sorted(decay.values())[1:] == [0.5] * (len(decay) - 1)


def test_labels_are_smoothed(small):
    network = tall.Detector(replace(small, label_smoothing=0.1)).eval()
    clips = random_clips()
    log = network.unit_logits(clips, rng()).mean(dim=1).log_softmax(dim=1)
    target = torch.full((3, 2), 0.05)
    target[range(3), clips.labels] = 0.95
    assert torch.allclose(network.loss(clips, rng()), -(target * log).sum(dim=1).mean(), atol=1e-6)


def test_the_stem_sees_detail_and_motion_but_no_colour():
    stem = tall.HighPassStem(width=8, patch=4, dim=16).eval()
    still = torch.rand(1, 1, 3, 16, 16, generator=rng()).expand(1, 4, 3, 16, 16)
    tinted = still + torch.tensor([0.5, 0.0, -0.5]).view(3, 1, 1)
    moving = torch.cat([still[:, :3], still[:, 3:].flip(-1)], dim=1)
    assert stem(still).shape == (1, 8, 8, 16)
    assert torch.allclose(stem(tinted), stem(still), atol=1e-5)
    assert torch.allclose(stem(still)[:, :4, :4], stem(still)[:, 4:, 4:], atol=1e-5)
    assert not torch.allclose(stem(moving)[:, :4, :4], stem(still)[:, :4, :4], atol=1e-2)


def test_fine_detail_is_a_pixel_minus_its_neighbourhood():
    images = torch.rand(2, 3, 8, 10, generator=rng())
    near = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    detail = image_parts.fine_detail(images)
    assert torch.allclose(detail, F.pixel_unshuffle(images - near, 2), atol=1e-6)
    assert torch.allclose(detail[1, 6, 1, 2], images[1, 1, 3, 4] - images[1, 1, 2:5, 3:6].mean(), atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(image_parts.fine_detail(images), detail)


def test_motion_is_a_pixel_minus_its_mean_over_the_frames():
    frames = torch.rand(2, 4, 3, 8, 10, generator=rng())
    seen = image_parts.detail_and_motion(frames)
    assert torch.equal(seen[:, :12], image_parts.fine_detail(frames.flatten(0, 1)))
    moving = (frames - frames.mean(dim=1, keepdim=True)).flatten(0, 1)
    assert torch.allclose(seen[:, 12:], F.pixel_unshuffle(moving, 2), atol=1e-6)
    assert seen.is_contiguous(memory_format=torch.channels_last)


# ── Which frames ─────────────────────────────────────────────────────────────────────────────────


def test_tests_see_every_window_from_its_start():
    assert base.spans(2, 4, 5, 4, 4, None).tolist() == [[0, 5, 10, 15]] * 2


@pytest.mark.parametrize("take", [1, 3])
def test_training_units_stay_in_their_windows(take):
    starts = base.spans(300, 4, 5, 4, take, rng())
    assert starts.shape == (300, take)
    assert (starts // 5 == (starts + 3) // 5).all()
    assert all(len(set(row)) == len(row) for row in (starts // 5).tolist())
    assert set((starts % 5).flatten().tolist()) == {0, 1}
    assert set((starts // 5).flatten().tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("length", "units", "starts"),
    [(1, 20, list(range(20))), (1, 4, [0, 6, 13, 19]), (4, 2, [0, 15]), (2, 8, [0, 2, 5, 7, 10, 12, 15, 17])],
)
def test_tests_see_units_spread_evenly_over_the_clip(length, units, starts):
    assert base.spans(1, 4, 5, length, units, None).tolist() == [starts]


def test_more_units_than_the_store_keeps_are_refused():
    with pytest.raises(ParamsError, match="test_units 5: a test sees 4 units of 4 frames"):
        base.spans(1, 4, 5, 4, 5, None)
    with pytest.raises(ParamsError, match="train_units 5: the store keeps 4 windows"):
        base.spans(1, 4, 5, 4, 5, rng())


def test_tests_see_some_of_the_windows_and_training_all():
    assert base.spans(1, 19, 5, 5, 10, None, 10).tolist() == [list(range(0, 95, 10))]
    assert base.spans(1, 4, 5, 5, 2, None, 2).tolist() == [[0, 15]]
    assert set((base.spans(200, 4, 5, 5, 1, rng(), 2) // 5).flatten().tolist()) == {0, 1, 2, 3}
    with pytest.raises(ParamsError, match="test_units 3: a test sees 2 units of 4 frames"):
        base.spans(1, 4, 5, 4, 3, None, 2)


def test_native_crops_are_not_scaled(small):
    with pytest.raises(ParamsError, match=r"scales \[1, 0.5\] must be \[1\]"):
        tall.Detector(replace(small, crop="native", scales=(1, 0.5)))


def test_a_unit_longer_than_a_window_is_refused():
    with pytest.raises(ParamsError, match="6 frames does not fit into the 5 consecutive frames"):
        base.spans(2, 4, 5, 6, 1, None)


# ── Starting weights ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def swin(small):
    """A Swin with windows of 4, as its own file would hold it."""
    config = replace(small, stem="patch", window=4)
    torch.manual_seed(1)
    return tall.Detector(config).swin


def test_a_local_files_weights_are_taken_and_its_windows_stretched(small, swin, tmp_path):
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in swin.state_dict().items()}, tmp_path / "swin.safetensors")
    network = tall.Detector(replace(small, stem="patch", init_weights=str(tmp_path / "swin.safetensors")))
    head = network.swin.head.fc.weight.clone()
    network.warm_start()
    ours, given = network.swin.layers[0].blocks[0], swin.layers[0].blocks[0]
    assert torch.equal(ours.mlp.fc1.weight, given.mlp.fc1.weight)
    assert torch.equal(network.swin.head.fc.weight, head)
    old, new = (block.attn.relative_position_bias_table for block in (given, ours))
    assert len(old) == 7 * 7
    assert len(new) == 15 * 15
    assert torch.allclose(new.view(15, 15, -1)[7, 7], old.view(7, 7, -1)[3, 3], atol=1e-6)


def test_weights_that_are_not_there_are_named(small, swin, tmp_path, monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError
    from safetensors.torch import save_file

    def unreachable(*args, **kwargs):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(DataError, match=r"'gone\.safetensors' is not a file; known: none"):
        weight_parts.load_backbone(swin, "gone.safetensors", own=("head.",), fit=tall.stretched)
    with pytest.raises(DataError, match=r"cannot be had from the hub .*LocalEntryNotFoundError"):
        weight_parts.load_backbone(swin, "hub:some/swin@abc", own=("head.",), fit=tall.stretched)
    save_file({"norm.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"lacks layers\.0\.blocks\.0"):
        weight_parts.load_backbone(swin, str(tmp_path / "other.safetensors"), own=("head.",), fit=tall.stretched)


def test_fused_attention_with_the_bias_of_positions_is_the_written_out_one(published):
    """Shifted windows too, whose mask is added to that bias; in the scores and in every gradient."""
    torch.manual_seed(0)
    config = replace(published, init_weights="none", dim=16, depths=(2, 2), heads=(2, 4), window=7, drop_path=0.0)
    network = tall.Detector(config).double()
    view, found = torch.rand(2, 4, 3, 112, 112, generator=rng()).double(), []
    blocks = [block for stage in network.swin.layers for block in stage.blocks]
    assert all(block.attn.fused_attn for block in blocks)
    assert any(block.attn_mask is not None for block in blocks)
    for block in blocks:
        torch.nn.init.normal_(block.attn.relative_position_bias_table)
    for fused in (True, False):
        for block in blocks:
            block.attn.fused_attn = fused
        network.zero_grad()
        logits = network(view)
        logits.logsumexp(dim=1).sum().backward()
        found.append([logits, *(p.grad for p in network.parameters())])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-9)
