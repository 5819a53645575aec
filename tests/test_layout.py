"""Names and lists of the release become rows; what does not fit is named, not dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clips_made import SAMPLES, needs_samples, write_list

from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.corpus import layout, names

FOLDERS = {
    "hallo": "fake/Hallo",
    "hallo3": "fake/additional_dataset/Hallo3",
    "magi1": "fake/additional_dataset/MAGI-1",
    "celebvhq": "real/celebvhq",
}


def touch(paths: Paths, *files: str) -> None:
    for file in files:
        (paths.raw / file).parent.mkdir(parents=True, exist_ok=True)
        (paths.raw / file).touch()


def rows(paths: Paths, params: Params, source: str) -> dict[str, dict]:
    listed = layout.list_clips(paths, source, params.source(source))
    assert len({row["clip"] for row in listed}) == len(listed)
    return {row["clip"]: row for row in listed}


# ---- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem", "portrait", "driver", "video"),
    [
        ("00054--ptAdtShJa_0_1--Hallo", "00054", "ptAdtShJa_0_1", "ptAdtShJa_0"),
        ("00023--7lHr2ZNlULA_4--Hallo", "00023", "7lHr2ZNlULA_4", "7lHr2ZNlULA"),
        ("69374--_W4Em_fHubY_23--Hallo", "69374", "_W4Em_fHubY_23", "_W4Em_fHubY"),
        ("19414--m-cgkdATHUo_0--Hallo", "19414", "m-cgkdATHUo_0", "m-cgkdATHUo"),
        ("47608--5be_UPkLRw_4--Hallo", "47608", "-5be_UPkLRw_4", "-5be_UPkLRw"),  # its leading dash was lost
        ("47608---5be_UPkLRw_4--Hallo", "47608", "-5be_UPkLRw_4", "-5be_UPkLRw"),
        ("47608----be_UPkLRw_4--Hallo", "47608", "--be_UPkLRw_4", "--be_UPkLRw"),
        ("00001--ab--cd--efg_2--Hallo", "00001", "ab--cd--efg_2", "ab--cd--efg"),
        ("00001--abcdefghijk_0_1--Hallo", "00001", "abcdefghijk_0_1", "abcdefghijk"),
        ("00001--abcdefgh_0_1--Hallo", "00001", "-abcdefgh_0_1", "-abcdefgh_0"),
    ],
)
def test_fakes(stem, portrait, driver, video):
    assert names.parse_fake(stem, "Hallo") == (portrait, driver, video)


@pytest.mark.parametrize("driver", ["abcdefghijkl_1", "abcdefghi_1", "abcdefg_1_2", "abc defghij_1", "abcdefghij._1"])
def test_a_driver_whose_id_cannot_be_youtubes_is_named_and_not_used(project, params, driver):
    """Twelve characters, nine, a space: who moves the face is not known then."""
    assert names.parse_fake(f"00001--{driver}--Hallo", "Hallo") is None
    assert names.parse_unseen(f"00001-{driver}") is None
    touch(project, f"fake/Hallo/test/00001--{driver}--Hallo.mp4")
    (row,) = rows(project, params, "hallo").values()
    assert (row["status"], row["reason"]) == (
        "error",
        "name is not <5 digits>--<YouTube id of 11 characters>_<n>--Hallo.mp4",
    )


@pytest.mark.parametrize(
    "stem",
    [
        "",
        "12--abc_1--Hallo",
        "00001--abc--Hallo",
        "00001-abcdefghijk_1-Hallo",
        "00001--abcdefghijk_1--Hallo2",
        "00001--abcdefghijk_1",
        "abc",
        "000010--a_1--Hallo",
    ],
)
def test_what_is_no_fake(stem):
    assert names.parse_fake(stem, "Hallo") is None


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("27576-SWlYiOtP5mI_2", ("27576", "SWlYiOtP5mI_2", "SWlYiOtP5mI")),
        ("27576--WlYiOtP5mI_2", ("27576", "-WlYiOtP5mI_2", "-WlYiOtP5mI")),
        ("27576-5be_UPkLRw_4", ("27576", "-5be_UPkLRw_4", "-5be_UPkLRw")),
        ("04711", ("04711", "", "")),
        ("4711", None),
        ("27576-", None),
        ("27576_SWlYiOtP5mI_2", None),
    ],
)
def test_unseen_generators(stem, name):
    assert names.parse_unseen(stem) == name


def test_swaps_and_reals():
    assert names.parse_swap("071_054") == ("054", "071", "071")
    assert names.parse_swap("71_054") is None
    assert names.parse_real("071") == ("", "", "071")
    assert names.parse_real("-5be_UPkLRw_4") == ("", "", "-5be_UPkLRw")
    assert names.parse_real("no number") is None


# ---- folders ----------------------------------------------------------------------------------------


def test_a_generator_takes_its_splits_from_its_folders(project, params):
    touch(
        project,
        "fake/Hallo/train/00002--bbbbbbbbbbb_1--Hallo.mp4",
        "fake/Hallo/train/00001--aaaaaaaaaaa_1--Hallo.mp4",
        "fake/Hallo/val/00003--ccccccccccc_1--Hallo.mp4",
        "fake/Hallo/test/00004--ddddddddddd_1--Hallo.mp4",
        "fake/Hallo/test/.DS_Store",
    )
    found = rows(project, params, "hallo")
    assert list(found) == [f"hallo/0000{i}--{c * 11}_1--Hallo" for i, c in zip((1, 2, 3, 4), "abcd", strict=True)]
    assert [row["split"] for row in found.values()] == ["train", "train", "val", "test"]
    first = found["hallo/00001--aaaaaaaaaaa_1--Hallo"]
    assert first == {
        "clip": "hallo/00001--aaaaaaaaaaa_1--Hallo",
        "source": "hallo",
        "role": "generator",
        "label": 1,
        "split": "train",
        "path": "fake/Hallo/train/00001--aaaaaaaaaaa_1--Hallo.mp4",
        "portrait": "00001",
        "driver": "aaaaaaaaaaa_1",
        "video": "aaaaaaaaaaa",
        "status": "ok",
        "reason": "",
    }


def test_what_does_not_parse_is_counted_with_its_reason(project, params):
    touch(
        project,
        "fake/Hallo/train/00001--aaaaaaaaaaa_1--Hallo.mp4",
        "fake/Hallo/train/readme.txt",
        "fake/Hallo/test/1--aaaaaaaaaaa_1--Hallo.mp4",
        "fake/Hallo/test/00001--aaaaaaaaaaa_1--Hallo2.mp4",
        "fake/Hallo/loose.mp4",
        "fake/Hallo/validation/00009--aaaaaaaaaaa_1--Hallo.mp4",
    )
    bad = {clip: row for clip, row in rows(project, params, "hallo").items() if row["status"] != "ok"}
    assert {clip: row["status"] for clip, row in bad.items()} == dict.fromkeys(
        [
            "hallo/train/readme.txt",
            "hallo/test/1--aaaaaaaaaaa_1--Hallo.mp4",
            "hallo/loose.mp4",
            "hallo/validation",
            "hallo/test/00001--aaaaaaaaaaa_1--Hallo2.mp4",
        ],
        "error",
    )
    assert "--Hallo.mp4" in bad["hallo/train/readme.txt"]["reason"]
    assert "train, val, test" in bad["hallo/validation"]["reason"]


@pytest.mark.parametrize(
    ("source", "file", "split", "who"),
    [
        ("hallo", "fake/Hallo/train/00054--ptAdtShJa_0_1--Hallo.mp4", "train", ("00054", "ptAdtShJa_0_1")),
        ("hallo2", "fake/Hallo2/val/00054--abcdefghijk_1--Hallo2.mp4", "val", ("00054", "abcdefghijk_1")),
        (
            "emoportraits",
            "fake/EmoPortrait/test/47608--5be_UPkLRw_4--EmoPortrait.mp4",
            "test",
            ("47608", "-5be_UPkLRw_4"),
        ),
        (
            "aniportrait_audio",
            "fake/AniPortraitAudio/test/00001--SAK2kObsiMY_5--AniPortraitAudio.mp4",
            "test",
            ("00001", "SAK2kObsiMY_5"),
        ),
        (
            "aniportrait_video",
            "fake/AniPortraitVideo/val/00001--_W4Em_fHubY_23--AniPortraitVideo.mp4",
            "val",
            ("00001", "_W4Em_fHubY_23"),
        ),
        (
            "liveportrait",
            "fake/LivePortrait/train/01071--7F1bODlFs2U_1--LivePortrait.mp4",
            "train",
            ("01071", "7F1bODlFs2U_1"),
        ),
        ("hallo3", "fake/additional_dataset/Hallo3/27576-SWlYiOtP5mI_2.mp4", "test", ("27576", "SWlYiOtP5mI_2")),
        ("magi1", "fake/additional_dataset/MAGI-1/00011.mp4", "test", ("00011", "")),
    ],
)
def test_every_folder_of_the_release_by_its_own_name(project, params, source, file, split, who):
    touch(project, file)
    (row,) = rows(project, params, source).values()
    assert (row["status"], row["split"], (row["portrait"], row["driver"])) == ("ok", split, who)


def test_a_printed_name_in_the_folders_place_is_no_clip(project, params):
    touch(project, "fake/EmoPortrait/test/47608--5be_UPkLRw_4--EMOPortraits.mp4")
    (row,) = rows(project, params, "emoportraits").values()
    assert row["status"] == "error"


def test_swaps_that_are_not_there_are_none(project, params):
    write_list(project.raw, {"train": ["001"]}, {})
    assert rows(project, params, "faceswap") == {}


def test_the_generation_of_the_sound_is_told_by_its_folders(project):
    assert layout.sound_generation(project) == "none"
    (project.raw / "audio/fake").mkdir(parents=True)
    assert "before 2026" in layout.sound_generation(project)
    (project.raw / "audio/fake_celebvhq").mkdir()
    assert "corrected in 2026" in layout.sound_generation(project)


def test_ffpps_own_list_is_never_taken_for_the_releases(project, params):
    write_list(project.raw, {"train": ["001"]}, {}, "real/real_dataset_split_official_ff++.json")
    with pytest.raises(DataError, match="neither real/"):
        layout.list_clips(project, "ffpp", params.source("ffpp"))
    write_list(project.raw, {"test": ["001"]}, {})
    assert rows(project, params, "ffpp")["ffpp/001"]["split"] == "test"


def test_a_stem_in_two_splits_is_used_once(project, params):
    touch(project, *(f"fake/Hallo/{split}/00001--aaaaaaaaaaa_1--Hallo.mp4" for split in ("train", "test")))
    first, second = rows(project, params, "hallo").values()
    assert (first["split"], first["status"]) == ("train", "ok")
    assert second["status"] == "error"
    assert "fake/Hallo/train/" in second["reason"]


def test_unseen_generators_only_test(project, params):
    touch(project, f"{FOLDERS['hallo3']}/27576-SWlYiOtP5mI_2.mp4", f"{FOLDERS['magi1']}/00011.mp4")
    assert rows(project, params, "hallo3")["hallo3/27576-SWlYiOtP5mI_2"]["split"] == "test"
    assert rows(project, params, "magi1")["magi1/00011"]["driver"] == ""


def test_a_folder_that_is_absent_is_named(project, params):
    with pytest.raises(DataError, match="fake/Hallo"):
        layout.list_clips(project, "hallo", params.source("hallo"))


def test_a_generator_without_any_clip_says_how(project, params):
    hallo = params.source("hallo")
    assert layout.without_clips(project, hallo) == "data/raw/fake/Hallo does not exist"
    (project.raw / "fake/Hallo/train").mkdir(parents=True)
    assert layout.without_clips(project, hallo) == "data/raw/fake/Hallo holds no file"
    touch(project, "fake/Hallo/train/00001--aaaaaaaaaaa_1--Hallo.mp4")
    assert layout.without_clips(project, hallo) == ""
    assert layout.without_clips(project, params.source("celebvhq")) == ""  # its list says what is missing


# ---- lists ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["real/real_dataset_split.json", "true/true_dataset_split.json"])
def test_reals_come_from_the_list_of_either_card(project, params, name):
    write_list(
        project.raw,
        {"train": ["001"]},
        {"train": ["-5be_UPkLRw_4"], "test": ["ptAdtShJa_0_1", "gone_abcdef_1"]},
        name,
    )
    touch(
        project,
        "real/celebvhq/-5be_UPkLRw_4.mp4",
        "real/celebvhq/ptAdtShJa_0_1.mp4",
        "real/celebvhq/other_abcde_1.mp4",
    )
    found = rows(project, params, "celebvhq")
    assert [(row["split"], row["status"]) for row in found.values()] == [
        ("train", "ok"),
        ("test", "ok"),
        ("test", "missing"),
    ]
    assert found["celebvhq/-5be_UPkLRw_4"]["video"] == "-5be_UPkLRw"
    assert layout.unlisted(project, "celebvhq", params.source("celebvhq")) == ["other_abcde_1.mp4"]
    assert rows(project, params, "ffpp")["ffpp/001"]["status"] == "missing"


def test_swaps_go_where_their_targets_are(project, params):
    folder = params.source("faceswap").folder
    write_list(project.raw, {"train": ["001", "002"], "val": ["003"]}, {})
    touch(project, *(f"{folder}/{stem}.mp4" for stem in ("001_002", "003_009", "009_003", "odd")))
    found = rows(project, params, "faceswap")
    assert {clip: (row["split"], row["portrait"], row["driver"]) for clip, row in found.items()} == {
        "faceswap/001_002": ("train", "002", "001"),
        "faceswap/003_009": ("val", "009", "003"),
        "faceswap/odd.mp4": ("", "", ""),
    }
    assert layout.unlisted(project, "faceswap", params.source("faceswap")) == ["009_003.mp4"]


def test_two_lists_are_not_mixed_and_none_is_not_guessed(project, params):
    for name in ("real/real_dataset_split.json", "true/true_dataset_split.json"):
        write_list(project.raw, {}, {}, name)
    with pytest.raises(DataError, match=r"both real/.* and true/"):
        layout.list_clips(project, "celebvhq", params.source("celebvhq"))
    for file in project.raw.rglob("*.json"):
        file.unlink()
    with pytest.raises(DataError, match="neither real/"):
        layout.list_clips(project, "celebvhq", params.source("celebvhq"))


@pytest.mark.parametrize(
    "entry", ["../../etc/passwd.mp4", "..", "/abs/001.mp4", "a/b.mp4", "..\\x.mp4", "", ".", "a\0.mp4"]
)
def test_a_listed_name_never_leaves_its_folder(project, params, entry):
    write_list(project.raw, {}, {"train": ["x"]})
    blocks = json.loads((project.raw / "real/real_dataset_split.json").read_text())
    blocks["Train"]["CelebV-HQ"] = [entry]
    (project.raw / "real/real_dataset_split.json").write_text(json.dumps(blocks))
    with pytest.raises(DataError, match=r"real_dataset_split\.json: .* leaves the folder"):
        layout.list_clips(project, "celebvhq", params.source("celebvhq"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "Train, Val, Test"),
        ('{"Train": {}}', "Train, Val, Test"),
        ("[" * 100_000, "is not JSON"),
        ('{"Train": [], "Val": {}, "Test": {}}', "no list 'CelebV-HQ'"),
        ('{"Train": {"CelebV-HQ": "a.mp4"}, "Val": {}, "Test": {}}', "no list 'CelebV-HQ'"),
        ('{"Train": {"CelebV-HQ": [7]}, "Val": {}, "Test": {}}', "7 is not a file name"),
        ('{"Train": {"CelebV-HQ": ["a.avi"]}, "Val": {}, "Test": {}}', "not an .mp4"),
        (
            '{"Train": {"CelebV-HQ": ["a_1.mp4", "a_1.mp4"]}, "Val": {}, "Test": {}}',
            "'a_1.mp4' is listed twice",
        ),
    ],
)
def test_a_malformed_list_is_one_clear_line(project, params, content, words):
    write_list(project.raw, {}, {}).write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        layout.list_clips(project, "celebvhq", params.source("celebvhq"))
    assert "real/real_dataset_split.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stem_in_two_splits_of_the_list_is_refused(project, params):
    write_list(project.raw, {}, {"train": ["a_1"], "test": ["a_1"]})
    with pytest.raises(DataError, match=r"Test, CelebV-HQ, entry 1: 'a_1\.mp4' is listed twice \(train and test\)"):
        layout.list_clips(project, "celebvhq", params.source("celebvhq"))


def test_a_link_out_of_the_data_is_one_bad_clip(project, params, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.mp4"
    outside.touch()
    write_list(project.raw, {}, {"train": ["a_1"], "test": ["b_1"]})
    touch(project, "real/celebvhq/b_1.mp4")
    (project.raw / "real/celebvhq/a_1.mp4").symlink_to(outside)
    found = rows(project, params, "celebvhq")
    assert (found["celebvhq/a_1"]["status"], found["celebvhq/b_1"]["status"]) == ("error", "ok")
    assert found["celebvhq/a_1"]["reason"] == "is a link that leads out of data/raw, and is not opened"


def test_a_folder_that_is_a_link_out_of_the_data_is_all_bad_clips(project, params, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "00001--aaaaaaaaaaa_1--Hallo.mp4").touch()
    (project.raw / "fake/Hallo").mkdir(parents=True)
    (project.raw / "fake/Hallo/test").symlink_to(outside, target_is_directory=True)
    assert layout.without_clips(project, params.source("hallo")) == ""
    (row,) = rows(project, params, "hallo").values()
    assert (row["status"], row["path"]) == ("error", "fake/Hallo/test/00001--aaaaaaaaaaa_1--Hallo.mp4")


# ---- sound ------------------------------------------------------------------------------------------


def test_the_release_keeps_sound_beside_the_clips(project, params):
    write_list(project.raw, {"train": ["001", "002"]}, {})
    touch(
        project,
        "fake/Hallo/test/00001--aaaaaaaaaaa_1--Hallo.mp4",
        f"{params.source('faceswap').folder}/001_002.mp4",
    )
    below = {
        source: layout.sound_file(project, next(iter(rows(project, params, source).values())))
        .relative_to(project.raw)
        .as_posix()
        for source in ("hallo", "ffpp", "faceswap")
    }
    assert below == {
        "hallo": "audio/fake/00001--aaaaaaaaaaa_1--Hallo.wav",
        "ffpp": "audio/ff++/001.wav",
        "faceswap": "audio/ff++/001.wav",
    }


# ---- the real thing ---------------------------------------------------------------------------------


class SamplePaths(Paths):
    """Read straight from where the sample clips lie."""

    @property
    def raw(self) -> Path:
        return SAMPLES


@needs_samples
def test_the_real_samples_parse(params, tmp_path):
    paths = SamplePaths(tmp_path)
    there = [s for s in params.sources if (SAMPLES / params.source(s).folder).is_dir()]
    found = {clip: row for source in there for clip, row in rows(paths, params, source).items()}
    assert len(found) == len([*SAMPLES.rglob("*.mp4")])
    assert {row["status"] for row in found.values()} == {"ok"}
    fakes = [row for row in found.values() if row["label"]]
    assert all(row["portrait"] for row in fakes)
    assert all(len(row["video"]) == names.YOUTUBE_LENGTH for row in fakes if row["driver"] and row["role"] != "swap")
    assert all(layout.sound_file(paths, row).is_file() for row in fakes if row["driver"])
