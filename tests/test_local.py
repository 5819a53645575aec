"""The user's own real videos stand in for folders of the release, without a copy and without a way out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import vouching
from clips_made import with_profile, write_list, write_video

from thb.clips import prepare
from thb.clips.clip_store import read_clips
from thb.core.errors import ParamsError
from thb.core.params_schema import Reals
from thb.core.paths import Paths
from thb.core.tables import ERROR, MISSING, OK
from thb.corpus import layout, own_reals

C23 = "original_sequences/youtube/c23/videos"


@pytest.fixture
def hub(params):
    return with_profile(params, corpus="hub")


@pytest.fixture
def kept(tmp_path_factory):
    """What a user has: FaceForensics++ in two compressions, with one swap, and some of CelebV-HQ."""
    root = tmp_path_factory.mktemp("kept")
    files = (
        f"ff/{C23}/001.mp4",
        f"ff/{C23}/009.mp4",
        f"ff/{C23.replace('c23', 'raw')}/002.mp4",
        "ff/manipulated_sequences/FaceSwap/c23/videos/001_002.mp4",
        "celeb/aaaaaaaaaaa_1.mp4",
    )
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def joined(project: Paths, params, **environment: object) -> Paths:
    write_list(project.raw, {"train": ["001"], "test": ["002"]}, {"train": ["aaaaaaaaaaa_1"], "val": ["bbbbbbbbbbb_1"]})
    return replace(project, own=own_reals.folders(params, {key: str(value) for key, value in environment.items()}))


def statuses(paths: Paths, params, source: str) -> dict[str, str]:
    return {row["clip"]: row["status"] for row in layout.list_clips(paths, source, params.source(source))}


def test_the_variables_name_the_folders(project, hub, kept):
    paths = joined(project, hub, THB_FFPP=kept / "ff", THB_CELEBVHQ=kept / "celeb")
    assert statuses(paths, hub, "ffpp") == {"ffpp/001": OK, "ffpp/002": MISSING}
    assert statuses(paths, hub, "celebvhq") == {"celebvhq/aaaaaaaaaaa_1": OK, "celebvhq/bbbbbbbbbbb_1": MISSING}
    assert statuses(paths, hub, "faceswap") == {"faceswap/001_002": OK}
    assert layout.unlisted(paths, "ffpp", hub.source("ffpp")) == ["009.mp4"]


def test_params_name_them_too_and_the_variable_comes_first(project, hub, kept):
    named = with_profile(hub, reals=Reals(ffpp=str(kept / "ff"), compression="raw"))
    paths = joined(project, named)
    assert statuses(paths, named, "ffpp") == {"ffpp/001": MISSING, "ffpp/002": OK}
    other = joined(project, named, THB_FFPP=kept / "celeb")
    assert statuses(other, named, "ffpp") == {"ffpp/001": MISSING, "ffpp/002": MISSING}


def test_a_row_keeps_the_releases_path_and_prepare_opens_the_users_file(project, hub, kept):
    small = with_profile(hub, finder="haar", workers=1, max_failed_share=1.0)
    write_video(kept / "ff" / C23 / "001.mp4", 25)
    paths = joined(project, small, THB_FFPP=kept / "ff")
    vouching.for_raw(paths, small)
    prepare.run(paths, small, "ffpp")
    rows = read_clips(paths, small, "ffpp").set_index("clip")
    assert rows["path"].tolist() == [f"real/ffpp/{C23}/{stem}.mp4" for stem in ("001", "002")]
    assert (rows.loc["ffpp/001", "status"], rows.loc["ffpp/001", "n_frames"]) == (OK, 25)
    assert not (project.raw / "real/ffpp").exists()


def test_a_rendered_corpus_ignores_them(params, kept):
    assert own_reals.folders(params, {"THB_FFPP": str(kept / "ff")}) == {}


def test_a_folder_that_is_none_is_named(hub, kept):
    with pytest.raises(ParamsError, match=r"THB_FFPP names '.*nowhere', which is no folder.*original_sequences"):
        own_reals.folders(hub, {"THB_FFPP": str(kept / "nowhere")})
    with pytest.raises(ParamsError, match=r"profiles\.mini\.reals\.celebvhq names"):
        own_reals.folders(with_profile(hub, reals=Reals(celebvhq=str(kept / "nowhere"))), {})


def test_a_link_that_leads_out_of_the_users_folder_is_one_bad_clip(project, hub, kept):
    (kept / "secret.mp4").touch()
    (kept / "celeb/bbbbbbbbbbb_1.mp4").symlink_to(kept / "secret.mp4")
    paths = joined(project, hub, THB_CELEBVHQ=kept / "celeb")
    assert statuses(paths, hub, "celebvhq") == {"celebvhq/aaaaaaaaaaa_1": OK, "celebvhq/bbbbbbbbbbb_1": ERROR}
    bad = layout.list_clips(paths, "celebvhq", hub.source("celebvhq"))[1]
    assert bad["reason"] == f"is a link that leads out of {kept / 'celeb'}, and is not opened"


def test_the_folder_itself_may_be_a_link(project, hub, kept):
    (kept / "link").symlink_to(kept / "celeb", target_is_directory=True)
    paths = joined(project, hub, THB_CELEBVHQ=kept / "link")
    assert statuses(paths, hub, "celebvhq")["celebvhq/aaaaaaaaaaa_1"] == OK


def test_what_the_folder_holds_is_noted_where_dvc_sees_it(project, hub, kept):
    paths, folder = joined(project, hub, THB_CELEBVHQ=kept / "celeb"), "real/celebvhq"
    own_reals.note(paths, hub)
    assert own_reals.is_noted(paths, folder)
    assert "aaaaaaaaaaa_1.mp4,0," in (project.raw / folder / own_reals.NOTE).read_text()
    assert (project.raw / hub.source("ffpp").folder).is_dir()  # nothing named: an empty folder, no note
    (kept / "celeb/bbbbbbbbbbb_1.mp4").write_bytes(b"new")
    assert not own_reals.is_noted(paths, folder)
    own_reals.note(paths, hub)
    assert own_reals.is_noted(paths, folder)
    own_reals.note(project, hub)  # the user names it no more
    assert not (project.raw / folder / own_reals.NOTE).exists()
