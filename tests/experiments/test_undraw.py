from __future__ import annotations

import numpy as np
import pytest

from fer_nb import anonymize
from fer_nb.errors import BadInput
from fer_nb.experiments import _undraw

CODE = 4


class Models:
    """In place of the anonymizer: two donors, each draws a code as bright squares on a face of its own."""

    donors = 2


def draw(codes: np.ndarray, donor: int, models: object) -> np.ndarray:
    base = np.random.default_rng(donor).uniform(40, 90, (64, 64))
    out = np.repeat(base[None], len(codes), 0)
    for k in range(CODE):
        out[:, 16 * k : 16 * k + 8, 10 * (donor + 1) : 10 * (donor + 1) + 8] += 120 * codes[:, k, None, None]
    return out.round().astype(np.uint8)


@pytest.fixture
def way(monkeypatch) -> _undraw.Undraw:
    monkeypatch.setattr(anonymize, "draw", draw)
    return _undraw.learn(np.random.default_rng(3).random((60, CODE)), Models(), drawings=40)


def test_codes_and_donors_come_back(way):
    asked = np.random.default_rng(4).random((5, CODE)).astype(np.float32)
    for donor in range(Models.donors):
        frames = draw(asked, donor, None)
        assert way.donor(frames) == donor
        np.testing.assert_allclose(way.read(frames, donor), asked, atol=0.02)
    assert way.fit > 0.99 and way.penalty in _undraw.PENALTIES


def test_black_frames_give_no_code(way):
    frames = draw(np.full((2, CODE), 0.5), 1, None)
    frames[0] = 0
    codes = way.read(frames, way.donor(frames))
    assert way.donor(frames) == 1 and not codes[0].any() and codes[1].any()
    assert way.donor(np.zeros_like(frames)) == 0


def test_too_few_codes_are_refused():
    with pytest.raises(BadInput, match="give as many codes"):
        _undraw.learn(np.zeros((3, CODE)), Models(), drawings=10)
