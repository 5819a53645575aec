"""The embedded corpus's renderer: what a drawn head must honour, whoever asks for it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from thb.rendered.heads.hair_styles import STYLES
from thb.rendered.heads.motion import Motion, draw_motion, lag, rest, still
from thb.rendered.heads.palettes import BACKGROUNDS, CLOTHES
from thb.rendered.heads.portraits import Portrait, draw_portrait
from thb.rendered.heads.renderer import Look, render
from thb.rendered.truth import BACKGROUND, FACE, HAIR, MOUTH, NECK

SIZE = 80


def portrait(seed=1, **changes) -> Portrait:
    return replace(draw_portrait(np.random.default_rng(seed)), **changes)


def facing(frames=1, **channels) -> Motion:
    """A head that faces the camera and holds still, but for the given channels."""
    zeros = {
        name: np.zeros(frames, np.float32) for name in ("blink", "gaze_x", "gaze_y", "brow", "mouth_open", "mouth_wide")
    }
    zeros.update({name: np.asarray(values, np.float32) for name, values in channels.items()})
    return Motion(head=rest(frames), hair=rest(frames), body=rest(frames), pupil=np.ones(frames, np.float32), **zeros)


def talking(seed=3, frames=6, fps=12.0) -> Motion:
    opened = 0.5 + 0.5 * np.sin(np.arange(frames))
    return draw_motion(np.random.default_rng(seed), frames, fps, opened, 0 * opened)


@pytest.fixture(scope="module")
def clip():
    return render(portrait(5), talking(), SIZE)


def test_same_seed_same_bytes():
    first, second = (render(portrait(2), talking(), SIZE) for _ in range(2))
    for field in fields(first):
        assert getattr(first, field.name).tobytes() == getattr(second, field.name).tobytes(), field.name


def test_different_seeds_draw_different_people():
    assert portrait(1) != portrait(2)


def test_shapes_types_and_ranges(clip):
    assert clip.rgb.shape == (6, SIZE, SIZE, 3)
    assert clip.rgb.dtype == np.float32
    assert clip.alpha.shape == (6, SIZE, SIZE)
    assert clip.alpha.dtype == np.float32
    assert clip.regions.shape == (6, SIZE, SIZE)
    assert clip.regions.dtype == np.uint8
    assert clip.plate.shape == (SIZE, SIZE, 3)
    assert clip.plate.dtype == np.float32
    assert clip.box.shape == (6, 4)
    assert clip.landmarks.shape == (6, 5, 2)
    for values in (clip.rgb, clip.alpha, clip.plate):
        assert np.isfinite(values).all()
        assert values.min() >= 0.0
        assert values.max() <= 1.0


def test_plate_shows_wherever_the_matte_is_empty(clip):
    empty = clip.alpha == 0.0
    assert empty.any()
    assert np.array_equal(clip.rgb[empty], np.broadcast_to(clip.plate, clip.rgb.shape)[empty])


def test_foreground_left_after_the_plate_is_a_colour(clip):
    foreground = clip.rgb - clip.plate * (1.0 - clip.alpha[..., None])
    assert foreground.min() > -1e-4
    assert (foreground <= clip.alpha[..., None] + 1e-4).all()


def test_regions_agree_with_the_matte(clip):
    assert set(np.unique(clip.regions)) == {BACKGROUND, NECK, HAIR, FACE, MOUTH}
    assert (clip.alpha[clip.regions != BACKGROUND] > 0.5).all()
    assert (clip.alpha[clip.regions == BACKGROUND] < 0.9).all()


def test_head_fills_most_of_the_frame():
    drawn = render(portrait(4, hair_style="bald"), facing(), SIZE)
    rows = np.flatnonzero(np.isin(drawn.regions[0], (FACE, MOUTH)).any(axis=1))
    assert np.ptp(rows) > 0.6 * SIZE


def test_landmarks_lie_inside_the_box_and_on_the_face(clip):
    low, high = clip.box[:, None, :2], clip.box[:, None, 2:]
    assert ((clip.landmarks >= low) & (clip.landmarks <= high)).all()
    left, right = clip.landmarks[:, 0, 0], clip.landmarks[:, 1, 0]
    assert (left < right).all()


def test_mouth_corners_land_on_drawn_lips():
    drawn = render(portrait(4, beard="none"), facing(mouth_open=[0.4]), 160)
    columns = np.flatnonzero((drawn.regions[0] == MOUTH).any(axis=0))
    assert np.allclose(drawn.landmarks[0, 3:, 0], (columns[0], columns[-1]), atol=0.05 * 160)


def test_opening_the_mouth_grows_it_and_shows_dark():
    drawn = render(portrait(4, beard="none"), facing(3, mouth_open=[0.0, 0.5, 1.0]), SIZE)
    mouths = [drawn.rgb[t][drawn.regions[t] == MOUTH] for t in range(3)]
    assert len(mouths[0]) < len(mouths[1]) < len(mouths[2])
    assert mouths[2].min() < mouths[0].min()


def test_opening_the_mouth_lowers_the_chin():
    drawn = render(portrait(4), facing(2, mouth_open=[0.0, 1.0]), SIZE)
    assert drawn.box[1, 3] > drawn.box[0, 3] + 1.0


def test_spreading_the_mouth_widens_it():
    drawn = render(portrait(4, beard="none"), facing(2, mouth_wide=[-1.0, 1.0]), 160)
    spans = [np.ptp(np.flatnonzero((drawn.regions[t] == MOUTH).any(axis=0))) for t in range(2)]
    assert spans[1] > spans[0] + 4


def test_yaw_moves_the_nose_more_than_the_eyes_and_the_outline_least():
    motion = facing(2)
    motion.head.yaw[1] = 0.3
    motion.hair = motion.head.copy()
    drawn = render(portrait(4, hair_style="bald"), motion, SIZE)
    eyes = drawn.landmarks[:, :2, 0].mean(axis=1)
    nose = drawn.landmarks[:, 2, 0]
    outline = [np.flatnonzero((drawn.regions[t] == FACE).any(axis=0)).mean() for t in range(2)]
    assert nose[1] - nose[0] > eyes[1] - eyes[0] > abs(outline[1] - outline[0])


def test_hair_held_still_stays_while_the_face_moves():
    motion = facing(2)
    motion.head.x[1] = 0.06
    drawn = render(portrait(14, hair_style="long_straight"), motion, SIZE)
    hair = drawn.regions == HAIR
    assert (hair[0] & hair[1]).sum() > 0.9 * hair[0].sum()
    assert drawn.landmarks[1, 2, 0] - drawn.landmarks[0, 2, 0] == pytest.approx(0.06 * SIZE, abs=1e-3)


def test_body_moves_without_the_head():
    motion = facing(2)
    motion.body.x[1] = 0.08
    drawn = render(portrait(3), motion, SIZE)
    face = np.isin(drawn.regions, (FACE, MOUTH))
    assert np.array_equal(face[0], face[1])
    assert not np.array_equal(drawn.regions[0] == NECK, drawn.regions[1] == NECK)


def test_a_blink_hides_the_eye():
    drawn = render(portrait(4, glasses="none"), facing(2, blink=[0.0, 1.0]), 160)
    x, y = drawn.landmarks[0, 0].astype(int)
    eye = drawn.rgb[:, y - 6 : y + 7, x - 10 : x + 11]
    assert np.ptp(eye[0]) > np.ptp(eye[1])


@pytest.mark.parametrize(
    "look",
    [
        Look(lens_opacity=0.2),
        Look(teeth_rows=2.0),
        Look(hair_cut=0.6),
        Look(skin_smooth=1.0),
        Look(iris_shift=1.0),
    ],
)
def test_every_fault_of_a_look_shows(look):
    person = portrait(14, hair_style="long_straight", glasses="dark" if look.lens_opacity else "none")
    motion = facing(mouth_open=[0.8])
    faithful, faulty = render(person, motion, SIZE), render(person, motion, SIZE, look)
    assert not np.array_equal(faithful.rgb, faulty.rgb)


def test_dark_lenses_hide_the_eyes_unless_overridden():
    person = portrait(14, glasses="dark", hair_style="crop")
    shades = [render(person, facing(), SIZE, look) for look in (Look(), Look(lens_opacity=0.2))]
    x, y = shades[0].landmarks[0, 0].astype(int)
    hidden, shown = (drawn.rgb[0, y - 3 : y + 4, x - 5 : x + 6] for drawn in shades)
    assert shown.mean() > hidden.mean() + 0.1


def test_cut_hair_ends_higher():
    person = portrait(14, hair_style="long_straight")
    ends = [
        np.flatnonzero((render(person, facing(), SIZE, look).regions[0] == HAIR).any(axis=1))[-1]
        for look in (Look(), Look(hair_cut=0.7))
    ]
    assert ends[1] < ends[0] - 5


@pytest.mark.parametrize("style", [*STYLES, "bald"])
def test_every_hair_style_draws(style):
    drawn = render(portrait(7, hair_style=style), facing(), SIZE)
    assert ((drawn.regions == HAIR).any()) == (style != "bald")


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_background_draws_muted(background):
    plate = render(portrait(7, background=background), facing(), SIZE).plate
    assert plate.min() > 0.0
    assert plate.max() < 1.0
    assert np.ptp(plate, axis=2).mean() < 0.35


@pytest.mark.parametrize("clothes", CLOTHES)
def test_every_garment_reaches_the_bottom_of_the_frame(clothes):
    drawn = render(portrait(7, clothes=clothes, hair_style="crop"), facing(), SIZE)
    assert (drawn.regions[0, -1, SIZE // 4 : -SIZE // 4] == NECK).all()


@pytest.mark.parametrize("part", ["head", "hair", "body"])
def test_odd_poses_do_not_break_the_drawing(part):
    motion = facing(4)
    pose = getattr(motion, part)
    pose.yaw[:], pose.pitch[:], pose.roll[:] = [-0.9, 0.9, 0, 0], [0.6, -0.6, 0, 0], [0, 0, 0.8, -0.8]
    pose.x[:], pose.y[:], pose.scale[:] = [0, 0.9, -0.4, 0], [0, 0, 0.9, -0.9], [0.2, 1, 2.5, 1]
    drawn = render(portrait(6), motion, SIZE)
    assert np.isfinite(drawn.rgb).all()
    assert drawn.rgb.min() >= 0
    assert drawn.rgb.max() <= 1


def test_motion_is_the_same_at_any_frame_rate():
    silent = np.zeros(50)
    slow = draw_motion(np.random.default_rng(8), 25, 12.5, silent[:25], silent[:25])
    fast = draw_motion(np.random.default_rng(8), 50, 25.0, silent, silent)
    for channel in ("yaw", "pitch", "roll", "x", "y", "scale"):
        assert np.allclose(getattr(slow.head, channel), getattr(fast.head, channel)[::2], atol=1e-6), channel
    assert np.allclose(slow.gaze_x, fast.gaze_x[::2], atol=1e-6)


def test_motion_is_smooth_and_modest():
    motion = draw_motion(np.random.default_rng(8), 200, 25.0, np.zeros(200), np.zeros(200))
    assert np.abs(motion.head.yaw).max() < 0.6
    assert np.abs(np.diff(motion.head.yaw)).max() < 0.05
    assert np.ptp(motion.body.yaw) < 0.5 * np.ptp(motion.head.yaw)
    assert motion.blink.max() > 0.9
    assert np.median(motion.blink) == 0.0


def test_hair_and_head_move_as_one_by_default():
    motion = talking()
    assert np.array_equal(motion.head.yaw, motion.hair.yaw)
    assert motion.head.yaw is not motion.hair.yaw


def test_still_and_lag_hold_back():
    motion = talking()
    assert np.ptp(still(motion.head).yaw) == 0.0
    assert np.array_equal(lag(np.arange(4), 2), [0, 0, 0, 1])
