"""The joint model of the shipped branches, on toys: where it begins, what is kept, who is its rival."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import checkpoints, joint, mime, results, spatial, temporal
from fer_nb.experiments import joint_branch
from fer_nb.labels import LABELS, index
from fer_nb.training import Plan
from tests.faces import sequence


def faces(block: str, people: int, *, hole: bool = True) -> list:
    """One clip of each class and person, a smile of a strength for each class; in one no face is found."""
    out = [
        sequence(label, frames=6, amount=1.0 + k, subject=f"{block}/{who}")
        for who in range(people)
        for k, label in enumerate(LABELS)
    ]
    return [None, *out[1:]] if hole else out


@pytest.fixture
def small(monkeypatch, cache_folder, tmp_path):
    """Toys in place of blocks, one short epoch, two seeds, folders of its own for weights and records."""
    blocks = {"fit": faces("fit", 2), "validate": faces("validate", 2), "test": faces("test", 2)}

    def system_answers(block, *, sessions=(0,), shifted=False):
        z = np.log(np.full((2, 14, len(LABELS)), 0.5 / 6) + (0.5 - 0.5 / 6) * np.eye(7)[[0] * 14])
        z[:, 0] = np.nan
        truth = np.tile(np.arange(7), 2)
        return {"z": z, "truth": truth, "person": np.repeat([f"{block}/0", f"{block}/1"], 7)}

    monkeypatch.setattr(mime, "block", lambda block, **_: block)
    monkeypatch.setattr(joint_branch, "face_sequences", lambda block, **_: blocks[block])
    monkeypatch.setattr(joint_branch, "system_answers", system_answers)
    monkeypatch.setattr(joint_branch, "PLANS", {"joint": Plan(epochs=1)})
    monkeypatch.setattr(joint_branch, "SEEDS", 2)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    ship = checkpoints.save
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(checkpoints, "save", lambda m, c, p: ship(m, c, tmp_path / "weights" / p.name))
    return tmp_path


def test_it_begins_with_the_shipped_branches_added():
    found = faces("validate", 1, hole=False)
    motion, still = joint.clip_inputs(found)
    with torch.no_grad():
        expected = temporal.load().members[0](motion) + spatial.load()(still)
    got = joint.logits(joint_branch.start(), motion, still)
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def test_a_clip_without_a_face_has_no_answer():
    said = joint_branch.answers(joint_branch.start(), faces("validate", 1))
    assert said[0] == -1 and (said[1:] >= 0).all()


def test_run_ships_the_first_seed_and_keeps_all(small, monkeypatch):
    joint_branch.run(progress=False)
    shipped = joint.load(small / "weights" / "joint")
    first = joint_branch.network(0, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(shipped.parameters(), first.parameters(), strict=True))
    card = checkpoints.read_card(small / "weights" / "joint")
    assert card.recipe == joint_branch.recipe() and 0 <= card.metrics["validate_accuracy"] <= 1
    start = joint_branch.start()
    assert not torch.equal(first.head.weight, start.head.weight)  # it was trained
    other = joint_branch.network(1, progress=False)
    assert not torch.equal(first.head.weight, other.head.weight)  # with a seed of its own
    monkeypatch.setattr(joint_branch, "train", lambda *a, **k: pytest.fail("trained again"))
    joint_branch.test_block(progress=False)
    assert {r.id for r in results.all_records()} == set(joint_branch.RECORDS)
    accuracy, gain = results.load("joint.accuracy"), results.load("joint.minus_fusion")
    assert accuracy.n == 14 and len(accuracy.per_seed) == 2
    fused = 1 / 14  # the toy system always says neutral: right once, where it found a face
    assert gain.value == pytest.approx(100 * (accuracy.value - fused))
    begun = (joint_branch.answers(start, faces("test", 2)) == np.tile(np.arange(7), 2)).mean()
    assert results.load("joint.gain_over_start").value == pytest.approx(100 * (accuracy.value - begun))


def test_truth_is_the_position_of_the_label():
    assert joint_branch.truth_of([sequence("fear"), sequence("anger")]).tolist() == [
        index("fear"),
        index("anger"),
    ]


def test_the_labels_of_test_people_change_no_weight(small, monkeypatch):
    """Data come by block, as in a real run; the clips of *test* are called otherwise, or nothing at all."""
    before = joint_branch.train(0, progress=False).state_dict()
    traced = joint_branch.face_sequences
    other = [None if f is None else type(f)(**{**vars(f), "label": "fear"}) for f in traced("test")]
    monkeypatch.setattr(
        joint_branch, "face_sequences", lambda block, **_: other if block == "test" else traced(block)
    )
    after = joint_branch.train(0, progress=False).state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
