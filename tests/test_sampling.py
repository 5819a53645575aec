"""Frames are spread over the whole clip, whatever its length."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from thb.clips.sampling import kept_frames

LENGTHS = [*range(1, 80), 97, 100, 251, 255, 1000, 7201]
SHAPES = list(product((1, 2, 3, 4, 5, 8, 10), (1, 2, 4, 5, 7)))


@pytest.mark.parametrize(("windows", "run"), SHAPES)
def test_every_length_is_covered_from_its_first_frame_to_its_last(windows, run):
    for n in LENGTHS:
        kept = kept_frames(n, windows, run)
        assert kept.shape == (windows * run,)
        assert kept.min() >= 0
        assert kept.max() <= n - 1
        if windows > 1 or n <= run:
            assert (kept[0], kept[-1]) == (0, n - 1)


@pytest.mark.parametrize(("windows", "run"), SHAPES)
def test_runs_are_consecutive_and_their_starts_even(windows, run):
    for n in LENGTHS:
        runs = kept_frames(n, windows, run).reshape(windows, run)
        steps = np.diff(runs, axis=1)
        assert (steps == 1).all() if n >= run else ((steps == 0) | (steps == 1)).all()
        gaps = np.diff(runs[:, 0])
        if windows > 1:
            assert gaps.max() - gaps.min() <= 1
            ideal = np.linspace(0, max(n - run, 0), windows)
            assert np.abs(runs[:, 0] - ideal).max() <= 0.5


def test_one_window_stands_in_the_middle():
    assert kept_frames(100, 1, 4).tolist() == [48, 49, 50, 51]
    assert kept_frames(101, 1, 1).tolist() == [50]


def test_a_clip_shorter_than_a_run_repeats_its_last_frame():
    assert kept_frames(3, 2, 5).tolist() == [0, 1, 2, 2, 2] * 2
    assert kept_frames(1, 3, 2).tolist() == [0] * 6


def test_it_is_not_the_first_frames_only():
    """The fault that a published benchmark had: 32 of 270 frames were its first 32."""
    kept = kept_frames(270, 32, 1)
    assert kept[-1] == 269
    assert len(set(kept)) == 32


@pytest.mark.parametrize("bad", [(0, 2, 5), (10, 0, 5), (10, 2, 0), (-3, 1, 1)])
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match="at least 1"):
        kept_frames(*bad)
