"""`thb data status`: one table of what there is, what differs from the published counts, and what it allows."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from clips_made import with_profile, write_list
from test_cli import thb
from test_layout import touch
from vouching import for_raw

from thb.clips import prepare
from thb.core.tables import ERROR
from thb.corpus import own_reals
from thb.status import census, data_status

ROOT = Path(__file__).resolve().parent.parent

GENERATORS = {
    "fake/Hallo": "Hallo",
    "fake/Hallo2": "Hallo2",
    "fake/AniPortraitAudio": "AniPortraitAudio",
    "fake/AniPortraitVideo": "AniPortraitVideo",
    "fake/LivePortrait": "LivePortrait",
    "fake/EmoPortrait": "EmoPortrait",
}


@pytest.fixture
def hub(params):
    return with_profile(params, corpus="hub")


@pytest.fixture
def release(project):
    """Every fake and list of a small release; of the reals, their names alone."""
    for folder, printed in GENERATORS.items():
        touch(
            project,
            *(
                f"{folder}/{split}/0000{i}--aaaaaaaaaaa_{i}--{printed}.mp4"
                for i, split in enumerate(("train", "val", "test"))
            ),
        )
    touch(project, "fake/additional_dataset/MAGI-1/00011.mp4", "fake/additional_dataset/Hallo3/27576-SWlYiOtP5mI_2.mp4")
    write_list(
        project.raw,
        {"train": ["001"], "val": ["002"], "test": ["003"]},
        {"train": ["ccccccccccc_1"], "test": ["ddddddddddd_1"]},
    )
    return project


def counts(paths, params) -> dict:
    clips, faults = census.rows(paths, params)
    return census.count(paths, params, clips, faults).set_index(["source", "split"]).to_dict("index")


def allowed(paths, params) -> dict[str, str]:
    return {name: said for _, name, said in data_status.allowed(params, census.rows(paths, params)[0])}


def with_reals(paths, root):
    for split in ("001", "002", "003"):
        file = root / "original_sequences/youtube/c23/videos" / f"{split}.mp4"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (file.parent / "999.mp4").touch()
    return {"THB_FFPP": str(root)}


def test_listed_found_missing_and_unlisted_are_counted_by_split(release, hub, tmp_path_factory):
    own = own_reals.folders(hub, with_reals(release, tmp_path_factory.mktemp("ff")))
    found = counts(replace(release, own=own), hub)
    assert found["ffpp", "train"] == {"listed": 1, "found": 1, "missing": 0, "unlisted": 1, "damaged": 0}
    assert found["celebvhq", "test"] == {"listed": 1, "found": 0, "missing": 1, "unlisted": 0, "damaged": 0}
    assert found["hallo", "val"]["found"] == found["magi1", "test"]["found"] == 1


def test_what_prepare_could_not_read_is_damaged(release, hub):
    small = with_profile(hub, finder="haar", workers=1, max_failed_share=1.0)
    for_raw(release, small)
    prepare.run(release, small, "hallo")  # empty files
    assert counts(release, small)["hallo", "test"] == {
        "listed": 1,
        "found": 1,
        "missing": 0,
        "unlisted": 0,
        "damaged": 1,
    }
    clips, _ = census.rows(release, small)
    assert (clips.loc[clips["source"] == "hallo", "status"] == ERROR).all()


def test_without_reals_every_fit_says_what_it_lacks_and_the_rest_is_allowed(release, hub):
    said = allowed(release, hub)
    assert said["all"] == "no usable real clip of use 'train'"
    assert said["P1"] == "fit all: no usable real clip of use 'train'"
    assert said["table5"] == "no numbers of P1 unless score files are given"
    assert said["fig4"] == "no numbers of P3 unless weights are given"
    assert {said[name] for name in ("table1", "table4", "leakage", "claims", "fig1")} == {data_status.YES}
    assert said["clips"] == "of the embedded corpus only"


def test_with_reals_all_but_the_swaps_is_allowed(release, params, hub, tmp_path_factory):
    late = with_profile(hub, detectors={**params.active.detectors, "caddm": {"start_from": "ffpp"}})
    own = own_reals.folders(hub, with_reals(release, tmp_path_factory.mktemp("ff")))
    said = allowed(replace(release, own=own), late)
    assert said["ffpp"].endswith("no usable fake clip of use 'train'")
    assert said["all"] == "yes, but not of caddm, which start from fit ffpp"
    assert {said[name] for name in ("P1", "P2", "P3", "unseen_P3", "table7")} == {data_status.YES}
    assert said["swaps"] == "no numbers of ffpp unless score files are given"


def test_a_generator_that_is_not_there_keeps_only_its_own_trials(release, hub, tmp_path_factory):
    (release.raw / "fake/additional_dataset/Hallo3/27576-SWlYiOtP5mI_2.mp4").unlink()
    own = own_reals.folders(hub, with_reals(release, tmp_path_factory.mktemp("ff")))
    said = allowed(replace(release, own=own), hub)
    assert said["unseen_P1"] == "not of hallo3: no hallo3 clip to test on"


def test_the_needs_that_are_named_are_of_notebooks_that_there_are(params):
    assert set(data_status.READS) <= {entry["notebook"] for entry in params.exhibits.values()}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_kind_that_reads_scores_is_not_named_among_those_that_need_none_and_any_other_is_named(path):
    source = path.read_text(encoding="utf-8")
    reads_scores = re.search(r"report\.(cells|cells_across|scores|heat|falls|chosen)\b", source)
    rests_on_them = re.search(r"report\.(printed_beside|verdicts)\b|from thb\.(cells|leaderboard)", source)
    needs = data_status.READS.get(path.stem)
    assert not (reads_scores and needs in (data_status.PAPER, data_status.CLIPS))
    assert reads_scores or rests_on_them or needs


def test_an_exhibit_of_a_new_kind_needs_the_protocols_that_it_names(params):
    tests = {"P1": "", "P2": "fit all: no clip", "P3": ""}
    assert data_status._unshown(params, {"notebook": "new", "protocol": "P1"}, tests, 1) == ""
    assert "no numbers of P2 " in data_status._unshown(params, {"notebook": "new"}, tests, 1)


def test_the_difference_from_the_published_counts_is_told(release, hub):
    clips, faults = census.rows(release, hub)
    compared = census.compare(hub, census.count(release, hub, clips, faults), release.published)
    rows = compared.set_index(["source", "part"])
    assert rows.loc[("hallo", census.LEARNT)].tolist() == [2, 303, -301]  # val stands in Table 4's train
    assert rows.loc[("hallo", "test")].tolist() == [1, 117, -116]
    assert rows.loc[("hallo3", census.RELEASED)].tolist() == [1, 10, -9]  # Table 4 has none
    assert ("hallo3", "test") not in rows.index
    assert rows.loc[("celebvhq", census.RELEASED), "here"] == 0  # two are listed, and no file is there


def test_the_releases_counts_add_up_to_what_is_said_of_it(release, hub):
    released = census._released(release.published)
    fakes = [hub.source(name).printed for name in hub.of_role("generator", "unseen")]
    assert sum(released[name] for name in fakes) == 2994
    assert sum(released[hub.source(name).printed] for name in hub.of_role("real")) == 2312


def test_it_prints_it_all_and_changes_nothing(release, hub, capsys):
    before = sorted(release.root.rglob("*"))
    data_status.run(release, hub)
    said = capsys.readouterr().out
    for words in ("celebvhq           test ", "THB_FFPP or reals.ffpp", "all, today", "unseen_P3", "tableD10"):
        assert words in said
    assert sorted(release.root.rglob("*")) == before


def test_the_command_has_examples():
    done = thb("data", "status", "--help")
    assert done.returncode == 0
    assert "THB_FFPP=" in done.stdout


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_a_generator_that_is_missing_altogether_is_named_with_its_number(release, hub, left, capsys):
    folder = release.raw / "fake/Hallo"
    shutil.rmtree(folder)
    if left != "nothing":
        folder.mkdir()
    data_status.run(release, hub)
    said = capsys.readouterr().out
    assert "put the clips there; all 420 of the release are missing" in said
    assert "hallo: data/raw/fake/Hallo" in said
    assert "hallo2: data/raw" not in said
    assert counts(release, hub)["hallo", "test"]["found"] == 0


def test_nothing_fetched_is_said_not_raised(project, hub, capsys):
    data_status.run(project, hub)
    assert "data/raw/fake/Hallo does not exist; run `thb fetch`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("folder", "meant"),
    [
        ("fake/EmoPortraits", "fake/EmoPortrait"),
        ("fake/Hallo3", "fake/additional_dataset/Hallo3"),
        ("fake/additional_dataset/magi_1", "fake/additional_dataset/MAGI-1"),
        ("real/CelebV-HQ", "real/celebvhq"),
        ("Fakes", "fake"),
    ],
)
def test_a_folder_that_is_nearly_a_sources_is_hinted_at(release, hub, capsys, folder, meant):
    touch(release, f"{folder}/test/00001--aaaaaaaaaaa_1--EmoPortrait.mp4")
    data_status.run(release, hub)
    assert f"data/raw/{folder} is no source's folder, and is not read; is {meant} meant?" in capsys.readouterr().out


def test_other_folders_of_the_release_are_no_mistakes(release, hub, capsys):
    touch(
        release,
        "audio/fake/a.wav",
        "real/ffpp/original_sequences/actors/c23/videos/x.mp4",
        "fake/Sora/test/a.mp4",
        "real/ffpp/manipulated_sequences/FaceShifter/c23/videos/x.mp4",
        "real/ffpp/original_sequences/youtube/c40/videos/x.mp4",
    )
    data_status.run(release, hub)
    assert "is no source's folder" not in capsys.readouterr().out


def test_a_real_in_capitals_is_found_and_one_of_another_kind_is_named(release, hub, tmp_path_factory):
    root = tmp_path_factory.mktemp("celeb")
    for name in ("ccccccccccc_1.MP4", "ddddddddddd_1.mkv", "eeeeeeeeeee_1.Mp4"):
        (root / name).touch()
    paths = replace(release, own=own_reals.folders(hub, {"THB_CELEBVHQ": str(root)}))
    found = counts(paths, hub)
    assert found["celebvhq", "train"] == {"listed": 1, "found": 1, "missing": 0, "unlisted": 1, "damaged": 0}
    assert found["celebvhq", "test"]["missing"] == 1
    clips = census.rows(paths, hub)[0].set_index("clip")
    assert clips.loc["celebvhq/ccccccccccc_1", "path"] == "real/celebvhq/ccccccccccc_1.MP4"
    assert clips.loc["celebvhq/ddddddddddd_1", "reason"] == "listed, but not in its folder, which has ddddddddddd_1.mkv"
    own_reals.note(paths, hub)
    noted = (paths.raw / "real/celebvhq" / own_reals.NOTE).read_text()
    assert "ccccccccccc_1.MP4" in noted


def test_a_folders_name_cannot_write_on_the_terminal(release, hub, tmp_path_factory, capsys):
    root = tmp_path_factory.mktemp("odd") / "a\x1b[31m\nb"
    root.mkdir()
    data_status.run(replace(release, own=own_reals.folders(hub, {"THB_CELEBVHQ": str(root)})), hub)
    assert "\x1b" not in capsys.readouterr().out
