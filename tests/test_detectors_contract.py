"""What every file in thb/detectors promises; a new detector inherits all of it by being there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from stores import SIDE, random_clips, smoke, write_store

from thb import detectors
from thb.core.errors import DataError, ParamsError
from thb.detectors.base import Network
from thb.detectors.parts.logistic import Control
from thb.fits.picture_measures import seen
from thb.splits.clips_of_fit import clips_of_fit, usable


def kinds(*reads: str) -> list[str]:
    return [name for name in detectors.names() if detectors.load(name).Detector.reads in reads]


@pytest.fixture
def config(params, name):
    """The detector's settings at smoke size."""
    return detectors.configure(name, smoke(params).detector(name))


@pytest.fixture
def network(name, config):
    torch.manual_seed(0)
    return detectors.load(name).Detector(config)


def clips_for(network, count: int = 3, **kwargs):
    return random_clips(count, length=network.length, **kwargs)


def parts(view) -> tuple[torch.Tensor, ...]:
    """A view is one tensor or several."""
    return view if isinstance(view, tuple) else (view,)


# ── Every detector ───────────────────────────────────────────────────────────────────────────────


def test_listing_detectors_imports_no_torch():
    code = "import sys, thb.detectors as d; print(d.names(), 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == f"{detectors.names()} False"


def test_an_unknown_detector_is_named_with_the_known():
    with pytest.raises(ParamsError, match=r"unknown detector 'tal'; known: .*container, .*tall"):
        detectors.load("tal")


def test_files_and_params_name_the_same_detectors(params):
    assert detectors.names() == sorted(params.detectors)


@pytest.mark.parametrize("name", detectors.names())
def test_what_it_reads_says_whether_it_is_a_network_or_a_control(name):
    kind = detectors.kind(name)
    assert issubclass(kind, Network if kind.reads == "frames" else Control)
    assert ("pictures" in kind.reads) == bool(getattr(kind, "measures", ()))


@pytest.mark.parametrize("name", detectors.names())
def test_defaults_are_the_fields_of_config(params, name):
    assert list(params.detectors[name].defaults)
    assert set(params.detectors[name].defaults) == {f.name for f in fields(detectors.load(name).Config)}


@pytest.mark.parametrize("name", detectors.names())
def test_every_profile_configures_it(params, name):
    for profile in params.profiles:
        settings = params.model_copy(update={"profile": profile}).detector(name)
        assert detectors.configure(name, settings)


@pytest.mark.parametrize("name", detectors.names())
def test_an_unknown_a_missing_and_a_wrong_setting_are_named(params, name):
    settings = params.detector(name)
    first = next(iter(settings))
    with pytest.raises(ParamsError, match=f"unknown key in detectors.{name} 'sighs'; known: .*{first}"):
        detectors.configure(name, {**settings, "sighs": 3})
    with pytest.raises(ParamsError, match=f"detectors.{name}.defaults lacks '{first}'"):
        detectors.configure(name, {k: v for k, v in settings.items() if k != first})
    with pytest.raises(ParamsError, match=f"detectors.{name}.{first} = \\[\\[\\]\\]: "):
        detectors.configure(name, {**settings, first: [[]]})


@pytest.mark.parametrize("name", detectors.names())
def test_settings_are_taken_as_they_stand(params, name):
    """A check refuses or lets through; it never makes another value of one."""
    for profile in params.profiles:
        settings = params.model_copy(update={"profile": profile}).detector(name)
        config = detectors.configure(name, settings)
        assert {f.name: tupled(getattr(config, f.name)) for f in fields(config)} == {
            key: tupled(value) for key, value in settings.items()
        }


def tupled(value):
    return tuple(map(tupled, value)) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("name", detectors.names())
def test_no_number_of_a_detector_may_be_negative_infinite_huge_or_of_another_kind(params, name):
    settings = params.detector(name)
    for key, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        for bad in (-1, float("nan"), float("inf"), 10**15, True, "3", None, [3]):
            with pytest.raises(ParamsError, match=f"^detectors.{name}") as error:
                detectors.configure(name, {**settings, key: bad})
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("tall", {"dim": 23}, "1 x dim 23 is no multiple of heads.0.: 4"),
        ("tall", {"heads": [4, 8]}, "lists of one length"),
        ("tall", {"depths": [], "heads": []}, "lists of one length"),
        ("tall", {"patch": 5}, "thumbnail 224 is no multiple of 2 x patch: 10"),
        ("tall", {"cutout": 113}, "cutout 113 is more than size: 112"),
        ("tall", {"scales": []}, "scales is empty"),
        ("tall", {"stem": "highpass"}, "stem_width 0 must be positive"),
        ("tall", {"stem": "highpass", "stem_width": 4, "patch": 7}, "a power of 2"),
        ("tall", {"stem": "highpass", "stem_width": 4, "size": 96}, "thumbnail 224 must be 2 x size, 192"),
        ("tall", {"warmup_epochs": 61}, "warmup_epochs 61 is more than epochs: 60"),
        ("tall", {"lr_delay": 61}, "lr_delay 61"),
        ("tall", {"min_lr": 1}, "min_lr 1 is more than lr"),
        ("tall", {"lr_steps": [[4, 0.1], [4, 0.2]]}, "begin after the one before"),
        ("tall", {"lr_steps": [[4]]}, "lr_steps.0.1"),
        ("tall", {"init_weights": "timm/swin"}, "'timm/swin'; known: none"),
        ("df_adapter", {"size": 100}, "size 100 is no multiple of patch: 16"),
        ("df_adapter", {"heads": 7}, "dim 768 is no multiple of heads: 7"),
        ("df_adapter", {"cross_heads": 7}, "dim 768 is no multiple of cross_heads: 7"),
        ("df_adapter", {"interactions": 5}, "depth 12"),
        ("df_adapter", {"readout": "cls", "depth": 1, "interactions": 1}, "at least 2"),
        ("caddm", {"swaps": [0.5, 0.5, 0.5, 0]}, "add up to 1.5"),
        ("caddm", {"size": 256}, "must leave 7"),
        ("caddm", {"widths": [8, 16]}, "the small backbone's"),
        ("caddm", {"backbone": "small"}, "the small backbone's"),
        ("lipfd", {"heads": 15}, "dim 1024 is no multiple of heads: 15"),
        ("lipfd", {"layers": [3, 4, 6]}, "4 stages"),
        ("lipfd", {"encoder": "small", "init_weights": "none"}, "width above 0"),
        (
            "lipfd",
            {"encoder": "small", "init_weights": "none", "width": 4, "lips": 30, "measures": 4},
            "lips 30 is no multiple of .*: 8",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_one_line(params, name, changes, says):
    with pytest.raises(ParamsError, match=f"^detectors.{name}.*{says}"):
        detectors.configure(name, {**params.detectors[name].defaults, **changes})


@pytest.mark.parametrize("name", detectors.names())
def test_a_published_detector_has_its_printed_name_and_a_control_says_so(params, name):
    entry = params.detectors[name]
    assert entry.control is (entry.printed is None)
    assert (entry.parameters is None) == (name in kinds("facts", "pictures"))
    assert (entry.sees is not None) == entry.control


def test_every_detector_that_hears_is_also_scored_with_shuffled_sound(params):
    assert set(params.sound_checks) == {n for n in detectors.names() if detectors.load(n).Detector.hears}


# ── Networks ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", kinds("frames"))
class TestNetwork:
    def test_clips_in_logits_and_probabilities_out(self, network):
        clips = clips_for(network.eval())
        logits = network.unit_logits(clips)
        assert logits.shape in [(3, 2, 1), (3, 2, 2)]
        assert logits.dtype == torch.float32
        score = network.score(clips)
        assert score.shape == (3,)
        assert score.dtype == torch.float64
        assert score.isfinite().all()
        assert score.ge(0).all()
        assert score.le(1).all()

    def test_gradient_reaches_what_is_trained_and_nothing_else(self, network):
        _stirred(network).train()
        for seed in range(1, 9):  # a loss of drawn cases need not call upon every parameter in one batch
            network.loss(clips_for(network, 4), torch.Generator().manual_seed(seed)).backward()
        for key, parameter in network.named_parameters():
            reached = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
            assert reached == parameter.requires_grad, key

    def test_a_heat_map_can_be_read(self, network):
        layer, to_map = network.cam_layer()
        seen = []
        handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(to_map(output)))
        network.eval().unit_logits(clips_for(network, 2, units=2))
        handle.remove()
        assert layer in list(network.modules())
        assert seen[0].ndim == 4
        assert seen[0].shape[0] % 4 == 0  # 2 clips x 2 units, and a map each for a unit's crops if it has any
        assert min(seen[0].shape[2:]) > 1

    def test_the_published_size_has_the_published_parameters(self, name, params):
        entry = params.detectors[name]
        with torch.device("meta"):
            network = detectors.load(name).Detector(detectors.configure(name, entry.defaults))
        sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
        assert sum(n for n, _ in sizes) == entry.parameters.total
        assert sum(n for n, trained in sizes if trained) == entry.parameters.trainable

    def test_training_views_follow_their_generator(self, network):
        clips = clips_for(network)
        one, same, other = (network.view(clips, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
        assert all(map(torch.equal, parts(one), parts(same)))
        assert not all(map(torch.equal, parts(one), parts(other)))

    def test_a_test_view_has_no_chance_in_it(self, network):
        clips = clips_for(network)
        first = parts(network.view(clips, None))
        torch.manual_seed(123)
        assert all(map(torch.equal, first, parts(network.view(clips, None))))

    def test_the_same_seed_builds_the_same_network(self, name, config):
        def state():
            torch.manual_seed(5)
            return detectors.load(name).Detector(config).state_dict()

        one, two = state(), state()
        assert all(torch.equal(one[k], two[k]) for k in one)

    def test_a_clips_score_does_not_depend_on_its_batch(self, network):
        clips = clips_for(network.eval(), 4)
        alone = torch.cat([network.score(_pick(clips, [i])) for i in range(4)])
        assert torch.allclose(network.score(clips), alone, atol=1e-6, rtol=0)
        assert torch.allclose(network.score(_pick(clips, [3, 1])), alone[[3, 1]], atol=1e-6, rtol=0)

    def test_nor_with_the_published_codes_habits(self, name, config):
        torch.manual_seed(0)
        network = detectors.load(name).Detector(replace(config, compat="official")).eval()
        clips = clips_for(network, 4)
        alone = torch.cat([network.score(_pick(clips, [i])) for i in range(4)])
        assert torch.allclose(network.score(clips), alone, atol=1e-6, rtol=0)

    def test_weights_keep_their_settings_and_their_scores(self, name, config, network, tmp_path):
        path, again = tmp_path / "weights.safetensors", tmp_path / "again.safetensors"
        for file in (path, again):
            network.save(file, detectors.describe(name, config))
        restored = detectors.restore(path, name)
        clips = clips_for(network.eval())
        assert path.read_bytes() == again.read_bytes()
        assert restored.config == config
        assert torch.equal(restored.score(clips), network.score(clips))

    def test_weights_that_do_not_fit_are_named(self, name, network, tmp_path):
        weights = dict(network.state_dict())
        dropped = sorted(weights)[0]
        del weights[dropped]
        with pytest.raises(DataError, match=f"{dropped} is absent there"):
            network.take_weights(weights, tmp_path / "w.safetensors")

    def test_the_rate_rises_and_falls(self, network):
        c = replace(
            network.config,
            schedule="cosine",
            epochs=10,
            warmup_epochs=2,
            lr=1.0,
            warmup_lr=0.1,
            min_lr=0.01,
            lr_delay=0,
            lr_every="batch",
        )
        network.config = c
        assert network.rate(0) == pytest.approx(0.1)
        assert network.rate(10) == pytest.approx(0.01)
        assert max(range(11), key=network.rate) == 2
        network.config = replace(c, lr_every="epoch", lr_delay=1)
        assert network.rate(3.7) == network.rate(3.0) != network.rate(4.0)
        assert network.rate(0) == network.rate(1)
        network.config = replace(c, schedule="steps", lr_steps=((4, 0.5), (8, 0.2)))
        assert [network.rate(e) for e in (0, 3.9, 4, 7, 8, 10)] == [1.0, 1.0, 0.5, 0.5, 0.2, 0.2]

    def test_every_tensor_has_one_published_name(self, network):
        names = network.published_names()
        assert set(names) == set(network.state_dict())
        assert len(set(names.values())) == len(names)


def _stirred(network):
    """Every trained number moved a little: what begins at zero lets no gradient through to what lies before it."""
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in filter(lambda p: p.requires_grad, network.parameters()):
            parameter += 0.02 * torch.randn(parameter.shape, generator=rng)
    return network


def _pick(clips, index):
    held = {f.name: getattr(clips, f.name) for f in fields(clips)}
    return replace(clips, **{k: v[index] for k, v in held.items() if isinstance(v, torch.Tensor)})


# ── Detectors that are no network ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", kinds("facts", "pictures"))
class TestNoNetwork:
    @pytest.fixture
    def rows(self, tmp_path, params, name, config):
        smaller = smoke(params, SIDE)
        paths = write_store(tmp_path, smaller)
        rows = usable(clips_of_fit(paths, smaller, "all", ("train",)), "train")
        return seen(paths, smaller, rows, detectors.load(name).Detector(config))

    def test_scores_are_probabilities_and_the_file_gives_them_again(self, name, config, rows, tmp_path):
        model = detectors.load(name).Detector(config).fit(rows)
        scores = model.score(rows)
        assert scores.shape == (len(rows),)
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
        assert (scores <= 1).all()
        model.save(tmp_path / "w.safetensors", detectors.describe(name, config))
        restored = detectors.restore(tmp_path / "w.safetensors", name)
        assert restored.config == config
        assert np.array_equal(restored.score(rows), scores)

    def test_a_clips_score_does_not_depend_on_its_batch(self, name, config, rows):
        model = detectors.load(name).Detector(config).fit(rows)
        assert np.allclose(model.score(rows)[[3]], model.score(rows.iloc[[3]]), atol=1e-12)

    def test_new_values_and_missing_facts_are_scored_too(self, name, config, rows):
        model = detectors.load(name).Detector(config).fit(rows)
        odd = rows.head(3).assign(codec=["av1", None, ""], audio_codec=None, fps=np.nan, bitrate=np.nan, width=np.nan)
        assert np.isfinite(model.score(odd)).all()
