"""The networks of the anonymizer: shapes, conditions, heads."""

from __future__ import annotations

import torch

from fer_nb import anonymize_nets as nets


def test_faces_lie_in_range_and_follow_code_and_identity():
    draw = nets.Generator(code=24, identity=8)
    code, identity = torch.rand(1, 24), torch.rand(1, 8)
    face = draw(code, identity)
    assert face.shape == (1, 1, 64, 64) and bool((face > 0).all()) and bool((face < 1).all())
    assert not torch.equal(face, draw(1 - code, identity)) and not torch.equal(face, draw(code, 1 - identity))


def test_each_layer_of_the_discriminator_has_a_slope_of_about_one():
    critic = nets.Discriminator(code=24, donors=3)
    for _ in range(20):  # the estimate of the slope sharpens with each pass in training
        critic(torch.rand(2, 1, 64, 64))
    for layer in (critic.body[0], critic.real):
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert abs(largest.item() - 1) < 0.1


def test_the_code_is_standardized_inside():
    model = nets.Anonymizer(donors=2)
    code, donor = torch.rand(3, 24), torch.tensor([0, 1, 0])
    plain = model(code, donor)
    model.center.fill_(0.5)
    model.spread.fill_(2.0)
    assert torch.allclose(model(2 * code + 0.5, donor), plain, atol=1e-5)


def test_every_head_of_the_discriminator_can_be_trained():
    critic = nets.Discriminator(code=24, donors=3)
    real, code, donor = critic(torch.rand(2, 1, 64, 64))
    (real.sum() + code.sum() + donor.sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())
