from __future__ import annotations

import pytest
import torch

from fer_nb.experiments import _planted_faults as faults
from tests.defense_toys import EPS, Blocks, faces


@pytest.fixture(scope="module")
def toy():
    model = Blocks().eval()
    return model, *faces(model, 14)


def test_every_planted_fault_is_caught_and_a_sound_model_raises_no_alarm(toy):
    found = faults.planted(*toy, epsilon=EPS, queries=30)
    assert len(found) >= 8 and len({f.name for f in found}) == len(found)
    assert [(f.name, f.found) for f in found if not f.caught] == []
    assert faults.false_alarms(*toy, epsilon=EPS, queries=30) == ()


@pytest.mark.parametrize("change", [faults.flipped, faults.reversed_, faults.shattered, faults.rooted])
def test_faults_of_the_gradient_leave_the_answers_alone(toy, change):
    model, x, _ = toy
    with torch.no_grad():
        torch.testing.assert_close(change(model, x), model(x), atol=0.02, rtol=0)
