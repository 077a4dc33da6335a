"""What short trainings are asked: a face that was not found is an error, and real pairs are read as said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb.errors import BadInput
from fer_nb.experiments import _ingredients_lab as lab
from fer_nb.experiments._arms import Arm
from fer_nb.labels import LABELS, index
from tests.faces import sequence

HAPPY, NEUTRAL = index("happiness"), index("neutral")


class Says(nn.Module):
    """Answers with given labels, one for each input, in order."""

    def __init__(self, *answers: list[int]) -> None:
        super().__init__()
        self.answers = list(answers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 9 * torch.eye(len(LABELS))[torch.tensor(self.answers.pop(0))]


def toy_test(wanted: list[int], people: list[str], missing: int | None = None) -> lab.Test:
    faces = [None if i == missing else sequence() for i in range(len(wanted))]
    return lab.make_test(faces, wanted, people)


def test_a_test_holds_inputs_for_both_branches():
    test = toy_test([3, 4], ["a", "b"], missing=0)
    assert test.inputs["temporal"].shape[0] == test.inputs["spatial"].shape[0] == 1
    assert test.found.tolist() == [False, True] and test.people == ["a", "b"]
    face = sequence()
    apex = lab.make_test([face], [4], ["a"]).inputs["spatial"]
    first = lab.make_test([face], [4], ["a"], frame=0).inputs["spatial"]
    assert apex.mean() > first.mean()  # toy crops grow lighter


def test_a_face_that_was_not_found_is_an_error():
    test = toy_test([0, 4, 4], ["a", "b", "c"], missing=0)
    right = lab.scores(Says([4, 0]), "temporal", {"validate": test})
    assert right["validate"].tolist() == [0, 1, 0]


def pairs() -> dict[str, lab.Test]:
    wanted = {"smile": HAPPY, "calm": NEUTRAL, "reversed": NEUTRAL}
    return {f"london_{name}": toy_test([label] * 3, ["a", "b", "c"]) for name, label in wanted.items()}


def test_real_pairs_of_the_temporal_branch():
    net = Says([HAPPY, HAPPY, 1], [NEUTRAL, HAPPY, NEUTRAL], [NEUTRAL, 3, HAPPY])
    right = lab.scores(net, "temporal", pairs())
    assert tuple(right) == lab.REAL["temporal"]
    assert right["london_smile"].tolist() == [1, 1, 0] and right["london_calm"].tolist() == [1, 0, 1]
    assert right["london"].tolist() == [1, 0.5, 0.5]
    assert right["london_reversed"].tolist() == [1, 1, 0]  # a smile that goes away is not happiness


def test_real_stills_of_the_spatial_branch():
    net = Says([HAPPY, 3, 3], [NEUTRAL, HAPPY, NEUTRAL], [0, 0, 0])
    right = lab.scores(net, "spatial", pairs())
    assert tuple(right) == lab.REAL["spatial"]
    assert right["london_pair"].tolist() == [
        1,
        0,
        0,
    ]  # the first smile alone looks happier than the calm face


def test_one_answer_for_every_test_is_half_right_on_real_people():
    """Whoever always says happiness reads every smile and no calm face."""
    right = lab.scores(Says([HAPPY] * 3, [HAPPY] * 3, [HAPPY] * 3), "temporal", pairs())
    assert right["london"].mean() == 0.5


def test_tests_without_real_stills(monkeypatch, tmp_path):
    class Clip:
        label, subject = "fear", "p"

    asked = []
    monkeypatch.setenv("FER_NB_SHARED", str(tmp_path))
    monkeypatch.setattr(
        lab.mime, "block", lambda name, **given: asked.append(given["shifted"]) or [Clip()] * 2
    )
    monkeypatch.setattr(lab, "face_sequences", lambda clips, **given: [sequence()] * len(clips))
    lab.tests.cache_clear()
    found = lab.tests()
    lab.tests.cache_clear()
    assert not lab.real() and tuple(found) == lab.MIME and asked == [False, True]
    assert found["shift"].wanted.tolist() == [index("fear")] * 2


def test_real_tests_read_the_right_stills(monkeypatch):
    clips = {"smile": "S", "same": "N", "reversed": "R"}
    monkeypatch.setattr(lab.london, "pairs", lambda ids: iter([("001", clips), ("003", clips)]))
    seen = []
    monkeypatch.setattr(lab, "face_sequences", lambda given, **_: seen.append(given) or [sequence()] * 2)
    found = lab.real_tests()
    assert seen == [["S", "S"], ["N", "N"], ["R", "R"]]
    assert set(found) | {"london"} == set(lab.REAL["temporal"])
    assert found["london_smile"].wanted[0] == HAPPY and found["london_calm"].wanted[0] == NEUTRAL
    assert found["london_smile"].inputs["spatial"].mean() > found["london_calm"].inputs["spatial"].mean()
    assert lab.people_of("london", found) == ["london/001", "london/003"]


def test_seeds_are_stacked(monkeypatch):
    monkeypatch.setattr(lab, "tests", lambda workers=None: {"validate": toy_test([4, 4], ["a", "b"])})
    answers = {0: [4, 4], 1: [4, 0], 2: [0, 0]}
    monkeypatch.setattr(lab, "trained", lambda arm, branch, seed, workers=None: Says(answers[seed]))
    right = lab.scored(Arm(), "temporal")["validate"]
    assert right.tolist() == [[1, 1], [1, 0], [0, 0]]


def test_points_are_paired_and_shares_averaged():
    whole, left = np.ones((1, 6)), np.array([[1, 0, 1, 0, 1, 0.0]])
    points = lab.drop(whole, left, ["a", "a", "b", "b", "c", "c"])
    assert (points.value, points.low, points.high) == (50, 50, 50)
    assert lab.share(np.stack([whole[0], left[0]]), ["a"] * 6).value == 0.75


def test_missing_stills_are_told_from_other_errors(monkeypatch):
    monkeypatch.setattr(lab.london, "folder", lambda: (_ for _ in ()).throw(BadInput("not here")))
    assert not lab.real()
    monkeypatch.setattr(lab.london, "folder", lambda: (_ for _ in ()).throw(KeyError("bug")))
    with pytest.raises(KeyError):
        lab.real()
