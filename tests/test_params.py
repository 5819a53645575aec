"""params.yaml: what is there is sound; what is not known is refused in one line that lists the known."""

from __future__ import annotations

import copy

import pytest
import yaml
from dvc.utils.serialize import parse_yaml

from thb.cells import printed
from thb.cli import context
from thb.core import params as P
from thb.core import plain_yaml
from thb.core.errors import ParamsError

SAMPLE = 150  # of the mutations


@pytest.fixture
def raw(repo):
    return yaml.safe_load((repo / "params.yaml").read_text())


def put(raw, path, value):
    *parents, last = path.split("/")
    for key in parents:
        raw = raw[key]
    raw[last] = value


@pytest.mark.parametrize(
    ("path", "value", "names", "lists"),
    [
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
        ("metrics/fpr/T1", 2, "metrics.fpr.T1 = 2", "less than 1"),
        ("metrics/fpr", {"T1": 0.01, "AUC": 0.02}, "'AUC'", "write T2: 0.02"),
        ("metrics/fpr", {"T0.1": 0.001}, "T0.1", "begin with T1"),
        ("metrics/bootstrap", 0, "bootstrap = 0", "greater than or equal to 10"),
        ("metrics/bootstrap", True, "bootstrap = True", "valid integer"),
        ("metrics/seed", -1, "seed = -1", "greater than or equal to 0"),
        ("metrics/confidence", float("nan"), "confidence = nan", "finite"),
        ("fetch/pause", float("inf"), "pause = inf", "finite"),
        ("fetch/workers", "8", "workers = '8'", "valid integer"),
        ("profiles/mini/seed", 2**40, "seed", "less than 4294967296"),
        ("profiles/mini/render/seconds", [2.6, 1.3], "[2.6, 1.3]", "shorter length comes first"),
        ("profiles/mini/render/clips/unseen/train", 3, "3 train clips", "testing only"),
        ("profiles/mini/render/clips/generator/val", 0, "no val clips", "needs some"),
        ("profiles/mini/render/clips/swap/test", 111, "111 test swaps", "110"),
        ("profiles/mini/store/sound/hop", 500, "hop 500", "fft 400"),
        ("profiles/mini/store/sound/mels", 300, "mels 300", "201 bands"),
        ("profiles/paper/revision", None, "profiles.paper.revision", "40 digits"),
        ("profiles/paper/finder", "truth", "'truth'", "haar, yunet"),
        ("protocols/P1/split", ["val"], "protocols.P1.split names 'val'", "test"),
        ("protocols/P1/fakes", ["generator", "swap"], "'swap'", "generator, unseen"),
        ("protocols/P1/fakes", [], "protocols.P1.fakes", "nothing would be tested"),
        ("protocols/P2/reals", ["train"], "['train']", "[test]"),
        ("protocols/P2/fit", "all", "'train'", "test"),
        ("protocols/P1/disjoint", ["generator"], "'generator'", "trained on"),
        ("protocols/P3/printed", "P1", "fit 'no-generator'", "printed: null"),
        ("protocols/ffpp/fakes", ["generator", "generator"], "'generator'", "twice"),
        ("sources/magi1/folder", "fake/Hallo/test", "'fake/Hallo'", "share a folder"),
        ("sources/magi1/folder", "../elsewhere", "'../elsewhere'", "pattern"),
        ("sources/magi1/folder", "real/magi", "'real/magi'", "fake/"),
        ("sources/magi1/printed", "Hallo3", "'Hallo3'", "both printed"),
        (
            "sources/a b",
            {"role": "unseen", "folder": "fake/a", "printed": "A"},
            "'a b'",
            "letters, digits and underscores",
        ),
        ("exhibits/..", {"notebook": "findings"}, "'..'", "letters, digits and underscores"),
        ("exhibits/fig2a/metric", "T7", "'T7'", "AUC, T1, T0.1, Brier, EER"),
        ("exhibits/table5/protocol", "P9", "'P9'", "P1, P2"),
        ("exhibits/fig4/frames", 0, "frames = 0", "greater than or equal to 1"),
        ("exhibits/table5/protocol", None, "exhibits.table5.protocol", "leave it out"),
        ("detectors/tall/control", True, "detectors.tall", "no control"),
        ("detectors/tall/parameters/trainable", 10**11, "100000000000", "86920506"),
        ("ablations/no_artefacts", {}, "no_artefacts", "fingerprint, artefacts"),
        ("ablated", ["tall", "tall"], "'tall'", "twice"),
        ("identity/frames", True, "True", "whole number"),
        ("nets/sface/repo", "", "nets.sface", "all three, or none"),
    ],
)
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
    raw["detectors"]["newone"] = {"printed": "New one", "defaults": {}}
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


def test_generators_stand_twice_and_alike(raw):
    raw["generators"]["hallo"] = {**raw["generators"]["hallo"], "family": None}
    with pytest.raises(ParamsError, match="as they stand there"):
        P.parse(raw)


# ── The file ─────────────────────────────────────────────────────────────────────────────────────


def refused(tmp_path, content: bytes) -> str:
    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    with pytest.raises(ParamsError) as error:
        P.load(file)
    assert "\n" not in str(error.value)
    assert "params.yaml" in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must be a mapping"),
        (b"- a\n- b\n", "must be a mapping"),
        (b"a: 1\nb: 2\na: 3\n", "line 3: key 'a' stands twice"),
        (b"x: {a: {b: 1, b: 1}}\n", "key 'b' stands twice"),
        (b"<<: {a: 1}\n<<: {b: 1}\n", "key '<<' stands twice"),
        (b"a: 1\nb: caf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        (b"a: 'x\0'\n", "not YAML"),
        (b'a: "\\0"\n', "cannot be shown"),
        (b'a: "\\u202e"\n', "cannot be shown"),
        (b"[" * 50_000, "more than 20 levels"),
        (b"- " * 3_000 + b"a", "more than 20 levels"),
        (b"a: &a [*a]\n", "refers to itself"),
        (
            b"\n".join(
                b"b%d: &b%d [%s]" % (i, i, b", ".join([b"*b%d" % (i - 1)] * 10) if i else b"x") for i in range(9)
            ),
            "more than 20,000 values",
        ),
        (b"a: !!python/name:os.system x\n", "tag"),
        (b"1: a\n", "key '1' is not text"),
        (b"? [a]\n: b\n", "a list or a mapping is not text"),
        (b"a: 1\n---\na: 2\n", "not YAML"),
        (b"a: 1.0e+999\n", "no finite number"),
        (b"#" * 1_000_001, "larger than"),
    ],
)
def test_what_cannot_be_settings_is_one_line_that_names_the_file(tmp_path, content, says):
    assert says in refused(tmp_path, content)


def test_a_folder_and_no_file_are_one_line(tmp_path):
    (tmp_path / "params.yaml").mkdir()
    for path in (tmp_path / "params.yaml", tmp_path / "none.yaml"):
        with pytest.raises(ParamsError, match=f"cannot read {path.name}: "):
            P.load(path)


WORDS = [
    "~",
    "null",
    "Null",
    "NULL",
    "true",
    "True",
    "FALSE",
    "0",
    "-0",
    "+5",
    "12",
    "1.",
    "1.5",
    "-.5",
    ".5",
    "01.5",
    "4.0e-3",
    "4.0e+3",
    "4.0e3",
    "4e3",
    "4e-3",
    "1E5",
    "012",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1_0.5",
    "1:30",
    "190:20:30.15",
    "on",
    "Off",
    "yes",
    "NO",
    "y",
    "n",
    "2024-05-20",
    "2024-5-2",
    "2024-05-20 10:00:00",
    "2001-12-14t21:59:43.10-05:00",
    ".inf",
    "-.Inf",
    "+.INF",
    ".nan",
    ".NaN",
    "=",
    "_",
    "+_",
    "-",
    "0_",
    "08",
    "09",
    "00",
    "1e999",
    "P1",
    "a b",
    "x_1",
    "3d7082438a6e4551e840c9b2bb60b71e8da4b524",
    "tf_efficientnet_b3",
    "hub:timm/x.y",
    "T0.1",
    "c23",
    "none",
    "1.2.3",
    "12e",
    "9" * 40,
]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_the_same_to_dvc_or_refused(word):
    text = f"a: {word}\n"
    try:
        ours = plain_yaml.parse(text, "params.yaml")
    except ParamsError:
        return
    theirs = parse_yaml(text, "params.yaml")
    assert ours == theirs
    assert type(ours["a"]) is type(theirs["a"])


@pytest.mark.parametrize("word", ["on", "No", "012", "1_000", "1e3", "0o17", "1:30", "2024-05-20", ".inf", ".nan", "="])
def test_a_word_with_two_readings_is_refused_and_in_quotes_is_text(word):
    with pytest.raises(ParamsError, match="params.yaml line 2: .* not the same to every reader"):
        plain_yaml.parse(f"a: 1\nb: {word}\n", "params.yaml")
    assert plain_yaml.parse(f"b: '{word}'\n", "params.yaml") == {"b": word}


def test_the_shipped_file_reads_as_before_and_as_dvc_reads_it(repo):
    text = (repo / "params.yaml").read_text()
    assert plain_yaml.load(repo / "params.yaml") == yaml.safe_load(text) == parse_yaml(text, "params.yaml")


# ── Switching ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["smoke # x", "smoke\nseed: 1", "", "smo", "../smoke", "smoke "])
def test_only_a_known_profile_is_written(repo, tmp_path, name):
    file = tmp_path / "params.yaml"
    file.write_bytes(before := (repo / "params.yaml").read_bytes())
    with pytest.raises(ParamsError, match="known: smoke, mini, paper"):
        P.switch_profile(file, name)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["params.yaml"]


def test_switching_keeps_line_ends_and_bytes(repo, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_bytes(before := (repo / "params.yaml").read_bytes().replace(b"\n", b"\r\n"))
    P.switch_profile(file, "smoke")
    assert file.read_bytes() == before.replace(b"profile: mini", b"profile: smoke", 1)


@pytest.mark.parametrize("first", ["profile: 'mini'", "# profile: mini\nprofile: mini"])
def test_a_first_line_of_another_kind_is_left(repo, tmp_path, first):
    file = tmp_path / "params.yaml"
    file.write_text((repo / "params.yaml").read_text().replace("profile: mini", first, 1))
    before = file.read_bytes()
    with pytest.raises(ParamsError, match="first line"):
        P.switch_profile(file, "smoke")
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["params.yaml"]


def test_nothing_is_put_in_place_that_does_not_read_as_the_profile(repo, tmp_path):
    with pytest.raises(ParamsError, match="does not set the profile; write `profile: smoke`"):
        P._put_checked(tmp_path / "params.yaml.part", (repo / "params.yaml").read_bytes(), "smoke")


# ── What the paper prints, and what a detector needs ─────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "value", "lists"),
    [
        ("sources/magi1/printed", "MAGI-2", "MAGI-1"),
        ("sources/ffpp/printed", "FF++", "FaceForensics++, CelebV-HQ"),
        ("detectors/tall/printed", "TALL++", "CADDM"),
        ("protocols/ffpp/printed", "P4", "P1, P2, P3"),
    ],
)
def test_a_name_that_the_paper_does_not_print_is_refused(repo, raw, path, value, lists):
    put(raw, path, value)
    with pytest.raises(ParamsError) as error:
        printed.check_printed(repo / "paper" / "published", P.parse(raw))
    assert f"printed {value!r}; known: " in str(error.value)
    assert lists in str(error.value)


def test_every_shipped_name_is_printed(repo, params):
    printed.check_printed(repo / "paper" / "published", params)


def test_a_command_refuses_what_is_not_printed_and_a_detector_that_is_not_there(project):
    text = project.params.read_text()
    for old, new, said in (
        ("printed: MAGI-1", "printed: MAGI", "MAGI'"),
        ("  container:\n    printed", "  box:\n    printed", "'container'"),
    ):
        project.params.write_text(text.replace(old, new, 1))
        with pytest.raises(ParamsError, match=said):
            context.of_clone()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("profiles/smoke/store/run", 3, "profiles.smoke.detectors.tall: .*4 frames"),
        ("profiles/mini/store/test_windows", 1, "profiles.mini.detectors.tall: test_units 2: a test sees 1 units"),
        ("profiles/paper/detectors/tall/train_units", 20, "train_units 20: the store keeps 19 windows"),
        ("profiles/mini/store/face/size", 96, "native crop of 112 px does not fit into the store's 96 px"),
        ("profiles/mini/explain/units", 5, "explain.units 5"),
        ("sound_checks", ["lipfd", "tall"], "'tall', which hears nothing"),
    ],
)
def test_clips_must_do_for_a_detector_in_every_profile(raw, path, value, says):
    put(raw, path, value)
    params = P.parse(raw)
    with pytest.raises(ParamsError, match=says):
        context.check_detector(params, "tall")


@pytest.mark.parametrize(
    ("name", "path", "value", "says"),
    [
        ("caddm", "label_checks/caddm", 4, "makes fakes of its own"),
        ("lipfd", "label_checks/lipfd", 4, "makes fakes"),
        ("lipfd", "profiles/mini/store/sound/mels", 60, "mels 60 is no multiple of lipfd's bands: 8"),
    ],
)
def test_what_a_detector_cannot_be_asked(raw, name, path, value, says):
    put(raw, path, value)
    with pytest.raises(ParamsError, match=says):
        context.check_detector(P.parse(raw), name)


# ── Mutations ────────────────────────────────────────────────────────────────────────────────────


def test_no_mutation_is_taken_for_what_it_is_not(repo, tmp_path, monkeypatch):
    """A sample of benchmarks/mutated_params.py; the settings that were changed go in as they are, texts by a file."""
    monkeypatch.syspath_prepend(str(repo / "benchmarks"))
    import mutated_params as m

    text = (repo / "params.yaml").read_text()
    shipped, outcomes = parse_yaml(text, "params.yaml"), []
    for mutation in m.mutations(text, SAMPLE, seed=7):
        if mutation.tree is None:
            outcomes.append(m.judged(mutation, tmp_path, shipped))
        else:
            lawful, why = m.is_lawful(mutation, shipped)
            outcome, said = m.outcome_of(lambda given=mutation.tree: P.parse(given), mutation.where, lawful)
            outcomes.append((outcome, f"{mutation.kind} at {mutation.where}: {said or why}"))
    assert [o for o in outcomes if o[0] not in m.FINE] == []
    assert {o[0] for o in outcomes} == set(m.FINE)
