"""How far lips are apart at rest, on toys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_nb import results
from fer_nb.experiments import resting_face
from tests.faces import sequence


def test_openings_are_those_of_the_neutral_face() -> None:
    face = sequence("neutral", frames=6)
    wanted = np.linalg.norm((face.neutral[13] - face.neutral[14])[:2])
    np.testing.assert_allclose(resting_face.lip_openings([face, face]), [wanted] * 2, rtol=1e-5)


def test_only_calm_clips_count_and_both_records_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    faces = [
        sequence("neutral", frames=6, subject="a"),
        sequence("fear", frames=6, amount=2.0, subject="a"),
        None,
    ]
    monkeypatch.setattr(resting_face.mime, "block", lambda name: [])
    monkeypatch.setattr(resting_face, "face_sequences", lambda clips, key: faces)
    monkeypatch.setattr(resting_face.london, "pairs", lambda ids: iter([("001", {"same": "clip"})] * 3))
    monkeypatch.setattr(resting_face, "face_sequence", lambda clip: faces[0])
    resting_face.run()
    ours, real = (results.load(id) for id in resting_face.RECORDS)
    assert (ours.n, real.n) == (1, 3) and ours.value == pytest.approx(real.value)
