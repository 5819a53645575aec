"""The simulated generators: one contract, held by every file in thb/rendered/fakes/generators."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from thb.core.errors import ParamsError
from thb.rendered.fakes import generators
from thb.rendered.fakes.fingerprint import NO_TRACE, draw_camera, film, grid
from thb.rendered.fakes.generator import Faults, draw_faults
from thb.rendered.fakes.strengths import CALIBRATION_SEEDS, SEVERITY, TRACES
from thb.rendered.plan import plan
from thb.rendered.scene import compare, set_scene, shoot
from thb.rendered.seeds import stream

SIDE = 48
N_FRAMES = 9
COUNTS = {"train": 1, "val": 0, "test": 0}
RENDER = {
    "size": 48,
    "seconds": (2.0, 2.0),
    "fingerprint": 1.0,
    "artefacts": 1.0,
    "curation": 0.5,
    "clips": dict.fromkeys(("generator", "unseen", "swap"), COUNTS) | {"ffpp": {**COUNTS, "train": 2}},
}


@pytest.fixture(scope="module")
def sources(repo):
    return yaml.safe_load((repo / "params.yaml").read_text())["sources"]


@pytest.fixture(scope="module")
def scenes(sources):
    """By generator: a scene that can show every fault (long hair, dark glasses, a background with something on it)."""
    return {
        name: _worst_case(set_scene(next(iter(plan(RENDER, 5, {name: sources[name]}))))) for name in generators.known()
    }


def _worst_case(scene):
    person = replace(scene.portrait, glasses="dark", hair_style="long_straight", masculine=0.1, background="bookshelf")
    return replace(scene, portrait=person)


def some(scene):
    """The frame with the widest mouth, and some evenly spread."""
    spread = np.linspace(0, len(scene.moments) - 1, N_FRAMES - 1).round().astype(int)
    return np.sort(np.append(spread, np.argmax(scene.motion.mouth_open)))


def off(scene, simulation, faults, side=SIDE):
    """Mean error a pixel, [T, S, S]."""
    wrong, right = compare(scene, side, simulation, faults, some(scene))
    return np.abs(wrong - right).mean(axis=-1)


def every(simulation, strength, seed=3):
    return Faults(seed, dict.fromkeys(simulation.chances, strength))


@pytest.mark.parametrize("name", generators.known())
def test_params_say_what_drives_it(params, name):
    assert params.sources[name].driven_by == generators.load(name).driven_by


@pytest.mark.parametrize("name", generators.known())
def test_without_faults_it_is_faithful(name, scenes):
    simulation = generators.load(name)
    if scenes[name].donor is None:
        assert off(scenes[name], simulation, every(simulation, 0.0)).max() == 0.0


@pytest.mark.parametrize("name", generators.known())
def test_each_fault_alone_can_be_seen(name, scenes):
    simulation = generators.load(name)
    for fault in simulation.chances:
        scene = scenes[name]
        if fault == "odd_pupils":
            scene = replace(scene, portrait=replace(scene.portrait, glasses="clear"))
        shown = compare(
            scene, SIDE, simulation, Faults(3, dict.fromkeys(simulation.chances, 0.0) | {fault: 1.0}), some(scene)
        )[0]
        plain = compare(scene, SIDE, simulation, every(simulation, 0.0), some(scene))[0]
        assert np.abs(shown - plain).max() > 0.02, f"{name}: {fault} leaves no mark"


@pytest.mark.parametrize("name", generators.known())
def test_stronger_faults_are_further_off(name, scenes):
    simulation = generators.load(name)
    subtle, plain = (off(scenes[name], simulation, every(simulation, s)).mean() for s in (0.25, 1.0))
    assert plain > subtle


@pytest.mark.parametrize("name", generators.known())
def test_a_fault_is_the_same_at_every_size(name, scenes):
    simulation = generators.load(name)
    small, large = (off(scenes[name], simulation, every(simulation, 0.8), side) for side in (SIDE, 2 * SIDE))
    shrunk = large.reshape(N_FRAMES, SIDE, 2, SIDE, 2).mean(axis=(2, 4))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.7


@pytest.mark.parametrize("name", generators.known())
def test_frames_stay_in_range_and_motion_keeps_its_length(name, scenes):
    simulation = generators.load(name)
    scene, faults = scenes[name], every(simulation, 1.5)
    assert len(simulation.act(scene, faults).blink) == len(scene.moments)
    rgb = shoot(scene, 32, simulation, faults).rgb
    assert np.isfinite(rgb).all()
    assert rgb.min() > -1.0
    assert rgb.max() < 2.0


def test_every_simulated_source_has_a_file_and_strengths(sources):
    fakes = {name for name, source in sources.items() if source["role"] != "real"}
    assert fakes == set(generators.known()) == set(SEVERITY)
    assert set(TRACES) == fakes - {"faceswap"}


def test_an_unknown_generator_is_named_beside_the_known_ones():
    with pytest.raises(ParamsError, match="'sora'; known: aniportrait_audio, .*magi1"):
        generators.load("sora")


def test_strengths_were_not_chosen_on_reported_seeds(repo):
    profiles = yaml.safe_load((repo / "params.yaml").read_text())["profiles"]
    assert not {profile["seed"] for profile in profiles.values()} & set(CALIBRATION_SEEDS)


def test_severity_is_spread_widely_and_scaled():
    chances = {"a": 1.0, "b": 0.5}
    drawn = [draw_faults(seed, chances, (0.5, 0.8), 1.0) for seed in range(300)]
    strengths = np.array([faults["a"] for faults in drawn])
    assert np.quantile(strengths, 0.9) > 5 * np.quantile(strengths, 0.1)
    assert 0.4 < np.mean([faults["b"] > 0 for faults in drawn]) < 0.6
    assert draw_faults(7, chances, (0.5, 0.8), 0.0)["a"] == 0.0
    assert draw_faults(7, chances, (0.5, 0.8), 2.0)["a"] == pytest.approx(
        2 * draw_faults(7, chances, (0.5, 0.8), 1.0)["a"]
    )


def test_fingerprints_are_faint_and_each_its_own():
    for trace in TRACES.values():
        assert np.abs(grid(trace, 128)).max() < 0.02
    assert len({trace.period for trace in TRACES.values()}) == len(TRACES)


def test_filming_without_a_trace_leaves_none():
    rgb, camera = np.full((3, 64, 64, 3), 0.5, np.float32), draw_camera(stream(1), (18.0, 18.0))
    plain = film(rgb, camera, NO_TRACE, 1.0, stream(2))
    assert np.array_equal(plain, film(rgb, camera, TRACES["hallo"], 0.0, stream(2)))
    assert not np.array_equal(plain, film(rgb, camera, TRACES["hallo"], 1.0, stream(2)))
    assert plain.std() < 0.02 * 255
