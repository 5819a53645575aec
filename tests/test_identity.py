"""The check of identities on pixels: a face under two names is found, chance is told from a leak, off is off.

The network is a stand-in that tells faces apart by the mean colours of their patches.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Callable, Sequence
from contextlib import chdir, closing

import numpy as np
import onnx_made
import pandas as pd
import pytest
import results_made
import vouching
import yaml
from clips_made import with_profile
from test_split import write_corpus

from notebooks import run
from thb.clips.clip_store import placed, read_clips
from thb.core.errors import DataError, ParamsError
from thb.core.params import Params, load, parse
from thb.core.paths import Paths
from thb.core.tables import LANDMARK_COLUMNS, read_csv, read_json
from thb.report import look_alikes
from thb.splits import protocols, shared, split
from thb.splits.look_alikes import identity, pairs
from thb.splits.look_alikes.align import SIDE, TEMPLATE, aligned, placement
from thb.splits.look_alikes.embedder import Embedder
from thb.splits.shared import LOOK, NOTHING, UNFIT

KEPT, RUN = 4, 2  # frames of a clip, and of a run of them
SEEN, TESTED, FACELESS = "ffpp/000", "hallo/00020--drive00020_1", "hallo2/00020--drive00020_1"

Faces = Callable[[dict], str]


def colours(name: str) -> np.ndarray:
    """uint8 [SIDE, SIDE, 3]: the face of a name, 4 x 4 patches."""
    patches = np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return patches.repeat(SIDE // 4, axis=0).repeat(SIDE // 4, axis=1)


def own_face(clip: dict) -> str:
    """Nobody looks like anybody else, but for one: a real of the training and a fake of the test are one person."""
    return "000" if clip["clip"] == TESTED else clip["portrait"] or clip["video"]


def filmed(project: Paths, params: Params, face: Faces = own_face) -> None:
    """A corpus whose clips show these faces where the network wants them; one clip without."""
    frames = {}

    def change(clips: pd.DataFrame) -> None:
        clips["row"] = clips.groupby("source").cumcount()
        clips[LANDMARK_COLUMNS] = TEMPLATE.ravel() / SIDE
        clips.loc[clips["clip"] == FACELESS, LANDMARK_COLUMNS] = np.nan
        clips.loc[clips["clip"] == FACELESS, "face_share"] = 0
        for source, own in clips.groupby("source"):
            faces = np.stack([colours(face(clip)) for clip in own.to_dict("records")])
            frames[source] = faces[:, None].repeat(KEPT, axis=1)

    write_corpus(project, params, change)
    for source, kept in frames.items():
        write_arrays(project, params, source, kept)
    split.run(project, params)


def write_arrays(project: Paths, params: Params, source: str, kept: np.ndarray) -> None:
    """The arrays of a store that has a table already."""
    store = params.active.store
    square, points = np.array([0, 0, SIDE, SIDE]), np.tile(TEMPLATE / SIDE, (KEPT, 1, 1))
    places = placed((SIDE, SIDE), square, np.tile(square, (KEPT, 1)), np.tile([0, 0, 1, 1], (KEPT, 1)), points)
    np.save(project.clips(source) / "frames.npy", 0 * kept)  # the face is looked at, not the whole frame
    np.save(project.clips(source) / "faces.npy", kept)
    np.save(project.clips(source) / "places.npy", np.tile(places, (len(kept), 1, 1, 1)))
    np.save(project.clips(source) / "times.npy", np.zeros((len(kept), store.frames), np.float32))
    np.save(project.clips(source) / "mel.npy", np.zeros((len(kept), 1, store.sound.mels), np.float16))
    vouching.for_store(project, params, source)


def turned_on(project: Paths, same: float = 0.9, mean: float = 127.5, checks: Sequence[str] = ("sface",)) -> Params:
    """params.yaml with the stand-in in the place of SFace."""
    file = onnx_made.write_means(project.root / "means.onnx")
    raw = yaml.safe_load(project.params.read_text())
    raw["nets"]["sface"] |= {"path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    raw["identity"]["embeddings"]["sface"] = {"same": same, "mean": mean, "scale": 127.5}
    raw["identity_checks"] = list(checks)
    project.params.write_text(yaml.safe_dump(raw, sort_keys=False))
    return sized(load(project.params))


def sized(params: Params, workers: int = 1) -> Params:
    """With a store of the frames that are made here."""
    face = params.active.store.face.model_copy(update={"size": SIDE})
    counts = {"windows": KEPT // RUN, "test_windows": 1, "run": RUN}
    store = params.active.store.model_copy(update={**counts, "size": SIDE, "face": face})
    return with_profile(params, workers=workers, store=store)


def found(project: Paths, face: Faces = own_face, **settings) -> dict:
    """What the stage writes of the made-up corpus."""
    params = turned_on(project, **settings)
    filmed(project, params, face)
    identity.run(project, params, [])
    return read_json(project.identity("sface"))


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No variable of the user's."""
    monkeypatch.delenv("THB_SFACE", raising=False)


@pytest.fixture(scope="session")
def compared(repo, tmp_path_factory) -> Paths:
    """A clone in which the stage has run once; `checked` hands out copies."""
    paths = Paths(tmp_path_factory.mktemp("compared"))
    shutil.copy(repo / "params.yaml", paths.root)
    shutil.copytree(repo / "paper", paths.root / "paper")
    found(paths)
    results_made._leakage(paths, load(paths.params))
    vouching.for_tables(paths, load(paths.params))
    return paths


@pytest.fixture
def checked(compared, project) -> Paths:
    """A clone with a report of names, and one of faces in which one test clip is a seen one under another name."""
    shutil.copytree(compared.root, project.root, dirs_exist_ok=True)
    return project


# ---- one face ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 25, -60])
@pytest.mark.parametrize("scale", [0.6, 2.0])
def test_five_points_are_brought_onto_the_template(degrees, scale):
    """Spots at the template's points, turned, scaled and shifted, come to lie on it again, each on its own."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turned = scale * (TEMPLATE - SIDE / 2) @ np.array([[cos, sin], [-sin, cos]]) + 160
    y, x = np.mgrid[:320, :320]
    for spot, wanted in zip(turned, TEMPLATE, strict=True):
        frame = 255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 18)
        lit = aligned(frame.astype(np.uint8)[..., None].repeat(3, axis=2), turned / 320)[..., 0].astype(float)
        centre = [(lit * places).sum() / lit.sum() for places in np.mgrid[:SIDE, :SIDE][::-1]]
        assert np.linalg.norm(centre - wanted) < 1


def test_points_that_fit_no_turn_are_met_as_nearly_as_can_be_and_never_mirrored():
    mirrored = placement(TEMPLATE[[1, 0, 2, 4, 3]] * (1, 1.2))
    assert np.linalg.det(mirrored[:, :2]) > 0
    moved = TEMPLATE.copy()
    moved[2] += 3
    off = (moved @ placement(moved)[:, :2].T + placement(moved)[:, 2] - TEMPLATE).ravel()
    assert 0 < np.abs(off).max() < 3


def test_the_network_is_fed_what_params_say(tmp_path):
    file = onnx_made.write_means(tmp_path / "means.onnx")
    grey = np.full((SIDE, SIDE, 3), 191, np.uint8)
    assert Embedder(file, 0, 1).face(grey) == pytest.approx([191] * 48, rel=1e-4)
    assert Embedder(file, 127.5, 127.5).face(grey) == pytest.approx([63.5 / 127.5] * 48, rel=1e-4)
    red = np.zeros((SIDE, SIDE, 3), np.uint8)
    red[..., 0] = 9
    assert Embedder(file, 0, 1).face(red)[:16] == pytest.approx([9] * 16, rel=1e-4)  # RGB: red comes first


def test_a_clip_s_direction_is_the_mean_of_its_frames(tmp_path):
    network = Embedder(onnx_made.write_means(tmp_path / "means.onnx"), 127.5, 127.5)
    points = np.tile(TEMPLATE / SIDE, (2, 1, 1))
    frames = np.stack([colours("one"), colours("other")])
    both = network.clip(frames, points)
    assert np.linalg.norm(both) == pytest.approx(1)
    one, other = (network.clip(frames[i : i + 1], points[:1]) for i in (0, 1))
    assert both @ one == pytest.approx(both @ other, abs=1e-4)
    moved, offsets = np.zeros((2, 2 * SIDE, 2 * SIDE, 3), np.uint8), np.array([[0, 0], [7, 5]])
    for frame, (x, y), face in zip(moved, offsets, frames, strict=True):
        frame[y : y + SIDE, x : x + SIDE] = face
    followed = network.clip(moved, (offsets[:, None] + TEMPLATE) / (2 * SIDE))  # each frame by its own points
    assert followed == pytest.approx(both, abs=1e-3)
    assert np.isnan(Embedder(network.file, 0, 1).clip(0 * frames[:1], points[:1])).all()


def test_a_large_face_is_made_smaller_without_skipping_pixels():
    """Stripes of one pixel, five times as fine as those of the face that is fed, become grey."""
    large = (np.indices((5 * SIDE, 5 * SIDE))[1] % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert np.abs(aligned(large, TEMPLATE / SIDE).astype(int) - 127).max() < 60


@pytest.mark.parametrize(
    ("kept", "wanted", "places"),
    [(20, 1, [10]), (20, 5, [2, 6, 10, 14, 18]), (21, 3, [3, 10, 17]), (2, 9, [0, 1]), (1, 3, [0])],
)
def test_frames_are_spread_evenly_about_the_middle_one(kept, wanted, places):
    assert identity.spread(kept, wanted).tolist() == places


# ---- pairs ------------------------------------------------------------------------------------------


def named(*people: tuple[str, str, str], directions: np.ndarray | None = None) -> pairs.Faces:
    shown, portraits, videos = (np.array(column, dtype=object) for column in zip(*people, strict=True))
    return pairs.Faces.named(
        np.eye(len(people), dtype=np.float32) if directions is None else directions, shown, portraits, videos
    )


def test_a_driver_in_common_is_neither_one_name_nor_two():
    """A fake of A driven by X, a real X, a fake of B driven by X, another fake of A, and somebody nobody knows."""
    faces = named(("A", "A", "X"), ("X", "", "X"), ("B", "B", "X"), ("A", "A", "Y"), ("clip", "", ""))
    _, one, two, _ = next(faces.blocks(faces))
    assert np.argwhere(np.triu(one, 1)).tolist() == [[0, 3]]
    assert np.argwhere(np.triu(two, 1)).tolist() == [[0, 4], [1, 3], [1, 4], [2, 3], [2, 4], [3, 4]]
    assert (one.diagonal() & ~two.diagonal()).all()


def test_many_clips_are_compared_as_few_are(monkeypatch):
    """Block by block, against the whole matrix at once."""
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(70, 8)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shown = [str(i % 20) for i in range(70)]
    faces = named(*[(name, name, "") for name in shown], directions=directions)
    monkeypatch.setattr(pairs, "BLOCK", 16)
    one, two = pairs.tallied(faces, 0.3)
    alike, same = directions @ directions.T, np.equal.outer(shown, shown)
    once = np.triu(np.ones((70, 70), bool), 1)
    assert (one.count, two.count) == ((same & once).sum(), (~same & once).sum())
    assert two.reached == (alike[~same & once] >= 0.3).sum()
    assert [*two.quantiles().values()] == pytest.approx(np.quantile(alike[~same & once], pairs.QUANTILES), abs=0.02)
    nearest = pairs.nearest(faces[np.arange(50)], faces[np.arange(50, 70)], one_name=False)
    assert nearest.similarity == pytest.approx(np.where(same, -np.inf, alike)[:50, 50:].max(axis=1))
    assert (nearest.place == np.where(same, -np.inf, alike)[:50, 50:].argmax(axis=1)).all()


# ---- the stage --------------------------------------------------------------------------------------


def test_a_face_under_two_names_is_found_and_both_clips_are_told(checked):
    report = read_json(checked.identity("sface"))
    alike = report["protocols"]["P1"]["alike"]
    assert alike == {"clips": 1, "people": 1, "examples": [{"tested": TESTED, "seen": SEEN, "similarity": 1.0}]}
    assert report["protocols"]["P1"]["expected"] == 0
    assert report["protocols"]["P3"]["alike"]["examples"] == alike["examples"]
    assert report["protocols"]["P2"]["alike"]["clips"] == 0  # which tests the training identities
    assert (report["net"], report["corpus"], report["profile"]) == ("sface", "mini", load(checked.params).profile)


def test_the_closest_pairs_are_told_first_and_not_all_of_them():
    similarity = np.array([0.91, 0.99, 0.5, 0.95, 0.92, 0.93, 0.94], np.float32)
    rows = pd.DataFrame({"clip": [f"clip{i}" for i in range(7)]})
    compared, found = identity.Compared(rows, named(("A", "A", ""))), pairs.Nearest(similarity, np.arange(7)[::-1])
    told = identity._examples(compared, found, similarity >= 0.9)
    assert [(one["tested"], one["seen"]) for one in told] == [
        ("clip1", "clip5"),
        ("clip3", "clip3"),
        ("clip6", "clip0"),
        ("clip5", "clip1"),
        ("clip4", "clip2"),
    ]


def test_without_it_nothing_is_found(project):
    report = found(project, lambda clip: clip["portrait"] or clip["video"])
    assert {entry["alike"]["clips"] for entry in report["protocols"].values()} == {0}


def test_a_face_under_its_own_name_is_counted_as_such(checked):
    """P2 tests the training identities, which other generators' clips have shown: one name, and no leak."""
    report, params = read_json(checked.identity("sface")), sized(load(checked.params))
    clips = 3 * len(params.generators)
    assert report["protocols"]["P2"]["named"] == {"clips": clips, "found": clips}
    assert report["protocols"]["P1"]["named"] == {"clips": 0, "found": 0}
    rows = pd.concat([read_clips(checked, params, source) for source in params.sources])
    plain = rows[(rows["role"] != "swap") & (rows["clip"] != FACELESS)]
    sizes = protocols.identity(plain).value_counts()
    one, two = report["pairs"]["one_name"], report["pairs"]["two_names"]
    assert one["count"] == (sizes * (sizes - 1) // 2).sum()
    assert one["count"] - one["reached"] == sizes["00020"] - 1  # the fake with another's face is not its portrait's
    assert two["reached"] == 1  # of all pairs, the one that was put there
    assert abs(two["quantiles"]["0.5"]) < 0.1


def test_clips_without_a_face_are_counted_with_the_reason(checked):
    report = read_json(checked.identity("sface"))
    assert report["left_out"][identity.NO_FACE] == {"count": 1, "examples": [FACELESS]}
    usable = len(read_csv(checked.split("all"), ["clip"]))
    assert report["compared"] == usable - 1


def test_a_face_that_the_network_says_nothing_of_is_counted_too(project):
    params = turned_on(project, mean=0)
    filmed(project, params)
    frames = np.load(project.clips("hallo") / "faces.npy")
    frames[0] = 0
    write_arrays(project, params, "hallo", frames)
    identity.run(project, params, [])
    left = read_json(project.identity("sface"))["left_out"][identity.NO_DIRECTION]
    assert left == {"count": 1, "examples": ["hallo/00000--drive00000_1"]}


def test_where_all_look_alike_chance_explains_it(project):
    """Unlike a leak, what a blind network finds in the test it finds among the training clips too."""
    report = found(project, lambda clip: "one for all")
    entry = report["protocols"]["P1"]
    assert entry["alike"]["clips"] == entry["tested"] == entry["expected"]


def test_chance_is_counted_for_reals_and_fakes_apart(project):
    """Reals all look alike here, in training and test; fakes never do."""
    report = found(project, lambda clip: "anyone" if clip["role"] == "real" else clip["portrait"])
    reals = 2 * len(load(project.params).of_role("real"))
    entry = report["protocols"]["P1"]
    assert entry["alike"]["clips"] == entry["expected"] == reals < entry["tested"] / 2


def test_the_same_clips_give_the_same_bytes(checked):
    before = checked.identity("sface").read_bytes()
    identity.run(checked, sized(load(checked.params), workers=2), ["sface"])
    assert checked.identity("sface").read_bytes() == before


def test_unknown_networks_and_absent_weights_are_one_line(project):
    params = turned_on(project)
    with pytest.raises(ParamsError, match="unknown network under identity.embeddings 'yunet'; known: sface"):
        identity.run(project, params, ["sface", "yunet"])
    (project.root / "means.onnx").unlink()
    with pytest.raises(DataError, match="the weights of sface: .*means.onnx is no file; get face_recognition_sface"):
        identity.run(project, params, [])


def test_what_is_no_network_is_refused_before_any_clip_is_read(project):
    turned_on(project)
    raw = yaml.safe_load(project.params.read_text())
    (project.root / "means.onnx").write_bytes(b"no network")
    raw["nets"]["sface"]["sha256"] = hashlib.sha256(b"no network").hexdigest()
    with pytest.raises(DataError, match="means.onnx is no network that OpenCV can run on one face of 112 px"):
        identity.run(project, parse(raw), [])


# ---- off, and on ------------------------------------------------------------------------------------


def test_it_is_off_unless_asked_for(project, params, capsys):
    assert params.identity_checks == []
    identity.run(project, params, [])
    assert "identity_checks in params.yaml names no network; known: sface" in capsys.readouterr().out
    assert not project.results.exists()


def test_dvc_makes_a_stage_a_network_and_none_where_it_is_off(project, repo):
    from dvc.repo import Repo

    from thb.cli.stages import Stages

    def graph() -> dict[str, set[str]]:
        with chdir(project.root), closing(Stages(project.root)) as stages:
            return stages.needs

    with Repo.init(str(project.root), no_scm=True):
        shutil.copy(repo / "dvc.yaml", project.root)
    assert not [stage for stage in graph() if stage.startswith("identity")]
    turned_on(project)
    stages = graph()
    assert {"split", "prepare@hallo"} <= stages["identity@sface"]
    assert "identity@sface" in stages["exhibit@leakage"]
    assert not any("identity" in need for need in stages["train@tall"])


def said() -> str:
    """What the page says."""
    return run("leakage_table").html


OFF = "faces were not compared"


def test_off_is_said_and_what_an_earlier_run_left_is_not_shown(checked):
    on = run("leakage_table")
    turned_on(checked, checks=())
    off = run("leakage_table")
    assert OFF in off.html
    assert OFF not in on.html
    assert TESTED in on.html
    assert TESTED not in off.html
    assert "sface" in "".join(on["rows"]["kind"])
    assert "sface" not in "".join(off["rows"]["kind"])


def test_a_leak_is_said_with_what_chance_would_do_and_how_far_the_network_sees(checked):
    ran = run("leakage_table")
    every = ran["rows"]
    assert list(every["scope"][every["kind"] == "look-alikes by sface"]) == list(load(checked.params).protocols)
    rows = run("leakage_table", protocols=["P1", "P2"])["rows"].set_index(["scope", "kind"])
    row = rows.loc[("P1", "look-alikes by sface")]
    assert (row["count"], row["trust"]) == (1, LOOK)
    assert row["examples"] == f"{TESTED} = {SEEN} (1.000)"
    assert rows.loc[("P2", "look-alikes by sface"), "trust"] == NOTHING
    assert ("P3", "look-alikes by sface") not in rows.index
    alike = shared.look_alikes(read_json(checked.identity("sface")), ["P1"]).iloc[0]
    assert (alike["alike"], alike["by chance"], alike["trust"]) == (1, 0, LOOK)
    assert f'<td class="which fails">{LOOK}</td>' in ran.html
    assert "one person from a cosine of 0.9" in ran.html
    assert "1 could not be" in ran.html


def test_another_threshold_turns_the_verdict(checked):
    """At one that everybody reaches the same faces tell nothing, and a result of the old one is not shown as new."""
    params = turned_on(checked, same=0.0001, mean=0)
    html = said()
    assert "is of another corpus, other settings or other code; run thb identity sface" in html
    assert TESTED not in html
    identity.run(checked, params, [])
    html = said()
    assert UNFIT in html
    assert f">{LOOK}<" not in html.partition("Look-alikes by")[2]


def test_a_network_that_knows_nobody_again_clears_nobody(project, params):
    """Each clip has a face of its own: nothing is alike, which says nothing."""
    results_made._leakage(project, params)
    found(project, lambda clip: clip["clip"])
    html = said()
    assert UNFIT in html
    assert NOTHING not in html


@pytest.mark.parametrize(
    "change",
    [lambda raw: raw["nets"]["sface"].update(sha256="0" * 64), lambda raw: raw["identity"].update(frames=1)],
    ids=["network", "frames"],
)
def test_what_was_found_otherwise_is_not_shown(checked, change):
    raw = yaml.safe_load(checked.params.read_text())
    change(raw)
    checked.params.write_text(yaml.safe_dump(raw, sort_keys=False))
    assert "is of another corpus, other settings or other code" in said()
    assert look_alikes()[0] == {}


def test_what_was_asked_for_and_is_not_there_is_said(checked):
    checked.identity("sface").unlink()
    assert "sface.json is not there; run thb identity sface" in said()


def test_points_that_were_guessed_are_told(checked):
    assert "estimated" not in said()
    file = checked.identity("sface")
    file.write_text(file.read_text().replace('"truth"', '"haar"'))
    assert "Eyes, nose and mouth were estimated" in said()


def test_weights_that_lie_on_no_hub_are_asked_for(project):
    raw = yaml.safe_load(project.params.read_text())
    raw["nets"]["arcface"] = {"sha256": "0" * 64}
    raw["identity"]["embeddings"]["arcface"] = {"same": 0.4, "mean": 127.5, "scale": 127.5}
    with pytest.raises(DataError, match="weights of arcface are nowhere; name the file in nets.arcface.path or THB_"):
        identity.run(project, parse(raw), ["arcface"])
