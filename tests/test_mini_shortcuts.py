"""What makes drawing quick, held against the slow and plain way, and that none of it changes a clip."""

import hashlib
import io
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from thb.rendered import clip
from thb.rendered.heads import ears, eyes, hair, layers, mouth, renderer, shells
from thb.rendered.heads.fields import arctan, look_up, power, sample
from thb.rendered.heads.motion import draw_motion
from thb.rendered.heads.portraits import draw_portrait
from thb.rendered.heads.renderer import Figure, Look, render
from thb.rendered.heads.shells import Place, jaw_drop, to_frame, to_local
from thb.rendered.plan import ClipPlan

SIZE = 64
STEP = 1.0 / 255.0
WHOLE = slice(0, SIZE), slice(0, SIZE)
PLACE = Place(x=0.47, y=0.52, unit=0.36, yaw=0.25, pitch=-0.1, roll=0.3)
# What another x86-64 processor has to work with: numpy, OpenCV and BLAS choose other code paths.
OLDER = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4",
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "OPENCV_IPP": "avx2",
    "OPENBLAS_CORETYPE": "Haswell",
}


def portrait(style="long_wavy", **changes):
    return replace(draw_portrait(np.random.default_rng(5)), hair_style=style, **changes)


def talking(frames=3):
    opened = np.linspace(0.0, 1.0, frames)
    motion = draw_motion(np.random.default_rng(2), frames, 10.0, opened, np.cos(opened))
    motion.head.roll += np.linspace(-0.3, 0.3, frames, dtype=np.float32)
    motion.hair = motion.head.copy()
    return motion


def test_sampling_is_bilinear_within_the_steps_of_the_library():
    rng = np.random.default_rng(0)
    texture = rng.random((9, 12, 4), np.float32)
    u, v = (rng.uniform(-2, side + 2, 600).astype(np.float32) for side in (12, 9))
    x, y = np.clip(u, 0, 10.999), np.clip(v, 0, 7.999)
    left, top = x.astype(int), y.astype(int)
    right, down = (x - left)[..., None], (y - top)[..., None]
    upper = texture[top, left] * (1 - right) + texture[top, left + 1] * right
    lower = texture[top + 1, left] * (1 - right) + texture[top + 1, left + 1] * right
    plain = upper * (1 - down) + lower * down
    assert np.abs(sample(texture, u, v).T - plain).max() < 2 / 32  # it reads at 1/32 of a texel


def test_own_functions_are_close_to_the_exact_ones():
    x, y = np.meshgrid(np.linspace(1e-3, 1, 50, dtype=np.float32), np.linspace(-1, 1, 51, dtype=np.float32))
    assert np.abs(arctan(y, x) - np.arctan2(y, x)).max() < 5e-5
    assert np.allclose(power(x, 0.62), x**0.62, rtol=1e-5)
    assert power(np.zeros(1, np.float32), 0.62)[0] < 1e-9
    assert look_up(np.arange(5.0), np.array([-3.0, 1.9, 8.0])).tolist() == [0.0, 1.0, 4.0]


def test_local_coordinates_lead_back_to_the_pixel():
    rows, cols = window = slice(10, 30), slice(20, 50)
    fx, fy = to_frame(PLACE, *(part[0] for part in to_local([PLACE], window, SIZE)))
    assert np.allclose(fx, (np.arange(cols.start, cols.stop) + 0.5)[None, :] / SIZE, atol=1e-5)
    assert np.allclose(fy, (np.arange(rows.start, rows.stop) + 0.5)[:, None] / SIZE, atol=1e-5)


@pytest.mark.parametrize("style", ["long_wavy", "afro", "crop", "bun"])
def test_windows_leave_nothing_out(style, monkeypatch: pytest.MonkeyPatch):
    """Every part drawn over the whole frame gives the same picture, but for a texel read 1/32 further."""
    quick = render(portrait(style), talking(), SIZE)
    for module in (shells, ears, hair):
        monkeypatch.setattr(module, "window_of", lambda *_: WHOLE)
    plain = render(portrait(style), talking(), SIZE)
    assert np.abs(quick.rgb - plain.rgb).max() < 2 * STEP
    assert (quick.regions != plain.regions).mean() < 1e-3


@pytest.mark.parametrize("glasses", ["none", "clear", "dark"])
def test_crops_of_eyes_and_brows_leave_nothing_out(glasses, monkeypatch: pytest.MonkeyPatch):
    """Painted over the whole of their windows, they look the same."""
    person = portrait("crop", glasses=glasses, smile=1.0, lid_fold=1.0, age=1.0)
    quick = render(person, talking(), 128)
    monkeypatch.setattr(eyes, "_crop", lambda wanted, half: (slice(None), half))
    plain = render(person, talking(), 128)
    assert np.abs(quick.rgb - plain.rgb).max() < 0.2 * STEP


def test_frames_drawn_together_are_the_same_drawn_alone(monkeypatch: pytest.MonkeyPatch):
    """But for a texel read 1/32 further: sheets of later frames lie further down."""
    together = render(portrait("curly"), talking(5), SIZE)
    monkeypatch.setattr(renderer, "CHUNK", 1)
    alone = render(portrait("curly"), talking(5), SIZE)
    assert np.abs(together.rgb - alone.rgb).max() < 2 * STEP
    assert np.array_equal(together.alpha, alone.alpha)
    assert (together.regions != alone.regions).mean() < 1e-3


@pytest.mark.parametrize("style", ["long_wavy", "bob", "bun", "bald"])
def test_what_lies_behind_something_opaque_need_not_be_drawn(style, monkeypatch: pytest.MonkeyPatch):
    quick = render(portrait(style), talking(), SIZE)
    monkeypatch.setattr(layers.Layers, "shut", lambda *_: None)
    plain = render(portrait(style), talking(), SIZE)
    assert np.abs(quick.rgb - plain.rgb).max() < 0.01 * STEP
    assert np.array_equal(quick.regions, plain.regions)


def test_hair_is_looked_for_wherever_there_is_some():
    quick, plain = (Figure(portrait("long_wavy"), SIZE, Look()) for _ in range(2))
    assert plain.hair is not None
    assert 0 < plain.hair.near.mean() < 0.9
    plain.hair.near[:] = 1
    assert np.abs(quick.draw(talking()).rgb - plain.draw(talking()).rgb).max() < 0.01 * STEP


def test_a_mouth_is_painted_as_far_as_it_reaches(monkeypatch: pytest.MonkeyPatch):
    motion = talking(4)
    motion.mouth_wide[:] = (1.0, -1.0, 1.0, 0.0)
    quick = render(portrait(smile=1.0), motion, 128)
    monkeypatch.setattr(mouth, "_reach", lambda _: 9.0)
    assert np.abs(quick.rgb - render(portrait(smile=1.0), motion, 128).rgb).max() < 0.01 * STEP


def test_an_outline_is_eaten_into_wherever_that_shows():
    x, y = to_local([PLACE], WHOLE, SIZE)
    worn = Figure(portrait("curly"), SIZE, Look()).hair
    assert worn is not None

    class Everywhere:
        most = 100.0
        at = staticmethod(worn.rough.at)

    quick, plain, smooth = (
        shells.trace(worn.shell, [PLACE], x, y, SIZE, rough).cover for rough in (worn.rough, Everywhere, None)
    )
    assert np.array_equal(quick, plain)
    assert not np.array_equal(quick, smooth)


def test_ears_lie_where_their_local_coordinates_say():
    """One affine warp of the sprite, against a look-up at each pixel's own coordinates."""
    sprite = np.random.default_rng(1).random((ears.SPRITE_TEXELS, ears.SPRITE_TEXELS, 4), np.float32)
    sprite = ears.cv2.GaussianBlur(sprite, (0, 0), 3.0)
    centre, wide, half = (0.6, 0.15), -0.5, 0.5 * (ears.SPRITE_TEXELS - 1)
    x, y = (part.ravel() for part in to_local([PLACE], WHOLE, SIZE))
    u, v = (x - centre[0]) / wide * half + half, (y - centre[1]) / ears.HALF_HEIGHT * half + half
    inside = (u > 0) & (u < 2 * half) & (v > 0) & (v < 2 * half)
    assert inside.sum() > 100
    warped = ears._warp(sprite, PLACE, WHOLE, SIZE, centre, wide).reshape(-1, 4).T
    assert np.abs(warped - sample(sprite, u, v))[:, inside].max() < 0.01


def test_a_jaw_drops_by_a_smooth_step():
    y = np.array([0.0, 0.42, 0.635, 0.85, 1.0], np.float32)
    assert np.allclose(jaw_drop(y, 0.5), 0.0425 * np.array([0, 0, 0.5, 1, 1]), atol=1e-6)


def test_a_figure_draws_the_same_whatever_it_drew_before():
    fresh, used = (Figure(portrait(glasses="dark"), SIZE, Look()) for _ in range(2))
    used.draw(talking(9))
    assert np.array_equal(fresh.draw(talking()).rgb, used.draw(talking()).rgb)


def fake(source: str, seed: int = 11) -> ClipPlan:
    return ClipPlan(
        source=source,
        role="generator",
        split="train",
        folder="fake",
        stem=source,
        portrait="00042",
        driver="abc_1",
        donor="",
        fps="10",
        size=SIZE,
        seconds=0.6,
        audio="aac",
        seed=seed,
        artefacts=1.0,
        fingerprint=1.0,
    )


def digests(*sources: str) -> list[str]:
    """A hash of each one's video and of what is known of it; its recipe tells which code the libraries ran."""
    made = [clip.make(fake(source))[0] for source in sources]
    return [hashlib.sha256(one.mp4 + known(one.truth)).hexdigest() for one in made]


def known(packed: bytes) -> bytes:
    with np.load(io.BytesIO(packed)) as held:
        return b"".join(held[name].tobytes() for name in sorted(set(held.files) - {"recipe"}))


def elsewhere(*sources: str, **environment: str) -> list[str]:
    """The same in a process of its own."""
    code = f"from test_mini_shortcuts import digests; print(*digests(*{sources!r}))"
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | environment | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.split()


def test_a_clip_is_the_same_whatever_was_made_before_it_and_on_an_older_processor():
    """One process draws the portrait for several generators in turn, another the other way round, with less SIMD."""
    sources = ("hallo", "emoportraits", "aniportrait_audio", "hallo2")
    assert digests(*sources) == elsewhere(*reversed(sources), **OLDER)[::-1]
