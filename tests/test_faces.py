"""Finding faces: where rendered and real heads are, one face a clip, and nothing where nothing is."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import onnx_made
import pytest
from clips_made import SAMPLES, needs_samples, needs_yunet, with_yunet

from thb.clips import faces, video
from thb.clips.faces import haar as haar_finder
from thb.clips.faces import track
from thb.clips.faces.haar import PROFILE, in_ours
from thb.clips.faces.yunet import YuNetFinder
from thb.clips.sampling import kept_frames
from thb.core.errors import DataError
from thb.core.params import Net
from thb.core.params_schema import FaceStore
from thb.core.paths import Paths
from thb.rendered.heads.motion import draw_motion
from thb.rendered.heads.portraits import draw_portrait
from thb.rendered.heads.renderer import render

HEADS, FRAMES = 12, 4


@pytest.fixture(scope="module")
def haar(tmp_path_factory):
    return faces.finder("haar", Paths(tmp_path_factory.mktemp("nothing")), {})


def find(haar: faces.FaceFinder, frames: np.ndarray) -> faces.Faces:
    return haar.find({}, frames, np.arange(len(frames)))


@pytest.fixture(scope="module")
def heads() -> list[tuple[np.ndarray, faces.Faces]]:
    """uint8 frames of rendered heads, each with its true face; a seed that set no number of the finder's."""
    rng, made = np.random.default_rng(7), []
    for _ in range(HEADS):
        opened = 0.5 + 0.5 * np.sin(np.arange(FRAMES))
        drawn = render(draw_portrait(rng), draw_motion(rng, FRAMES, 4.0, opened, 0 * opened), 128)
        every = np.arange(FRAMES)
        truth = faces.followed(drawn.box / 128, drawn.landmarks / 128, every, every)
        made.append(((drawn.rgb * 255).astype(np.uint8), truth))
    return made


@pytest.fixture(scope="module")
def found(haar, heads) -> list[faces.Faces]:
    return [find(haar, frames) for frames, _ in heads]


def test_rendered_heads_are_found_where_they_are(found, heads):
    overlaps = [faces.overlap(truth.box, face.box[None])[0] for face, (_, truth) in zip(found, heads, strict=True)]
    assert [face.share > 0 for face in found] == [True] * HEADS
    assert np.median(overlaps) > 0.75
    assert min(overlaps) > 0.5


def test_its_boxes_are_neither_larger_nor_higher_than_the_true_ones(found, heads):
    """On average: a network that learnt from true boxes gets crops of the same kind."""
    off = np.array([face.box - truth.box for face, (_, truth) in zip(found, heads, strict=True)])
    side = np.mean([truth.box[2] - truth.box[0] for _, truth in heads])
    assert np.abs(np.median(off, axis=0)).max() < 0.1 * side


def test_its_points_lie_near_the_true_ones_and_in_their_order(found, heads):
    for face, (_, truth) in zip(found, heads, strict=True):
        points, width = face.landmarks[0], truth.box[2] - truth.box[0]
        assert np.median(np.linalg.norm(face.landmarks - truth.landmarks, axis=2)) < 0.25 * width
        left_eye, right_eye, nose, left_mouth, right_mouth = points
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert left_eye[1] < nose[1] < left_mouth[1]


def looks_at(haar, frames: np.ndarray, monkeypatch) -> list[tuple[int, int, float]]:
    """The smallest size and the side of the picture in pixels, and the step, of every search of the cascades."""
    honest, made = haar_finder._detected, []

    def detected(name, picture, sizes, step, neighbours):
        made.append((sizes[0], picture.shape[0], step))
        return honest(name, picture, sizes, step, neighbours)

    monkeypatch.setattr(haar_finder, "_detected", detected)
    find(haar, frames)
    return made


def test_all_sizes_are_tried_in_few_frames_only(haar, heads, monkeypatch):
    """A face that stays is glanced for twice, and then looked for at sizes near what the glances saw."""
    made = looks_at(haar, np.concatenate([heads[0][0]] * 2), monkeypatch)
    side = haar_finder.GLANCE * haar_finder.SIDE
    glances = [look for look in made if look[2] == haar_finder.GLANCE_STEP]
    assert glances == [(round(haar_finder.SMALLEST * side), side, haar_finder.GLANCE_STEP)] * haar_finder.GLANCES
    assert max(look[1] for look in made) < haar_finder.SIDE  # of the face, so that it is as large as it has to be
    assert len(made) == haar_finder.GLANCES + 2 * FRAMES


def test_near_sizes_find_the_faces_that_all_sizes_find(haar, heads, found, monkeypatch):
    everything = 1.0, (round(haar_finder.SMALLEST * haar_finder.SIDE), haar_finder.SIDE)
    monkeypatch.setattr(haar_finder, "_likely", lambda *_: [everything])
    whole = [find(haar, frames) for frames, _ in heads]
    assert all(near.share >= every.share for near, every in zip(found, whole, strict=True))
    assert min(faces.overlap(a.box, b.box[None])[0] for a, b in zip(found, whole, strict=True)) > 0.8


def test_a_face_of_another_size_than_the_glances_saw_is_found_all_the_same(haar, heads):
    """The first and the last frame show it from near; in between it is half as large."""
    near = heads[0][0][:1]
    far = np.full_like(near, 90)
    far[0, 32:96, 32:96] = near[0, ::2, ::2]
    track = haar.seen(np.concatenate([near, *[far] * 6, near]))[0]
    assert np.isfinite(track[1:-1, 0]).all()


def test_a_wide_frame_is_measured_by_its_own_sides(haar, heads):
    frames, _ = heads[0]
    wide = np.concatenate([np.full_like(frames, 90), frames], axis=2)  # the head in the right half
    face, alone = find(haar, wide), find(haar, frames)
    assert face.box == pytest.approx(alone.box * (0.5, 1, 0.5, 1) + (0.5, 0, 0.5, 0), abs=0.05)
    assert face.landmarks.min() > 0


@pytest.mark.parametrize("picture", ["flat", "noise", "stripes"])
def test_no_face_is_the_whole_frame(haar, picture):
    frames = {
        "flat": np.full((6, 96, 96, 3), 120, np.uint8),
        "noise": np.random.default_rng(0).integers(256, size=(6, 96, 96, 3), dtype=np.uint8),
        "stripes": np.tile((np.arange(96) // 8 % 2 * 255).astype(np.uint8)[None, None, :, None], (6, 96, 1, 3)),
    }
    face = find(haar, frames[picture])
    assert face.box.tolist() == [0, 0, 1, 1]
    assert face.share == 0
    assert np.isnan(face.landmarks).all()


def sights(*boxes: list[float]) -> np.ndarray:
    """Faces with these boxes in one frame, their points on the corners."""
    return np.array([[*box, *box, *box, *box[:2]] for box in boxes]).reshape(-1, track.SIGHT)


def in_every_frame(chosen: np.ndarray, others: int = 0) -> faces.Faces:
    """The face of a track through all frames of a clip."""
    return track.as_face(chosen, np.arange(len(chosen)), np.arange(len(chosen)), others)


def test_the_face_that_stays_wins_over_one_that_is_seen_once():
    steady, once = [0.3, 0.3, 0.6, 0.6], [0.0, 0.0, 0.9, 0.9]
    seen = [sights(steady, once)] + [sights(steady)] * 3
    assert np.array_equal(track.one_face(seen)[:, :4], [steady] * 4)


def test_of_two_that_stay_the_larger_wins_and_gaps_stay_gaps():
    large, small = [0.1, 0.1, 0.6, 0.6], [0.7, 0.7, 0.9, 0.9]
    seen = [sights(small, large), sights(), sights(large, small)]
    chosen = track.one_face(seen)
    assert np.array_equal(chosen[[0, 2], :4], [large, large])
    assert np.isnan(chosen[1]).all()


def test_a_head_that_walks_through_the_picture_is_followed():
    """Step by step: its last place has nothing in common with its first."""
    walk = [[x, 0.2, x + 0.3, 0.5] for x in np.linspace(0, 0.7, 8)]
    other = [0.4, 0.6, 0.6, 0.8]
    chosen = track.one_face([sights(other, box) for box in walk])
    assert np.allclose(chosen[:, :4], walk)
    kept = np.arange(15)
    face = track.as_face(chosen, kept[::2], kept)
    assert face.share == 1
    assert np.allclose(face.boxes[::2], walk)
    assert np.allclose(face.boxes[5], np.mean(walk[2:4], axis=0))  # half-way where nobody looked


def test_a_face_in_too_few_frames_is_none():
    box = [0.1, 0.1, 0.6, 0.6]
    assert in_every_frame(track.one_face([sights(box)] + [sights()] * 3)).share == 0.25
    assert in_every_frame(track.one_face([sights(box)] + [sights()] * 4)).boxes.tolist() == [[0, 0, 1, 1]] * 5


def test_a_mirrored_cascade_gives_the_mirrored_face():
    boxes = np.array([[0.2, 0.3, 0.6, 0.7]])
    plain = in_every_frame(in_ours(boxes, PROFILE, mirrored=False))
    turned = in_every_frame(in_ours(boxes, PROFILE, mirrored=True))
    assert turned.box == pytest.approx([1 - plain.box[2], plain.box[1], 1 - plain.box[0], plain.box[3]])
    mirrored, points = turned.landmarks[0], plain.landmarks[0]
    assert mirrored[0] == pytest.approx([1 - points[1, 0], points[1, 1]])
    assert (mirrored[[1, 4], 0] > mirrored[[0, 3], 0]).all()


def test_others_that_stay_are_counted_and_what_lies_in_the_head_is_not_one():
    """A mouth, a pattern on the brow, a face in one frame of eight, and one that stays in three."""
    own, mouth, brow = [0.3, 0.4, 0.6, 0.8], [0.4, 0.6, 0.5, 0.7], [0.35, 0.2, 0.5, 0.35]
    beside, once = [0.7, 0.4, 0.9, 0.6], [0.0, 0.4, 0.2, 0.6]
    seen = [sights(own, mouth, brow, beside)] * 3 + [sights(own, once)] + [sights(own, mouth, brow)] * 4
    chosen, others = track.tracked(lambda frame: frame, seen)
    assert np.array_equal(chosen[:, :4], [own] * 8)
    assert others == 1
    assert track.tracked(lambda frame: frame, [sights(own, mouth, brow)] * 8)[1] == 0
    assert track.tracked(lambda frame: frame, [sights()] * 8)[1] == 0
    assert in_every_frame(chosen, others).others == 1


def test_haar_counts_the_second_of_two_heads(haar, heads):
    pair = np.concatenate([heads[0][0], heads[1][0]], axis=2)
    assert find(haar, pair).others == 1
    assert find(haar, heads[0][0]).others == 0


def test_overlap_is_shared_area_over_joint_area():
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], float)
    assert faces.overlap(np.array([0.0, 0, 2, 2]), others) == pytest.approx([1, 1 / 3, 0])


# ---- the squares ------------------------------------------------------------------------------------


def a_face(*boxes: tuple[float, float, float, float]) -> faces.Faces:
    return faces.Faces(np.array(boxes), np.zeros((len(boxes), 5, 2)), 1.0)


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((1280, 720), (0.4, 0.3, 0.55, 0.57), (1280, 720)),  # 194 px and its margin are 350: nothing is enlarged
        ((1280, 720), (0.4, 0.2, 0.6, 0.6), (1280 * 384 / 518.4, 720 * 384 / 518.4)),  # 288 px: 518 become 384
        ((512, 512), (0.2, 0.2, 0.8, 0.8), (384, 384)),  # with its margin larger than the frame: all of that
        ((256, 256), (0.2, 0.2, 0.8, 0.8), (256, 256)),  # smaller than the square: as it is
    ],
)
def test_frames_are_made_smaller_until_a_face_s_square_fits_and_never_larger(size, box, expected):
    assert faces.scaled(a_face(box), size, FaceStore(size=384, margin=1.8)) == tuple(round(n) for n in expected)


def test_a_clip_has_one_scale_and_room_for_its_largest_face():
    near, far = (0.1, 0.1, 0.9, 0.9), (0.4, 0.4, 0.6, 0.6)
    asked = FaceStore(size=100, margin=1.5)
    assert faces.scaled(a_face(far, far, far), (1000, 1000), asked) == (333, 333)
    assert faces.scaled(a_face(far, far, near), (1000, 1000), asked) == (125, 125)


def test_squares_follow_the_face_and_stay_inside():
    walk = a_face((0.0, 0.4, 0.1, 0.6), (0.45, 0.4, 0.55, 0.6), (0.9, 0.4, 1.0, 0.6))
    squares = faces.face_squares(walk, (200, 100), 40)
    assert squares.tolist() == [[0, 30, 40, 70], [80, 30, 120, 70], [160, 30, 200, 70]]
    small = faces.face_squares(walk, (30, 20), 40)  # each holds the whole frame
    assert small.tolist() == [[-10, -10, 30, 30], [-5, -10, 35, 30], [0, -10, 40, 30]]


def test_a_square_is_copied_and_repeats_the_frame_s_edge_outside():
    picture = np.random.default_rng(0).integers(256, size=(20, 30, 3), dtype=np.uint8)
    assert np.array_equal(faces.cut(picture, np.array([4, 3, 14, 13])), picture[3:13, 4:14])
    larger = faces.cut(picture, np.array([-5, -10, 35, 30]))
    assert np.array_equal(larger[10:30, 5:35], picture)
    assert (larger[:10, 5:35] == picture[0]).all()
    assert (larger[10:30, 35:] == picture[:, -1:]).all()


# ---- YuNet: a stand-in made here, and the network itself where it is at hand ------------------------


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> tuple[Path, dict[str, Net]]:
    """A network that sees a face in a bright blue cell of 32 px, and what params.yaml would say of it."""
    monkeypatch.delenv("THB_YUNET", raising=False)
    file = onnx_made.write_yunet(tmp_path / "yunet.onnx")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return file, {"yunet": Net(repo="some/one", revision="0" * 40, file=file.name, sha256=sha256, path=str(file))}


def lit(*cells: tuple[int, int]) -> np.ndarray:
    """uint8 [192, 256, 3] RGB with these cells (row, column) blue."""
    frame = np.zeros((192, 256, 3), np.uint8)
    for row, column in cells:
        frame[32 * row : 32 * row + 32, 32 * column : 32 * column + 32, 2] = 255
    return frame


def test_yunet_s_boxes_and_points_are_fractions_of_the_frame(stand_in, tmp_path):
    """A face of 64 px about the corner of cell (2, 3), its points to the right of that corner; red is no face."""
    yunet = faces.finder("yunet", Paths(tmp_path), stand_in[1])
    face = find(yunet, np.stack([lit((2, 3))] * 3 + [lit()]))
    assert face.box == pytest.approx([64 / 256, 32 / 192, 128 / 256, 96 / 192])
    assert face.share == 0.75
    assert face.landmarks[0, :, 0] == pytest.approx((96 + 32 * np.arange(5) / 5) / 256)
    assert face.landmarks[0, :, 1] == pytest.approx(64 / 192)
    assert find(yunet, lit((2, 3))[None, ..., ::-1]).share == 0


def test_yunet_follows_the_head_that_stays_and_cuts_its_box_at_the_frame(stand_in, tmp_path):
    yunet = faces.finder("yunet", Paths(tmp_path), stand_in[1])
    once = np.stack([lit((1, 6), (4, 2))] + [lit((4, 2))] * 7)
    assert find(yunet, once).box == pytest.approx([32 / 256, 96 / 192, 96 / 256, 160 / 192])
    assert find(yunet, lit((0, 0))[None]).box == pytest.approx([0, 0, 32 / 256, 32 / 192])


def test_what_is_no_network_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.onnx").write_text("no network")
    with pytest.raises(DataError, match="a.onnx is no network that OpenCV can run as YuNet"):
        find(YuNetFinder(tmp_path / "a.onnx"), lit((0, 0))[None])


@needs_samples
def test_every_real_sample_has_a_face(haar):
    """All twenty, in at least half of the frames, and of a plausible size."""
    files = sorted(SAMPLES.rglob("*.mp4"))
    for file in files:
        footage = video.read(file, partial(kept_frames, windows=4, run=1), 128)
        face = haar.find({}, footage.frames, footage.kept)
        assert face.share >= 0.5, file.name
        assert 0.25 < face.box[3] - face.box[1] < 0.8, file.name


@needs_samples
@needs_yunet
@pytest.mark.parametrize("kind", ["--Hallo2", "--LivePortrait", "spzZdVYB5X0_6"])
def test_yunet_itself_finds_one_face_in_every_frame_and_where_haar_finds_it(haar, params, tmp_path, kind):
    yunet = faces.finder("yunet", Paths(tmp_path), with_yunet(params).nets)
    footage = video.read(next(SAMPLES.rglob(f"*{kind}.mp4")), partial(kept_frames, windows=4, run=1), 256)
    face = yunet.find({}, footage.frames, footage.kept)
    assert (face.share, face.others) == (1, 0)
    assert faces.overlap(face.box, haar.find({}, footage.frames, footage.kept).box[None])[0] > 0.4
    assert ((face.landmarks > face.boxes[:, None, :2]) & (face.landmarks < face.boxes[:, None, 2:])).all()
