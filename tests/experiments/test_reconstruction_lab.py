"""What the reconstruction experiment shares, on toys: stills, populations, who is recognized, kept work."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb.bottleneck import UNSURE
from fer_nb.errors import BadInput
from fer_nb.experiments import _reconstruction_lab as lab
from fer_nb.experiments import _units
from tests.faces import sequence
from tests.reconstruction_toys import stills, world


def test_two_stills_of_each_clip_with_a_face():
    faces = [sequence(amount=3.0, subject="a"), None, sequence(amount=3.0, subject="b")]
    rng = np.random.default_rng(0)
    full = []
    for face in faces:
        if face is not None:
            units = rng.random((len(face), 22)).astype(np.float32)
            crops = rng.integers(0, 256, (len(face), 64, 64)).astype(np.uint8)
            face = type(face)(**{**{k: v for k, v in vars(face).items() if k != "displacement"},
                                 "units": units, "crops": crops, "label": "fear"})  # fmt: skip
        full.append(face)
    found = lab.gather(full, [0, 1, 2], [0, 0, 0])
    assert found.person.tolist() == [0, 0, 2, 2] and found.apex.tolist() == [True, False] * 2
    assert found.labels[1] == UNSURE and found.labels[0] >= 0
    assert (found.crops[0] == full[0].crops[full[0].apex]).all()
    top, half = lab.rows_of(full[0])
    assert full[0].displacement[half] <= full[0].displacement[top]


def test_stills_need_faces_and_units():
    with pytest.raises(BadInput, match="no clip"):
        lab.gather([None], [0], [0])
    with pytest.raises(BadInput, match="units"):
        lab.gather([sequence(amount=3.0)], [0], [0])


def test_a_mirror_turns_the_face_and_its_pose_but_not_its_units():
    here = stills(range(2))
    there = here.mirrored()
    assert (there.crops[..., ::-1] == here.crops).all() and (there.units == here.units).all()
    assert np.allclose(there.poses, here.poses * [1, -1, -1])
    assert not set(here.person) & set(there.person)
    assert torch.allclose(here.light(), there.light()) and len(here.joined(there)) == 2 * len(here)
    assert here.pictures(32).shape == here.masks(32).shape == (len(here), 1, 32, 32)


def test_the_populations_share_nobody_and_the_last_session_is_asked():
    who = world()
    sets = [set(p.person) for p in (who.own, who.attacker, who.victims)]
    assert not sets[0] & sets[1] and not sets[1] & sets[2] and not sets[0] & sets[2]
    assert who.people == 4 and set(who.victims.session[who.probes]) == {2}


def test_a_rehearsal_looks_at_fit_alone(monkeypatch):
    asked = []

    def make(block, people, sessions):
        asked.append(block)
        return stills(range(0, 400, 10), clips=1)

    monkeypatch.setattr(lab, "stills", make)
    who = lab.world.__wrapped__("fit")
    assert asked == ["fit"] and who.people == 5 and set(who.own.session) == {0}
    sets = [set(p.person) for p in (who.own, who.attacker, who.victims)]
    assert not sets[0] & sets[1] and not sets[1] & sets[2] and not sets[2] & set(who.judge.person)


def test_identity_ignores_what_changes_between_sessions():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(12), 6)
    face, take = rng.normal(size=(12, 4)), 5 * rng.normal(size=(72, 4))
    rows = np.concatenate([face[person], take], 1)
    measure = lab.Identity(rows[person < 8], person[person < 8])
    places, new = measure(rows), person >= 8
    odd = np.arange(72) % 2 == 1
    hits, who = lab.recognized(places[new & odd], person[new & odd], places[new & ~odd],
                               person[new & ~odd], np.arange((new & ~odd).sum()))  # fmt: skip
    assert hits.mean() > 0.8 and set(who) == {8, 9, 10, 11}
    assert lab.apart(places, places) == pytest.approx(0, abs=1e-9)
    with pytest.raises(BadInput, match="identity"):
        lab.Identity(rows[:3], person[:3])


def test_stills_of_a_clip_are_asked_together():
    gallery, names = np.eye(2), np.array([0, 1])
    probes = np.array([[0.2, 0.9], [0.9, 0.0]])  # together nearer to the first
    assert lab.recognized(gallery, names, probes, np.zeros(2, int), np.zeros(2, int))[0].tolist() == [1.0]


def test_what_is_kept_is_not_made_again(cache_folder, monkeypatch):
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    made = []

    def make():
        made.append(1)
        return {"a": np.arange(3)}

    assert lab.kept("unit", make)["a"].tolist() == lab.kept("unit", make)["a"].tolist() and len(made) == 1


def test_the_key_names_every_module_that_decides():
    assert len(lab.recipe()) == 12
    assert all((_units.PACKAGE / f"{name}.py").is_file() for name in lab._RECIPE)
    assert lab.SPLIT == "validate"
