"""What the experiments of chapter 03 share, on toys: training that is kept, answers, paired comparisons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import mime, results
from fer_nb.experiments import _temporal_lab as lab
from fer_nb.labels import LABELS
from fer_nb.sequence_nets import UnitBottleneck
from fer_nb.temporal import TemporalNet
from fer_nb.time_views import track
from tests.faces import sequence


def toy(subject: str, label: str):
    """A clip whose smile grows with the position of its label, with true units."""
    seen = sequence(label, amount=1.0 + 2 * LABELS.index(label), subject=subject)
    units = np.zeros((len(seen), len(mime.UNITS)), np.float32)
    units[:, LABELS.index(label)] = np.linspace(0, 1, len(seen))
    return replace(seen, units=units)


def toys(*subjects: str):
    return [toy(subject, label) for subject in subjects for label in LABELS]


def toy_material() -> lab.Material:
    tests = {"validate": [*map(track, toys("d"))], "validate-shift": [None, *map(track, toys("d")[1:])]}
    return lab.Material([*map(track, toys("a", "b"))], [*map(track, toys("c"))], tests)


@pytest.fixture
def material(cache_folder, monkeypatch) -> lab.Material:
    monkeypatch.setattr(lab, "DRAWS", 28)
    return toy_material()


@pytest.mark.parametrize("kind", ["gru", "transformer", "bottleneck", "recipe"])
def test_weights_are_kept_and_taken_up_again(material, cache_folder, kind):
    options = {"sequences": toys("a"), "epochs": 1}
    first = lab.trained(kind, kind, material, 0, **options)
    (path,) = cache_folder.rglob("*.npz")
    stamp = path.stat().st_mtime_ns
    again = lab.trained(kind, kind, material, 0, **options)
    assert path.stat().st_mtime_ns == stamp and not again.training
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    assert isinstance(
        first, {"bottleneck": UnitBottleneck, "transformer": torch.nn.Module}.get(kind, TemporalNet)
    )


def test_seeds_and_views_have_files_of_their_own(material, cache_folder):
    for seed, view in ((0, "ordered"), (1, "ordered"), (0, "two_frame")):
        lab.trained("gru", "gru", material, seed, view=view, epochs=1)
    assert len(list(cache_folder.rglob("*.npz"))) == 3


def test_labels_of_the_tests_do_not_touch_the_weights(material, cache_folder):
    one = lab.trained("a", "gru", material, 0, epochs=1)
    permuted = {name: clips[::-1] for name, clips in material.tests.items()}
    other = lab.trained("b", "gru", replace(material, tests=permuted), 0, epochs=1)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_face_that_was_not_found_is_an_error(material):
    net = lab.trained("gru", "gru", material, 0, epochs=1)
    p = lab.said(net, material.tests["validate-shift"])
    assert np.isnan(p[0]).all() and np.allclose(p[1:].sum(1), 1, atol=1e-5)
    truth = np.where(np.arange(7) == 0, 0, p.argmax(1))
    assert lab.right(p, truth).tolist() == [0, 1, 1, 1, 1, 1, 1]
    rows = lab.answer_rows(p, truth, ["d"] * 7, seed=0)
    assert rows[0]["answer"] == -1 and rows[1]["answer"] == truth[1] and rows[1]["seed"] == 0


def test_units_become_the_features_of_the_oracle():
    one = lab.from_units(toy("a", "fear"))
    assert one.motion.shape[1] == len(mime.UNITS) and one.found.all()
    assert one.motion[-1, LABELS.index("fear")] > 0.7


def test_true_landmarks_replace_the_detected_ones():
    seen = toy("a", "fear")
    clip = replace(seen, points=seen.points)  # anything with landmarks
    truth = seen.points + np.float32(1.0)
    (other,) = lab.truly([seen], [type("Clip", (), {"landmarks": truth})()])
    np.testing.assert_array_equal(other.points, truth)
    assert other.label == clip.label and other.units is seen.units


def test_differences_are_paired():
    """Two methods that differ on one clip for each person have an interval of no width."""
    one = np.ones((1, 6))
    other = np.array([[1, 0, 1, 0, 1, 0.0]])
    points = lab.difference(one, other, ["a", "a", "b", "b", "c", "c"])
    assert (points.value, points.low, points.high) == (50, 50, 50)
    score = lab.mean_right(np.stack([one[0], other[0]]), ["a", "a", "b", "b", "c", "c"])
    assert score.value == 0.75


def test_hypotheses_are_written(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    lab.write_hypotheses("toy.held", {"A": True, "B": False}, {"n": 99, "dataset": "mime"})
    kept = results.load("toy.held")
    assert (kept.value, kept.n, kept.unit, kept.note) == (1, 2, "of 2", "A held; B failed")


def test_the_recipe_names_files_that_exist():
    assert len(lab.recipe()) == 12
