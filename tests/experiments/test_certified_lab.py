"""What the certificate experiments share, on toys: people apart, short trainings that are kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import spatial
from fer_nb.crops import in_crop, upright
from fer_nb.experiments import _certified_lab as lab
from tests.faces import sequence


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, cache_folder):
    monkeypatch.setattr(lab, "recipe", lambda: "toy")


def faces(people: int = 3):
    rng, out = np.random.default_rng(0), []
    for who in range(people):
        face = sequence("happiness", subject=f"p{who:03d}")
        units = rng.random((len(face), 22)).astype(np.float32)
        out.append(type(face)(**{**vars(face), "units": units}))
    return tuple(out)


def test_people_to_choose_on_are_not_trained_on(monkeypatch):
    monkeypatch.setattr(lab.mime, "block", lambda name: [])
    monkeypatch.setattr(lab, "face_sequences", lambda clips, key: [*faces(5), None])
    monkeypatch.setattr(lab, "HELD", 2)
    lab.fit_people.cache_clear()
    people = lab.fit_people()
    lab.fit_people.cache_clear()
    assert [f.subject for f in people.choose] == ["p003", "p004"]
    assert [f.subject for f in people.train] == ["p000", "p001", "p002"]


def test_inputs_are_apex_crops_and_width_is_measured_in_them():
    x, y = lab.inputs(faces())
    assert x.shape == (3, 1, 64, 64) and y.tolist() == [4, 4, 4]
    points = faces()[0].points[faces()[0].apex]
    there = in_crop(points, upright(points))
    assert lab.face_width(faces()) == pytest.approx(np.linalg.norm(there[454] - there[234]))


def test_a_training_is_kept_and_read(monkeypatch):
    shown = []

    def change(batches):
        def produce(rng):
            for x, *rest in batches(rng):
                shown.append(len(x))
                yield (x + 1, *rest)

        return produce

    def start():
        torch.manual_seed(1)
        return spatial.SpatialNet(layers=(1, 1, 1), growth=4)

    people = lab.People(faces(), faces(1))
    first = lab.tuned("toy", start, change, epochs=1, score=lambda net: 0.5, people=lambda: people)
    count = len(shown)
    again = lab.tuned("toy", start, change, epochs=1, score=lambda net: 0.5, people=lambda: people)
    assert count == len(shown) > 0 and not again.training
    x = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(first(x), again(x))
    assert not torch.allclose(first(x), start().eval()(x))
