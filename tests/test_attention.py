"""What a map lies on, by cases whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from thb.cams.shares import distinct, overlap, pointing, rank_correlation, shares

MOUTH = np.zeros((6, 8), bool)
MOUTH[4, 2:5] = True
MASKS = np.stack([MOUTH, ~MOUTH])[None].repeat(2, axis=0).astype(np.float32)  # two frames, mouth and the rest


def test_a_map_on_the_mouth_alone_has_all_its_mass_there():
    mass, area = shares(np.where(MOUTH, 3.0, 0.0)[None].repeat(2, axis=0), MASKS)
    assert mass.tolist() == [1, 0]
    assert area == pytest.approx([3 / 48, 45 / 48])


def test_an_even_map_has_as_much_mass_as_area():
    mass, area = shares(np.full((2, 6, 8), 0.2), MASKS)
    assert mass == pytest.approx(area)
    assert not np.allclose(shares(np.random.default_rng(0).gamma(0.1, 1, (2, 6, 8)), MASKS)[0], area)


def test_a_frame_with_more_heat_counts_for_more():
    heat = np.zeros((2, 6, 8))
    heat[0, 4, 2], heat[1, 0, 0] = 3, 1
    assert shares(heat, MASKS)[0] == pytest.approx([0.75, 0.25])


def test_pixels_on_a_border_count_in_part():
    masks = np.full((1, 2, 1, 1), 0.5)
    assert shares(np.ones((1, 1, 1)), masks)[0].tolist() == [0.5, 0.5]


def test_a_map_of_nothing_has_no_shares():
    mass, area = shares(np.zeros((2, 6, 8)), MASKS)
    assert np.isnan(mass).all()
    assert area.sum() == pytest.approx(1)


def test_pointing_counts_frames_with_a_fault_only():
    fault = np.stack([MOUTH, MOUTH, np.zeros_like(MOUTH)])
    heat = np.zeros((3, 6, 8))
    heat[0, 4, 3] = heat[1, 0, 0] = heat[2, 4, 3] = 1
    hit, centre, chance = pointing(heat, fault)
    assert (hit, centre) == (0.5, 0)
    assert chance == pytest.approx(3 / 48)


def test_a_fault_in_the_middle_is_hit_by_the_centre_and_not_by_a_map_of_nothing():
    fault = np.zeros((1, 6, 8), bool)
    fault[0, 3, 4] = True
    assert pointing(np.zeros((1, 6, 8)), fault)[:2] == (0, 1)


def test_a_map_of_nothing_does_not_point_at_a_fault_in_its_corner():
    fault = np.zeros((1, 6, 8), bool)
    fault[0, 0, 0] = True
    assert pointing(np.zeros((1, 6, 8)), fault)[0] == 0


def test_without_a_fault_there_is_nothing_to_point_at():
    assert np.isnan(pointing(np.ones((2, 6, 8)), np.zeros((2, 6, 8), bool))).all()


def test_rank_correlation_of_a_map_with_itself_its_stretching_its_reverse_and_another():
    heat = np.random.default_rng(0).gamma(1, 1, (4, 7, 7))
    assert rank_correlation(heat, heat) == (pytest.approx(1), False)
    assert rank_correlation(heat, heat**3) == (pytest.approx(1), False)
    assert rank_correlation(heat, -heat) == (pytest.approx(-1), False)
    assert abs(rank_correlation(heat, np.random.default_rng(1).gamma(1, 1, (4, 7, 7)))[0]) < 0.3


def test_a_flat_map_has_no_ranks():
    heat = np.random.default_rng(0).gamma(1, 1, (4, 7, 7))
    assert rank_correlation(heat, np.zeros_like(heat)) == (0, True)
    assert rank_correlation(np.ones_like(heat), heat) == (0, True)


def test_boxes_kept_are_sure_few_and_unlike_each_other():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0.6, 0.6, 1, 1], [0, 0, 0.2, 0.2], [0.4, 0, 0.6, 0.2]])
    sure = np.array([0.8, 0.9, 0.7, 0.5, 0.6])
    assert distinct(boxes, sure, 0.5, 3).tolist() == [1, 2, 4]
    assert distinct(boxes, sure, 0.5, 2).tolist() == [1, 2]
    assert distinct(boxes, sure, 0.95, 3).tolist() == []


def test_overlap_of_two_boxes():
    assert overlap(np.array([0, 0, 2, 1.0]), np.array([1, 0, 3, 1.0])) == pytest.approx(1 / 3)
    assert overlap(np.array([0, 0, 1, 1.0]), np.array([2, 2, 3, 3.0])) == 0
