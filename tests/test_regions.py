"""Regions: the embedded corpus's truth as it is, an estimate where there is none, and how far they agree."""

from __future__ import annotations

import numpy as np
import pytest

from thb.cams.regions import GRID, LAYERS, Atlas, estimated, overlaps
from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import BOX_COLUMNS, LANDMARK_COLUMNS, REGIONS
from thb.rendered import truth

FRAMES, SIDE = 9, 32
POINTS = (0.42, 0.4, 0.58, 0.4, 0.5, 0.5, 0.45, 0.6, 0.55, 0.6)


def clip(**changes):
    """A row of the clips' table: a face in the middle."""
    return {
        "clip": "hallo/1",
        "n_frames": FRAMES,
        **dict(zip(BOX_COLUMNS, (0.35, 0.3, 0.65, 0.7), strict=True)),
        **dict(zip(LANDMARK_COLUMNS, POINTS, strict=True)),
        **changes,
    }


@pytest.fixture
def paths(tmp_path):
    """A corpus that knows one clip: each frame all of one region, faults in the left half of frame 4 on."""
    regions = np.stack([np.full((SIDE, SIDE), code % 5, np.uint8) for code in range(FRAMES)])
    fault = np.zeros(regions.shape, bool)
    fault[4:, :, : SIDE // 2] = True
    file = Paths(tmp_path).truth / "hallo" / "1.npz"
    file.parent.mkdir(parents=True)
    file.write_bytes(truth.pack(truth.Truth(regions, fault, np.zeros((FRAMES, 4)), np.zeros((FRAMES, 5, 2)))))
    return Paths(tmp_path)


def test_layers_are_those_of_the_kept_frames(paths):
    """Two windows of three frames of nine keep frames 0 1 2 and 6 7 8; asked for are 1 and 8."""
    layers = Atlas(paths, windows=2, run=3).layers([clip()], np.array([[1], [5]]))
    assert layers.shape == (1, 2, 1, len(LAYERS), GRID, GRID)
    kept = dict(zip(LAYERS, layers[0, :, 0].transpose(1, 0, 2, 3), strict=True))
    assert truth.NECK == 1
    assert truth.FACE == 8 % 5
    assert kept["neck"][0].all()
    assert kept["face"][1].all()
    assert not kept["face"][0].any()
    assert not kept["fault"][0].any()
    assert kept["fault"][1][:, : GRID // 2].all()
    assert not kept["fault"][1][:, GRID // 2 :].any()


def test_a_clip_without_its_truth_is_named(paths):
    with pytest.raises(DataError, match=r"truth/hallo/2\.npz is missing"):
        Atlas(paths, 2, 3).layers([clip(clip="hallo/2")], np.array([[0]]))


def test_without_any_truth_regions_are_estimated_and_no_fault_is_known(tmp_path):
    atlas = Atlas(Paths(tmp_path), 2, 3)
    layers = atlas.layers([clip()], np.array([[0, 1]]))
    assert atlas.told() == {"regions": "estimated", "agreement": None}
    assert layers[0, 0, 0, LAYERS.index("face")].any()
    assert np.array_equal(layers[0, 0, 0], layers[0, 0, 1])
    assert not layers[:, :, :, LAYERS.index("fault")].any()


def where(regions, name):
    """Mean row and column of a region, fractions."""
    return np.argwhere(regions == REGIONS.index(name)).mean(axis=0) / GRID


def test_an_estimated_portrait_is_in_order():
    regions = estimated(clip())
    assert set(np.unique(regions)) == set(range(len(REGIONS)))
    heights = [where(regions, name)[0] for name in ("hair", "face", "mouth", "neck")]
    assert heights == sorted(heights)
    assert where(regions, "mouth") == pytest.approx([0.6, 0.5], abs=0.02)
    assert regions[-1, GRID // 2] == REGIONS.index("neck")
    assert regions[0, 0] == REGIONS.index("background")


def test_the_estimate_moves_with_the_face():
    moved = {name: value + 0.2 for name, value in clip().items() if name.endswith(("_x", "x0", "x1"))}
    here, there = estimated(clip()), estimated(clip(**moved))
    assert where(there, "mouth") - where(here, "mouth") == pytest.approx([0, 0.2], abs=0.02)


def test_without_landmarks_the_mouth_is_where_boxes_have_it():
    regions = estimated(clip(**dict.fromkeys(LANDMARK_COLUMNS, np.nan)))
    assert where(regions, "mouth") == pytest.approx([0.3 + 0.8 * 0.4, 0.5], abs=0.03)


def test_agreement_is_one_with_itself_and_less_with_another():
    regions = estimated(clip())
    both, either = overlaps(regions[None].repeat(3, axis=0), regions)
    assert (both == either).all()
    assert either.sum() == 3 * GRID**2
    both, either = overlaps(estimated(clip(x0=0.2, x1=0.5))[None], regions)
    assert 0 < both[REGIONS.index("face")] < either[REGIONS.index("face")]


def test_how_far_the_estimate_can_be_trusted_is_told(paths):
    atlas = Atlas(paths, 2, 3)
    atlas.layers([clip(), clip()], np.array([[0]]))  # one clip twice counts once
    agreed = atlas.told()["agreement"]
    assert list(agreed) == list(REGIONS)
    assert 0 < agreed["face"] < 0.5
