"""Arms on toys: clips made inside a switch, kept and made again; short trainings that are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import mime, temporal
from fer_nb.errors import BadInput
from fer_nb.experiments import _arms as arms
from fer_nb.labels import LABELS
from tests.faces import sequence


def toys(people: int = 1) -> tuple:
    """Clips of toy people whose smile grows with the position of the label, with true units."""
    out = []
    for person in range(people):
        for k, label in enumerate(LABELS):
            face = sequence(label, frames=5, amount=1.0 + 2 * k, subject=f"p{person}")
            out.append(replace(face, units=np.zeros((5, len(mime.UNITS)), np.float32)))
    return tuple(out)


@pytest.fixture
def short(monkeypatch, cache_folder):
    """One short epoch on toys."""
    monkeypatch.setattr(arms, "PLANS", {b: replace(p, epochs=1) for b, p in arms.PLANS.items()})
    monkeypatch.setattr(arms, "DRAWS", dict.fromkeys(arms.DRAWS, 14))
    monkeypatch.setattr(arms, "faces_of", lambda arm, workers=None: toys())
    arms.recipe.cache_clear()
    yield cache_folder
    arms.recipe.cache_clear()


@pytest.mark.parametrize("branch", arms.BRANCHES)
def test_weights_are_kept_and_taken_up_again(short, monkeypatch, branch):
    first = arms.trained(arms.Arm("light"), branch, 0)
    monkeypatch.setattr(arms, "faces_of", lambda arm, workers=None: pytest.fail("trained again"))
    again = arms.trained(arms.Arm("light"), branch, 0)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not again.training and len(list(short.rglob("*.npz"))) == 1


@pytest.mark.parametrize("people", [1, 3, 5])
def test_a_lesson_has_as_many_draws_for_any_number_of_people(people):
    """With more clips than draws too: twice the people must not mean twice the lesson."""
    drawn = []

    def draw(faces, rng, *, size, repeats):
        drawn.extend(face.source for face in faces)
        return [len(faces) * repeats]

    faces = toys(people)
    assert arms._lesson(draw, faces, 20, 8, np.random.default_rng(0)) == [20]
    often = [drawn.count(face.source) for face in faces]
    assert sum(often) == 20 and max(often) - min(often) <= 1


def test_seeds_and_arms_have_files_of_their_own(short):
    nets = [arms.trained(arms.Arm(), "temporal", seed) for seed in (0, 1)]
    arms.trained(arms.Arm(takes=1), "temporal", 0)
    arms.trained(arms.Arm(people=25), "temporal", 0)
    assert len(list(short.rglob("*.npz"))) == 4
    assert any(not torch.equal(a, b) for a, b in zip(*(net.parameters() for net in nets), strict=True))


def test_only_switches_of_the_training_are_open_while_training(short, monkeypatch):
    seen = []

    def fit(net, *rest):
        seen.append(temporal._GAIN)
        return net

    monkeypatch.setattr(arms, "_fit", fit)
    for name in ("weakening", "style", ""):
        arms.trained(arms.Arm(name), "temporal", 0)
    assert seen == [(0.0, 0.0), temporal._GAIN, temporal._GAIN]


def test_an_unknown_branch_is_named():
    with pytest.raises(BadInput, match="unknown branch 'fused': use one of temporal, spatial"):
        arms.trained(arms.Arm(), "fused", 0)


def test_clips_are_made_inside_of_the_switch_and_kept(cache_folder, monkeypatch):
    monkeypatch.setattr(arms, "LABELS", ("disgust",))
    monkeypatch.setattr(arms, "GROUP", 1)
    (clip,) = arms.clips_of(arms.Arm("pose", people=1), workers=1)
    plain = mime.clip("fit", 0, 0, "disgust")
    np.testing.assert_array_equal(clip.units, plain.units)  # the same performance
    assert np.ptp(clip.landmarks[:, 10, 0]) < np.ptp(plain.landmarks[:, 10, 0])  # by a still head
    assert clip.subject == plain.subject and clip.source.endswith("disgust without pose")
    monkeypatch.setattr(arms, "make_group", lambda job: pytest.fail("made again"))
    (again,) = arms.clips_of(arms.Arm("pose", people=1), workers=1)
    np.testing.assert_array_equal(again.frames[0], clip.frames[0])


def test_arms_without_a_switch_of_the_face_use_the_clips_of_the_block(monkeypatch):
    asked = []
    monkeypatch.setattr(arms.mime, "block", lambda name, **given: asked.append((name, given)) or [])
    for arm in (arms.Arm(), arms.Arm("weakening"), arms.Arm(takes=1, people=25)):
        arms.clips_of(arm)
    assert [given["seed"] for _, given in asked] == [0, 0, 1] and asked[2][1]["people"] == 25


def test_traces_are_made_for_whole_files_and_cut(monkeypatch):
    """The files of traces are shared with other experiments: a part of one is never written."""
    asked = {}

    def trace(clips, *, key, workers):
        asked[key] = len(clips)
        return [None, *toys(1)[1:], *[None] * (len(clips) - 7)]

    monkeypatch.setattr(arms, "clips_of", lambda arm, workers=None: [0] * arm.people * 7)
    monkeypatch.setattr(arms, "face_sequences", trace)
    arms.faces_of.cache_clear()
    found = {
        end: len(arms.faces_of(arm))
        for end, arm in {
            "fit": arms.Arm(people=25),
            "fit-seed1": arms.Arm(takes=1),
            "ingredients-pose": arms.Arm("pose"),
        }.items()
    }
    arms.faces_of.cache_clear()
    assert asked == {
        f"{mime.VERSION}/fit": 210,
        f"{mime.VERSION}/fit-seed1": 350,
        f"{mime.VERSION}/ingredients-pose": 350,
    }
    assert set(found.values()) == {6}  # a face that was not found is no example


def test_names_tell_arms_apart():
    made = [arms.Arm(), arms.Arm("pose"), arms.Arm(takes=1), arms.Arm(people=25)]
    assert len({arm.name for arm in made}) == 4 and len(arms.recipe()) == 12
    assert [arm.drawn for arm in (arms.Arm(), arms.Arm("pose"), arms.Arm("weakening"))] == [
        False,
        True,
        False,
    ]
