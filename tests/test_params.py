"""params.yaml: what is there is sound; what is not known is refused in one line that lists the known."""

from __future__ import annotations

import copy

import pytest
import yaml

from thb import params as P
from thb.errors import ParamsError


@pytest.fixture
def raw(repo):
    return yaml.safe_load((repo / "params.yaml").read_text())


def put(raw, path, value):
    *parents, last = path.split("/")
    for key in parents:
        raw = raw[key]
    raw[last] = value


@pytest.mark.parametrize(("path", "value", "names", "lists"), [
    ("profile", "tiny", "'tiny'", "smoke, mini, paper"),
    ("sauces", {}, "'sauces'", "sources"),
    ("metrics/bootstraps", 5, "'bootstraps'", "bootstrap"),
    ("profiles/mini/epochs", 3, "'epochs'", "store"),
    ("profiles/mini/render/sizes", 3, "'sizes'", "seconds"),
    ("profiles/mini/render/clips/halo", {"train": 1, "val": 1, "test": 1}, "'halo'", "hallo"),
    ("profiles/mini/detectors/tal", {}, "'tal'", "container"),
    ("profiles/mini/detectors/tall", {"epoch": 3}, "'epoch'", "epochs"),
    ("sources/hallo/role", "generater", "'generater'", "'generator'"),
    ("protocols/P1/fit", "most", "'most'", "'all'"),
    ("metrics/confidence", 1.5, "1.5", "less than 1"),
    ("explained", ["tall", "container"], "network in explained 'container'", "caddm, tall"),
    ("explain/reference", "taller", "network in explain.reference 'taller'", "caddm, tall"),
    ("explain/show", 3, "'show'", "shown"),
    ("identity_checks", ["yunet"], "network in identity_checks 'yunet'", "sface"),
    ("identity/embeddings/arcface", {"same": 0.4}, "network in identity.embeddings 'arcface'", "yunet, sface"),
    ("identity/embeddings/sface/sane", 0.4, "'sane'", "same, mean, scale"),
    ("identity/frames", 4, "4", "1, 3, 5, 7 or 9"),
    ("profiles/mini/explain/unit", 3, "'unit'", "units"),
    ("profiles/mini/explain/units", 0, "0", "greater than or equal to 1"),
])
def test_a_wrong_value_is_named_with_the_right_ones(raw, path, value, names, lists):
    put(raw, path, value)
    with pytest.raises(ParamsError) as error:
        P.parse(raw)
    assert names in str(error.value)
    assert lists in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_value_is_named(raw):
    del raw["sources"]["ffpp"]["role"]
    with pytest.raises(ParamsError, match=r"lacks sources\.ffpp\.role"):
        P.parse(raw)


def test_a_misspelt_key_is_named_before_the_one_it_should_have_been(raw):
    raw["metrics"]["seeds"] = raw["metrics"].pop("seed")
    with pytest.raises(ParamsError, match="unknown key in metrics 'seeds'; known: .*seed"):
        P.parse(raw)


def test_a_detector_must_stand_in_every_profile(raw):
    raw["detectors"]["newone"] = {"printed": None, "defaults": {}}
    with pytest.raises(ParamsError, match="lacks 'newone'"):
        P.parse(raw)


def test_a_generator_needs_no_other_line(raw):
    raw["generators"]["another"] = {"role": "generator", "folder": "fake/Another", "printed": "Another"}
    raw["sources"] |= raw["generators"]
    assert "no-another" in P.parse(raw).fits


def test_generators_are_the_sources_of_that_role(raw):
    del raw["generators"]["hallo"]
    with pytest.raises(ParamsError, match="exactly the sources of role generator"):
        P.parse(raw)


def test_profile_overrides_defaults(params):
    for name in params.detectors:
        settings = params.detector(name)
        assert set(settings) == set(params.detectors[name].defaults)
        assert all(settings[k] == v for k, v in params.active.detectors[name].items())


def test_switching_the_profile_changes_one_word(repo, tmp_path):
    before = (repo / "params.yaml").read_text()
    file = tmp_path / "params.yaml"
    file.write_text(before)
    P.switch_profile(file, "smoke")
    changed = [(a, b) for a, b in zip(before.splitlines(), file.read_text().splitlines(), strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][1].startswith("profile: smoke ")


def test_switching_to_an_unknown_profile_changes_nothing(repo, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text((repo / "params.yaml").read_text())
    with pytest.raises(ParamsError, match="known: smoke, mini, paper"):
        P.switch_profile(file, "huge")
    assert file.read_text() == (repo / "params.yaml").read_text()


@pytest.mark.parametrize("text", ["[1, 2", "- a\n- b\n", ""])
def test_what_is_not_a_mapping_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(ParamsError) as error:
        P.load(file)
    assert "\n" not in str(error.value)


def test_parse_leaves_its_input_alone(raw):
    before = copy.deepcopy(raw)
    P.parse(raw)
    assert raw == before
