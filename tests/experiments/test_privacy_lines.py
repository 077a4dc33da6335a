from __future__ import annotations

import numpy as np
import pytest

from fer_nb import redact
from fer_nb.experiments import _privacy_lab as lab
from fer_nb.experiments import _privacy_lines as study
from fer_nb.experiments import _privacy_motion as motion
from fer_nb.experiments import _privacy_people as crowd
from tests.privacy_toys import people


@pytest.fixture
def toys(monkeypatch, tmp_path):
    them, mine = people(range(3), (0, 1, 2)), people(range(10, 14), (0, 1))
    lent = redact.donors(people(range(20, 21), (0,)).faces)
    monkeypatch.setattr(crowd, "victims", lambda split="": them)
    monkeypatch.setattr(crowd, "owned", lambda: mine)
    monkeypatch.setattr(crowd, "lent", lambda: lent)
    monkeypatch.setattr(study, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(lab, "TREES", 10)
    return them, lent


def test_the_ends_of_lines_are_where_the_release_draws_them(toys):
    face, shape = toys[0].faces[3], toys[1].shape
    ends = study.lines(face, shape).reshape(len(face), -1, 2)
    assert ends.shape[1] == len(study.drawn_points()) < 478
    shown = redact.landmarks_only(1, toys[1])(face, np.random.default_rng(0))
    whole = np.zeros((478, 2))
    whole[study.drawn_points()] = ends[face.apex]
    np.testing.assert_array_equal(redact.draw(whole), shown[face.apex])


def test_the_resting_face_is_gone_and_no_face_is_at_rest(toys):
    face, shape = toys[0].faces[3], toys[1].shape
    moved = study.lines(face, shape)
    assert np.abs(study.lines(face, shape + 1) - moved - 1).max() < 1e-9
    face.points[2] = np.nan
    face.found[2] = False
    np.testing.assert_allclose(study.lines(face, shape)[2], shape[study.drawn_points()].ravel())


def test_answers_are_kept(toys, monkeypatch):
    told = study.given("toy")
    assert set(told) == {f"{way}/{rung}" for way in ("parrot", "linked", "eer") for rung in motion.RUNGS}
    assert told["parrot/both"].shape == (21,)
    monkeypatch.setattr(motion, "asked", lambda *_: pytest.fail("made again"))
    assert all(np.array_equal(told[key], value) for key, value in study.given("toy").items())
