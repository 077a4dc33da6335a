from __future__ import annotations

import pytest
import torch
from torch import nn

from fer_nb import diagnostics
from fer_nb.defense import DefendedModel, Transform
from fer_nb.diagnostics import Finding, WeakAttackWarning, diagnose, inspect, margin
from fer_nb.errors import BadInput
from fer_nb.experiments._planted_faults import Faulty, rounded, saturated, shattered
from tests.defense_toys import EPS, Blocks, faces


@pytest.fixture(scope="module")
def toy():
    model = Blocks().eval()
    return model, *faces(model, 14)


def names(found: tuple[Finding, ...]) -> list[str]:
    assert {f.name for f in found} <= set(diagnostics.NAMES) and all(len(f.text) > 20 for f in found)
    return [f.name for f in found]


def test_a_model_in_order_raises_nothing(toy):
    model, x, y = toy
    assert diagnose(model, x, y, epsilon=EPS, queries=40) == ()


def test_a_randomness_that_is_declared_is_no_fault(toy):
    model, x, y = toy
    defended = DefendedModel(model, Transform(boxes=1, size=(0.2, 0.3)), draws=3)
    assert names(diagnose(defended, x, y, epsilon=EPS, queries=40)) == []
    assert defended.is_random


def test_gradient_is_compared_with_the_real_fall(toy):
    model, x, y = toy
    assert diagnostics._slopes(model, x, y) == []
    (finding,) = diagnostics._slopes(Faulty(model, shattered).eval(), x, y)
    assert finding.name == "masked gradient"
    (finding,) = diagnostics._slopes(Faulty(model, rounded).eval(), x, y)
    assert finding.name == "zero gradient" and "100%" in finding.text
    assert names(tuple(diagnostics._slopes(Faulty(model, saturated).eval(), x, y))) == ["saturated softmax"]


def test_weaker_attackers_that_do_better_are_noticed(toy):
    """A gradient that points away at every step but the first: one step and no step beat many."""

    class Turning(Blocks):
        def forward(self, x):
            drift = (x[:, None] - X).abs().amax((2, 3, 4)).amin(1)  # from the nearest original, (B,)
            sign = torch.where(drift > 0.5 / 255, -1.0, 1.0).view(-1, 1, 1, 1)
            return super().forward(x.detach() + sign * (x - x.detach()))

    _, X, y = toy
    found = names(tuple(diagnostics._contests(Turning().eval(), X, y, EPS, 10, 60, 0)))
    assert {"one step beats many", "black box beats white box"} <= set(found)


def test_room_must_help(toy):
    _, x, y = toy

    class Stubborn(Blocks):
        def forward(self, x):
            return super().forward(X + 1e-4 * (x - X))

    X = x
    assert "room does not help" in names(tuple(diagnostics._contests(Stubborn().eval(), x, y, EPS, 3, 10, 0)))


def test_results_of_attacks_are_inspected():
    x = torch.full((1, 1, 2, 2), 0.5)
    assert inspect(x + EPS, x, epsilon=EPS) == ()
    assert names(inspect(x + 2 * EPS, x, epsilon=EPS)) == ["wrong bounds"]
    assert names(inspect(x - 1, x, epsilon=1.0)) == ["wrong bounds"]


def test_margin_is_to_the_best_other_class():
    z = torch.tensor([[1.0, 5.0, 3.0], [2.0, 0.0, -1.0]])
    assert margin(z, torch.tensor([1, 2])).tolist() == [2.0, -3.0]


def test_findings_become_warnings():
    with pytest.warns(WeakAttackWarning, match="zero gradient: round"):
        diagnostics.warn([Finding("zero gradient", "round")])


def test_bad_input_is_refused():
    with pytest.raises(BadInput, match="one label each"):
        diagnose(nn.Flatten(), torch.zeros(0, 1, 2, 2), torch.zeros(0, dtype=torch.long), epsilon=EPS)


def test_labels_that_are_no_classes_are_refused_behind_a_defense_as_well(toy):
    model, x, y = toy
    for victim in (model, DefendedModel(model, Transform(boxes=1), draws=2)):
        with pytest.raises(BadInput, match="diagnose: labels run from 7 to 7: give 0 to 6"):
            diagnose(victim, x, 0 * y + 7, epsilon=EPS)
        with pytest.raises(BadInput, match="labels run from -1 to -1: give 0 to 6"):
            diagnose(victim, x, 0 * y - 1, epsilon=EPS)
        with pytest.raises(BadInput, match="class numbers"):
            diagnose(victim, x, y.float(), epsilon=EPS)
        with pytest.raises(BadInput, match="labels are a list: give a tensor"):
            diagnose(victim, x, y.tolist(), epsilon=EPS)
