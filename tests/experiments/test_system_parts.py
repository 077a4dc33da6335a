"""What a part of the system does, on toy branches that know what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb import fusion_settings, results, spatial
from fer_nb.experiments import system_parts
from fer_nb.labels import LABELS
from fer_nb.prediction import Models
from tests.faces import sequence


class Says(nn.Module):
    """One label whatever it sees, this sure."""

    def __init__(self, label: str, sure: float = 9.0) -> None:
        super().__init__()
        self.row = torch.eye(7)[LABELS.index(label)] * sure

    def forward(self, x):
        return self.row.expand(len(x), -1)


class Committee(nn.Module):
    """Two members, of whom the committee believes the first."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList([Says("happiness"), Says("fear")])

    def forward(self, x):
        return self.members[0](x)


FACES = [sequence("happiness", frames=6, subject=who) for who in "ab"]
HAPPY = np.full(2, LABELS.index("happiness"))
PEOPLE = np.array(["a", "b"])


def test_the_committee_is_compared_with_its_members_on_average():
    models = Models(Committee().eval(), Says("sadness").eval())
    gain = system_parts.difference("committee", FACES, HAPPY, PEOPLE, models)
    assert gain.value == 50.0  # one of two members is right, the committee always


def test_without_the_mirror_the_still_is_seen_once():
    net = spatial.SpatialNet(growth=4, stem=4, layers=(1, 1, 1)).eval()
    (less,) = system_parts.without("mirror", Models(Committee(), net))
    x = torch.rand(3, 1, 64, 64)
    one, other = less.spatial(x), less.spatial(x.flip(-1))
    torch.testing.assert_close(net(x), (one + other) / 2)
    assert not torch.allclose(one, other)


def test_without_calibration_the_mean_decides():
    """A product that hardly hears the temporal branch follows the other; a mean follows the surer one."""
    settings = fusion_settings.Settings("calibrated product", (100.0, 0.1), 0.0, 1.0)
    models = Models(Says("fear", 9.0).eval(), Says("happiness", 3.0).eval(), fusion=settings)
    assert system_parts.difference("calibration", FACES, HAPPY, PEOPLE, models).value == 100.0


def test_a_clip_without_a_face_is_no_hit_of_either():
    models = Models(Committee().eval(), Says("sadness").eval())
    assert system_parts.hits([None, FACES[0]], HAPPY, models, "temporal").tolist() == [0, 1]


def test_run_writes_every_record(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    found = dict.fromkeys(system_parts.PROXIES, (FACES, HAPPY, PEOPLE))
    monkeypatch.setattr(system_parts, "proxies", lambda: found)
    net = spatial.SpatialNet(growth=4, stem=4, layers=(1, 1, 1)).eval()
    monkeypatch.setattr(system_parts, "shipped_models", lambda: Models(Committee().eval(), net))
    system_parts.run()
    assert {r.id for r in results.all_records()} == set(system_parts.RECORDS)
    assert results.load("parts.committee.shift").value == 50.0
    assert results.load("parts.mirror.calm.odd").dataset == "london"


def test_proxies_are_the_twin_and_the_odd_ids(shared, monkeypatch):
    monkeypatch.setattr(system_parts.mime, "block", lambda *a, **k: [])
    monkeypatch.setattr(system_parts, "face_sequences", lambda *a, **k: [])
    pairs = list(system_parts.london.pairs("odd"))[:2]
    monkeypatch.setattr(
        system_parts.london, "pairs", lambda ids: iter(pairs) if ids == "odd" else pytest.fail()
    )
    found = system_parts.proxies()
    assert set(found) == set(system_parts.PROXIES)
    faces, truth, people = found["calm.odd"]
    assert len(faces) == len(people) == 2 and (truth == LABELS.index("neutral")).all()
