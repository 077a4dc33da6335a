"""The preprocessing ablation on toys: what is cut, trained, kept, and asked again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import augment, illumination, mime
from fer_nb.clips import Clip
from fer_nb.experiments import _preprocessing_records as records
from fer_nb.experiments import preprocessing as pre
from fer_nb.labels import LABELS
from tests.faces import sequence


def toy_stills(people: int, count: int = 1, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Every label is a bright bar at a place of its own; every cut shows the same."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(len(LABELS)), people)
    crops = rng.integers(0, 40, (len(labels), count, 64, 64), dtype=np.uint8)
    for k, label in enumerate(labels):
        crops[k, :, 9 * label : 9 * label + 9] += 150
    found = np.ones(len(labels), bool)
    found[-1] = False
    cuts = dict.fromkeys(pre.CUTS, crops)
    units = np.zeros((len(labels), count, len(mime.UNITS)), np.float32)
    return cuts | {
        "units": units,
        "labels": labels,
        "person": np.repeat(np.arange(people), len(LABELS)),
        "found": found,
    }


@pytest.fixture
def small(monkeypatch, cache_folder, tmp_path):
    """Toy stills of six people, three in each group."""

    def stills(block, shifted=False):
        return toy_stills(6 if block == "fit" else 3, pre.STILLS if block == "fit" else 1, seed=int(shifted))

    monkeypatch.setattr(pre, "stills", stills)
    monkeypatch.setattr(pre, "PEOPLE", (2, 3))
    monkeypatch.setattr(pre, "SEEDS", (0, 1))
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    pre.folder.cache_clear()
    yield tmp_path
    pre.folder.cache_clear()


def test_arms_differ_in_one_thing_from_the_full_recipe():
    assert len({arm.name for arm in (*pre.LADDER, *pre.OTHERS, *pre.LEFT_OUT)}) == 6 + 5 + 8
    for arm in pre.LEFT_OUT:
        changed = [key for key in ("cut", "light", "families") if getattr(arm, key) != getattr(pre.FULL, key)]
        assert len(changed) == 1
    named = {f"without_{part}" for part in records.PARTS}
    assert named == {arm.name for arm in pre.LEFT_OUT}
    assert set(records.STEPS) == {arm.name for arm in pre.LADDER}
    assert set(records.LIGHTS) == {arm.name for arm in pre.OTHERS}
    assert pre.PEOPLE == records.SIZES and records.MAIN in pre.PEOPLE


def test_families_hold_every_step_of_the_shipped_augmentation():
    steps = [step for family in pre.FAMILIES.values() for step in family]
    assert len(steps) == len(set(steps)) == 10
    x = torch.rand(4, 1, 64, 64)
    torch.manual_seed(3)
    ours = pre.varied(x, tuple(pre.FAMILIES))
    torch.manual_seed(3)
    torch.testing.assert_close(ours, augment.augment(x))
    assert pre.varied(x, ()) is x


def test_peaks_begin_with_the_apex():
    face = sequence("happiness", frames=12)
    rows = pre.peak_rows(face, 4)
    assert rows[0] == face.apex and len(rows) == 4 and rows.min() >= 6
    assert pre.peak_rows(face, 1).tolist() == [face.apex]


def test_a_clip_without_a_face_is_kept_and_marked():
    frames = np.full((12, 160, 160, 3), 90, np.uint8)
    clips = [Clip(frames, 10.0, label="fear", conditions={"person": k}) for k in (0, 1)]
    out = pre.collect(clips, [sequence("fear"), None], 2, ("frame", "oval"))
    assert out["oval"].shape == (2, 2, 64, 64) and out["found"].tolist() == [True, False]
    assert out["oval"][0].any() and not out["oval"][1].any()
    assert out["labels"].tolist() == [LABELS.index("fear")] * 2 and out["person"].tolist() == [0, 1]


def test_copies_come_only_with_augmentation_and_follow_the_seed():
    crops = toy_stills(1)["oval"][:, 0]
    plain = next(arm for arm in pre.LADDER if arm.name == "normalized")
    assert pre.copies(crops, plain, 0).shape == (7, 64, 64)
    many = pre.copies(crops, pre.FULL, 0)
    assert many.shape == (7 * (1 + pre.COPIES), 64, 64)
    np.testing.assert_array_equal(many[:7], pre.copies(crops, plain, 0))  # the stills themselves come first
    np.testing.assert_array_equal(many, pre.copies(crops, pre.FULL, 0))
    assert not np.array_equal(many, pre.copies(crops, pre.FULL, 1))


def test_light_is_evened_as_the_arm_says():
    crops = toy_stills(1)["oval"][:, 0]
    raw = next(arm for arm in pre.LADDER if arm.name == "oval")
    np.testing.assert_allclose(pre.even(crops, raw), crops / 255, atol=1e-6)
    outside = next(arm for arm in pre.OTHERS if arm.light == "equalize")
    np.testing.assert_array_equal(pre.even(crops, outside), illumination.equalize(crops))


def test_groups_of_people_are_disjoint(small):
    groups = [set(pre.group(pre.Job(pre.FULL, 3, seed))["person"]) for seed in (0, 1)]
    assert groups == [{0, 1, 2}, {3, 4, 5}]
    assert set(pre.group(pre.Job(pre.FULL, 2, 1))["person"]) == {3, 4}


def test_training_is_kept_and_the_same_for_a_seed(small, monkeypatch):
    job = pre.Job(pre.FULL, 3, 1)
    first = pre.finished(job)
    assert first["train"].shape == (21,) and first["validate"].shape == (21,)
    assert first["train"][-1] == first["validate"][-1] == first["shift"][-1] == -1  # no face: no answer
    assert (first["train"][:-1] == first["own"][:-1]).mean() > 0.9  # bars at places of their own are easy
    assert (first["validate"] == pre.stills("validate")["labels"]).mean() > 0.7
    again = pre.train(job)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    monkeypatch.setattr(pre, "train", lambda job: pytest.fail("trained twice"))
    assert np.array_equal(pre.finished(job)["validate"], first["validate"])


def test_labels_of_validate_do_not_reach_the_model(small, monkeypatch):
    job = pre.Job(pre.FULL, 2, 1)
    before, stills = pre.train(job), pre.stills

    def permuted(block, shifted=False):
        kept = dict(stills(block, shifted))
        if block != "fit":
            kept["labels"] = kept["labels"][::-1].copy()
        return kept

    monkeypatch.setattr(pre, "stills", permuted)
    assert np.array_equal(pre.train(job)["validate"], before["validate"])


def test_settings_name_the_folder(small, monkeypatch):
    before = pre.folder()
    pre.folder.cache_clear()
    monkeypatch.setattr(pre, "COPIES", 2)
    assert pre.folder() != before


def test_run_writes_every_record(small, monkeypatch):
    monkeypatch.setattr(pre, "jobs", lambda: [
        pre.Job(arm, people, seed)
        for arm in (*pre.LADDER, *pre.LEFT_OUT, *pre.OTHERS) for people in (10, 20, 40) for seed in (0, 1)
    ])  # fmt: skip
    monkeypatch.setattr(pre, "finished", fake)
    pre.run(workers=1, progress=False)
    found = {path.name.removesuffix(".json") for path in (small / "results").glob("*.json")}
    assert found == set(pre.RECORDS)
    assert all((small / "results" / name).is_file() for name in records.TABLES)


def fake(job: pre.Job) -> dict[str, np.ndarray]:
    """Answers that are right on the training people, and on others more often the more was prepared."""
    rng, truth = np.random.default_rng(job.seed), toy_stills(3)["labels"]
    share = 0.3 + 0.1 * [*(arm.name for arm in pre.LADDER), job.arm.name].index(job.arm.name)
    said, own = np.where(rng.random(len(truth)) < share, truth, -1), np.tile(np.arange(7), job.people)
    return {"train": own, "own": own, "validate": said, "shift": said}


def test_every_training_is_listed_once():
    todo = pre.jobs()
    assert len(todo) == len(set(todo)) == 6 * 3 * 3 + 13 * 3
