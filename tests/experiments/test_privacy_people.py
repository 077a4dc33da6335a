from __future__ import annotations

import numpy as np

from fer_nb.experiments import _privacy_people as crowd
from tests.privacy_toys import clip, people


def test_an_attacker_looks_at_the_apex_first():
    face = clip(0, 0, "fear")
    rows = crowd.rows_of(face)
    assert len(rows) == crowd.FRAMES and rows[0] == face.apex
    assert rows[1] == 0 and rows[-1] == len(face) - 1


def test_people_know_who_when_and_what():
    some = people(range(2), (0, 2))
    assert some.person.tolist() == [0] * 7 + [1] * 7 + [0] * 7 + [1] * 7
    assert some.session.tolist() == [0] * 14 + [2] * 14
    assert some.label[:7].tolist() == list(range(7))
    assert some.truth.shape == (28, crowd.FRAMES, 22) and some.points().shape == (28, crowd.FRAMES, 478, 2)
    assert np.isfinite(some.points()).all()


def test_each_clip_has_a_generator_of_its_own():
    a, b = clip(0, 0, "fear"), clip(0, 0, "anger")
    draws = [crowd.generator(face).random() for face in (a, a, b)]
    assert draws[0] == draws[1] != draws[2]


def test_a_clip_is_read_once(monkeypatch):
    seen = []
    monkeypatch.setattr(crowd.redact, "read", lambda face: seen.append(face.source) or np.zeros((8, 7)))
    monkeypatch.setattr(crowd, "_READ", {})
    face = clip(0, 0, "fear")
    assert crowd.read(face) is crowd.read(face) and seen == [face.source]
