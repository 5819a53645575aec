"""No stage takes an artefact that another profile, seed, setting or state of the code made: one line says whose it is.

benchmarks/other_origins.py does the same by the command line, on a finished clone.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import stores
import vouching

from thb.cams import explain
from thb.clips import clip_store, contact, prepare
from thb.core import code, origin
from thb.core.errors import DataError
from thb.core.params import Explained
from thb.core.paths import Paths
from thb.fits import score, score_files, train, weights
from thb.fits.score_files import ScoreFile
from thb.report import vouched
from thb.splits import split
from thb.splits.clips_of_fit import clips_of_fit

TINY = {"epochs": 1, "size": 32, "thumbnail": 64, "dim": 16, "window": 4}


def small(params):
    """Profile smoke with one generator and one source of reals."""
    made = stores.smoke(params, tall=TINY)
    profile = made.active.model_copy(update={"explain": Explained(units=1, reals=1)})
    return made.model_copy(
        update={
            "generators": {"hallo": params.generators["hallo"]},
            "explained": ["tall"],
            "sources": {source: params.sources[source] for source in stores.SOURCES},
            "protocols": {"P1": params.protocols["P1"]},
            "ablated": [],
            "detectors": {name: params.detectors[name] for name in ("tall", "container")},
            "profiles": {**made.profiles, "smoke": profile},
        }
    )


@pytest.fixture(scope="module")
def once(params, tmp_path_factory) -> Paths:
    """A fit of TALL and its scores; `fitted` hands out copies."""
    own = small(params)
    paths = stores.write_store(tmp_path_factory.mktemp("fitted"), own)
    vouching.for_raw(paths, own)
    train.run(paths, own, "tall", "all")
    score.run(paths, own, "tall", "all")
    return paths


@pytest.fixture
def fitted(once, project) -> Paths:
    for folder in ("data", "runs", "results"):
        shutil.copytree(once.root / folder, project.root / folder)
    return project


# What is read -> how: the first line of each stage that opens it.
READERS = {
    "raw by prepare": lambda paths, own: prepare.run(paths, own, "hallo"),
    "stores by split": split.run,
    "stores by contact": contact.run,
    "stores by whoever opens them": lambda paths, own: clip_store.open_clips(paths, own, ["hallo"]),
    "splits by train and score": lambda paths, own: clips_of_fit(paths, own, "all", ("train",)),
    "splits by train": lambda paths, own: train.run(paths, own, "tall", "all"),
    "weights by score": lambda paths, own: score.run(paths, own, "tall", "all"),
    "weights by score, without their clips": lambda paths, own: weights.of_fit(paths, own, "tall", "all"),
    "scores by explain": lambda paths, own: explain.run(paths, own, "tall"),
    "scores by whoever reads them": lambda paths, own: score_files.read(ScoreFile(paths, own, "tall", "all")),
}


@pytest.mark.parametrize("reader", READERS)
def test_another_profile_is_refused(fitted, params, reader):
    own = small(params)
    other = own.model_copy(update={"profile": "again", "profiles": {**own.profiles, "again": own.active}})
    with pytest.raises(
        DataError,
        match=r"is of corpus mini, profile smoke, seed \d+, but params.yaml asks for "
        r"corpus mini, profile again, seed \d+; run `thb .*, or `thb profile smoke`",
    ):
        READERS[reader](fitted, other)


@pytest.mark.parametrize("reader", READERS)
def test_another_seed_is_refused(fitted, params, reader):
    with pytest.raises(DataError, match=r"seed 20250524, but params.yaml asks for .* seed 1; run `thb [^`]*`$"):
        READERS[reader](fitted, vouching.with_seed(small(params), 1))


@pytest.mark.parametrize("reader", READERS)
def test_another_state_of_the_code_is_refused(fitted, params, reader, count_as_changed):
    count_as_changed(code.HOME / "core" / "tables.py")
    with pytest.raises(DataError, match=r"was made by other code of \w+ \(\w+ there, \w+ now\); run `thb .*`$"):
        READERS[reader](fitted, small(params))


def test_it_is_taken_where_nothing_changed(fitted, params):
    """The readers above refuse nothing else: but for `prepare`, whose folder of clips is not there."""
    for name, read in READERS.items():
        if name not in ("raw by prepare", "stores by split", "scores by explain"):
            read(fitted, small(params))


def test_other_settings_are_refused(fitted, params):
    own = small(params)
    store = own.active.store.model_copy(update={"windows": 1})
    other = own.model_copy(
        update={"profiles": {**own.profiles, "smoke": own.active.model_copy(update={"store": store})}}
    )
    with pytest.raises(DataError, match=r"data/clips/hallo was made with other settings of prepare"):
        clip_store.open_clips(fitted, other, ["hallo"])
    longer = {**own.active.detectors, "tall": {**own.active.detectors["tall"], "epochs": 2}}
    other = own.model_copy(
        update={"profiles": {**own.profiles, "smoke": own.active.model_copy(update={"detectors": longer})}}
    )
    with pytest.raises(DataError, match=r"runs/tall/all/weights.safetensors was made with other settings of train"):
        score.run(fitted, other, "tall", "all")


# ---- stores that were changed -----------------------------------------------------------------------


def hallo(paths):
    return paths.clips("hallo")


def cut(file):
    file.write_bytes(file.read_bytes()[:-9])


def flip(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["frames.npy", "faces.npy", "places.npy", "times.npy", "mel.npy", "clips.parquet"])
@pytest.mark.parametrize(
    "harm",
    [cut, flip, lambda f: f.write_bytes(b""), lambda f: f.write_bytes(b"\x00" * 4096), lambda f: f.unlink()],
    ids=["cut", "flipped", "empty", "zeros", "gone"],
)
def test_a_store_that_was_changed_is_one_line(fitted, params, name, harm):
    harm(hallo(fitted) / name)
    with pytest.raises(DataError, match=rf"(missing )?data/clips/hallo/{name}.*run `thb prepare hallo`") as fault:
        clip_store.open_clips(fitted, small(params), ["hallo"])
    assert "\n" not in str(fault.value)


def rewritten(paths, params, change) -> None:
    """Another table, vouched for, as a prepare that goes wrong would write it."""
    import pandas as pd

    file = hallo(paths) / "clips.parquet"
    change(pd.read_parquet(file)).to_parquet(file)
    vouching.for_store(paths, params, "hallo")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(row=t["row"].where(t.index != 0, -1)), "do not have the rows 0 to 22"),
        (lambda t: t.assign(row=t["row"].where(t.index != 0, 99)), "do not have the rows"),
        (lambda t: t.assign(role="real"), "has role 'real', not 'generator'"),
        (lambda t: t.assign(label=0), "has label '0', not '1'"),
        (lambda t: t.assign(source="ffpp"), "has source 'ffpp', not 'hallo'"),
        (lambda t: t.assign(x0=np.nan), "has no face box"),
        (lambda t: t.assign(clip="one"), "stands twice"),
        (lambda t: t.assign(status="fine"), "has status 'fine'; known: ok"),
        (lambda t: t.drop(columns="mel_frames"), "lacks column 'mel_frames'"),
    ],
)
def test_a_table_that_no_prepare_writes_is_refused(fitted, params, change, words):
    rewritten(fitted, small(params), change)
    with pytest.raises(DataError, match=words):
        clip_store.open_clips(fitted, small(params), ["hallo"])


@pytest.mark.parametrize("shape", [(23, 10, 32, 32, 3), (22, 10, 64, 64, 3), (23, 9, 64, 64, 3)])
def test_frames_of_another_size_or_number_are_refused(fitted, params, shape):
    np.save(hallo(fitted) / "frames.npy", np.zeros(shape, np.uint8))
    vouching.for_store(fitted, small(params), "hallo")
    with pytest.raises(DataError, match=r"frames.npy has shape .* but its clips and the profile ask for \(23, 10, 64"):
        clip_store.open_clips(fitted, small(params), ["hallo"])


def listed_as(paths: Paths, sha256: str) -> None:
    """A manifest of one clip in data/raw."""
    paths.manifest.write_text(f"path,bytes,sha256,revision\nfake/Hallo/test/x.mp4,1,{sha256},mini-1\n")


@pytest.mark.parametrize("before", ["", "1" * 64], ids=["no clips", "others"])
def test_clips_that_were_fetched_again_are_not_those_of_the_store(fitted, params, before):
    own = small(params)
    if before:
        listed_as(fitted, before)
        vouching.for_store(fitted, own, "hallo")
        clip_store.open_clips(fitted, own, ["hallo"])
    listed_as(fitted, "0" * 64)
    with pytest.raises(DataError, match="data/clips/hallo was made from other clips than are in data/raw now"):
        clip_store.open_clips(fitted, own, ["hallo"])


def test_a_store_beside_clips_of_another_seed_is_refused(fitted, params):
    own = small(params)
    listed_as(fitted, "0" * 64)
    vouching.for_store(fitted, own, "hallo")
    clip_store.open_clips(fitted, own, ["hallo"])
    vouching.for_raw(fitted, vouching.with_seed(own, 1))
    with pytest.raises(DataError, match=r"data/raw is of .* seed 1, but .* seed 20250524; run `thb fetch`"):
        clip_store.open_clips(fitted, own, ["hallo"])


def test_a_split_of_other_clips_is_refused(fitted, params):
    rewritten(fitted, small(params), lambda t: t.assign(portrait="00000"))
    with pytest.raises(DataError, match="data/splits/all.csv was made from other clips of 'hallo'; run `thb split`"):
        clips_of_fit(fitted, small(params), "all", ("train",))


def test_a_split_with_a_row_twice_or_changed_is_refused(fitted, params):
    file = fitted.split("all")
    file.write_text(file.read_text() + file.read_text().splitlines()[-1] + "\n")
    with pytest.raises(DataError, match=r"data/splits/all.csv is not the file that was written there"):
        clips_of_fit(fitted, small(params), "all", ("train",))


def test_a_split_that_was_cut_is_refused_though_its_hash_was_changed_to_match(fitted, params):
    file = fitted.split("all")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-3]))
    stores.vouch_for_splits(fitted, small(params))
    with pytest.raises(DataError, match=r"data/splits/all.csv: clip 'ffpp-\d+' is usable and not in it \(2 in all\)"):
        clips_of_fit(fitted, small(params), "all", ("train",))


@pytest.mark.parametrize(
    ("column", "value"), [("use", "unused"), ("label", "1"), ("portrait", "0"), ("source", "hallo")]
)
def test_a_split_that_matches_no_store_is_refused_though_its_hash_was_changed_to_match(fitted, params, column, value):
    file = fitted.split("all")
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table.loc[table.index[-1], column] = value
    table.to_csv(file, index=False)
    stores.vouch_for_splits(fitted, small(params))
    with pytest.raises(DataError, match=rf"all.csv: clip 'ffpp-\d+' has {column} '{value}', and it should be '"):
        clips_of_fit(fitted, small(params), "all", ("train",))


# ---- weights that were changed ----------------------------------------------------------------------


@pytest.mark.parametrize("harm", [cut, flip, lambda f: f.write_bytes(b"")], ids=["cut", "flipped", "empty"])
def test_weights_that_were_changed_are_not_scored(fitted, params, harm):
    harm(fitted.run("tall", "all") / weights.FILE)
    with pytest.raises(DataError, match=r"runs/tall/all/weights.safetensors is not the file that was written there"):
        score.run(fitted, small(params), "tall", "all")


def test_another_fits_weights_in_its_place_are_not_scored(fitted, params):
    shutil.copytree(fitted.run("tall", "all"), fitted.run("tall", "no-hallo"))
    with pytest.raises(DataError, match="holds weights of tall/all, not of tall/no-hallo; run `thb train tall no-h"):
        weights.of_fit(fitted, small(params), "tall", "no-hallo")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{}", b'{"files": 3}'])
def test_a_broken_run_json_is_one_line(fitted, params, content):
    (fitted.run("tall", "all") / weights.RUN).write_bytes(content)
    with pytest.raises(DataError, match=r"run.json|is not the file that was written") as fault:
        score.run(fitted, small(params), "tall", "all")
    assert "\n" not in str(fault.value)


def test_weights_trained_on_other_clips_or_another_split_are_not_scored(fitted, params):
    own, run = small(params), fitted.run("tall", "all") / weights.RUN
    said = json.loads(run.read_text())
    run.write_text(json.dumps({**said, "stores": {**said["stores"], "hallo": "0"}}))
    with pytest.raises(DataError, match="was trained on other clips of 'hallo' than are prepared; run `thb train"):
        score.run(fitted, own, "tall", "all")
    run.write_text(json.dumps({**said, "seen": "0"}))
    with pytest.raises(DataError, match="was trained on another split than data/splits/all.csv"):
        score.run(fitted, own, "tall", "all")


def test_weights_that_say_other_settings_are_not_scored(fitted, params):
    own, run = small(params), fitted.run("container", "all")
    train.run(fitted, own, "container", "all")
    about = weights.vouched(fitted, run, "container", "all").about
    tensors = safetensors.numpy.load_file(run / weights.FILE)
    changed = {**about, "settings": {**about["settings"], "iterations": 7}}
    safetensors.numpy.save_file(tensors, run / weights.FILE, {"thb": json.dumps(changed)})
    vouching.for_run(fitted, own, "container", "all")
    with pytest.raises(DataError, match="says that it was trained with other settings than its record; run `thb train"):
        weights.of_fit(fitted, own, "container", "all")


def test_weights_whose_record_names_no_clips_of_a_source_are_not_scored(fitted, params):
    run = fitted.run("tall", "all") / weights.RUN
    said = json.loads(run.read_text())
    said["stores"].pop("hallo")
    run.write_text(json.dumps(said))
    with pytest.raises(DataError, match="names other sources than its split, 'hallo' for one; run `thb train tall all"):
        score.run(fitted, small(params), "tall", "all")


# ---- what the report reads --------------------------------------------------------------------------


def test_a_result_that_was_changed_is_not_shown(made):
    from thb.report.load import open_results

    found = open_results(made.root)
    read = {
        made.cells: vouched.cells,
        made.comparisons: vouched.cells,
        made.corpus: vouched.corpus,
        made.curation: vouched.corpus,
        made.leakage: lambda paths, params, *_: vouched.leakage(paths, params),
    }
    for file, reader in read.items():
        before = file.read_bytes()
        file.write_bytes(before[: len(before) // 2])
        with pytest.raises(DataError, match=rf"results/{file.name} is not the file .* run `thb (evaluate|split)`"):
            reader(found.paths, found.params, file, [])
        file.write_bytes(before)


def test_scores_that_the_cells_do_not_come_from_are_not_shown(made):
    from thb.report.load import open_results

    found = open_results(made.root)
    vouched.scores(found.paths, found.params, "tall", "all")
    made.scores("tall", "all").write_bytes(made.scores("caddm", "all").read_bytes())
    with pytest.raises(DataError, match="scores/tall/all.csv is not what results/cells.csv was computed from"):
        vouched.scores(found.paths, found.params, "tall", "all")


def test_an_origin_says_whose_a_result_is(params):
    made = origin.of_cells(Paths("."), params)
    assert str(made) == f"corpus mini, profile {params.profile}, seed {params.active.seed}"
    assert str(origin.of_cells(Paths(".", "no_artefacts"), params)).startswith("corpus mini/no_artefacts,")
    assert origin.digest({"a": 1, "b": [True, "x"]}) == origin.digest({"b": (True, "x"), "a": 1.0})
    assert origin.digest({"a": 1}) != origin.digest({"a": True})
