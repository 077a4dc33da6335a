"""The ablation of motion on toys: who is learned from, what is trained, kept, and asked again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fer_nb.experiments import _motion_records as records
from fer_nb.experiments import _motion_steps as steps
from fer_nb.experiments import _preprocessing_records
from fer_nb.experiments import preprocessing_motion as motion
from fer_nb.labels import LABELS
from tests.faces import sequence


def toy_clips(people: int) -> motion.Clips:
    """One clip of each label for each person; the label is the size of the smile. The last has no face."""
    faces = [
        sequence(label, amount=0.2 + 3.0 * k, subject=str(who))
        for who in range(people)
        for k, label in enumerate(LABELS)
    ]
    labels = np.tile(np.arange(len(LABELS)), people)
    return motion.Clips([*faces[:-1], None], labels, np.repeat(np.arange(people), len(LABELS)))


@pytest.fixture
def small(monkeypatch, cache_folder, tmp_path):
    """Toy clips of four people, two in each group, and a tiny network."""
    held = {"fit": toy_clips(4), "validate": toy_clips(3)}
    monkeypatch.setattr(motion, "clips_of", lambda block, shifted=False: held[block])
    monkeypatch.setattr(motion, "PEOPLE", (1, 2))
    monkeypatch.setattr(motion, "SEEDS", (0, 1))
    monkeypatch.setattr(motion, "HIDDEN", 8)
    monkeypatch.setattr(motion, "PLAN", replace(motion.PLAN, epochs=3))
    monkeypatch.setattr(steps, "DRAWS", 64)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    motion.folder.cache_clear()
    yield tmp_path
    motion.folder.cache_clear()


def test_every_training_is_listed_once():
    todo = motion.jobs()
    assert len(todo) == len(set(todo)) == 9 * 3 * 3
    assert set(motion.WATCHED) < {job.arm.name for job in todo}


def test_groups_of_people_are_disjoint(small):
    groups = [set(motion.group(motion.Job(steps.ALL, 2, seed)).person) for seed in (0, 1)]
    assert groups == [{0, 1}, {2, 3}]
    assert set(motion.group(motion.Job(steps.ALL, 1, 1)).person) == {2}


@pytest.mark.parametrize("arm", steps.ARMS, ids=lambda arm: arm.name)
def test_every_arm_answers_for_every_clip(small, arm):
    out = motion.train(motion.Job(arm, 2, 1))  # the last clip of this group has no face
    assert out["train"].shape == out["own"].shape == (14,) and out["validate"].shape == (21,)
    assert out["train"][-1] == out["validate"][-1] == out["shift"][-1] == -1
    assert (out["validate"][:-1] >= 0).all() and (out["train"][:-1] >= 0).all()
    assert len(out["course"]) == (3 if arm.name in motion.WATCHED else 0) and out["seconds"] > 0


def test_training_is_kept_and_the_same_for_a_seed(small, monkeypatch):
    job = motion.Job(steps.ALL, 2, 0)
    first, again = motion.finished(job), motion.train(job)
    assert all(np.array_equal(first[name], again[name]) for name in first if name != "seconds")
    monkeypatch.setattr(motion, "train", lambda job: pytest.fail("trained twice"))
    assert np.array_equal(motion.finished(job)["validate"], first["validate"])


def test_labels_of_validate_do_not_reach_the_weights(small, monkeypatch):
    job, real = motion.Job(steps.ALL, 2, 0), motion.clips_of
    before = motion.train(job)

    def permuted(block, shifted=False):
        clips = real(block, shifted)
        return clips if block == "fit" else replace(clips, labels=clips.labels[::-1].copy())

    monkeypatch.setattr(motion, "clips_of", permuted)
    after = motion.train(job)
    assert all(np.array_equal(after[name], before[name]) for name in ("train", "validate", "shift"))


def test_settings_name_the_folder(small, monkeypatch):
    before = motion.folder()
    motion.folder.cache_clear()
    monkeypatch.setattr(motion, "HIDDEN", 9)
    assert motion.folder() != before


def test_run_writes_every_record(small, monkeypatch):
    def fake(job):
        own, truth = np.tile(np.arange(7), job.people), toy_clips(3).labels
        said = np.where(np.arange(21) < 10 + job.seed, truth, -1)
        course = np.array([[1, 0.5, 0.3]]) if job.arm.name in motion.WATCHED else np.zeros((0, 3))
        seconds = np.array(2.0)
        return {
            "own": own,
            "train": own,
            "validate": said,
            "shift": said,
            "course": course,
            "seconds": seconds,
        }

    monkeypatch.setattr(motion, "PEOPLE", records.SIZES)
    monkeypatch.setattr(motion, "finished", fake)
    monkeypatch.setattr(_preprocessing_records, "draws", partial(_preprocessing_records.draws, resamples=20))
    motion.run(workers=1, progress=False)
    found = {path.name.removesuffix(".json") for path in (small / "results").glob("*.json")}
    assert found == set(motion.RECORDS)
    assert all((small / "results" / name).is_file() for name in records.TABLES)
