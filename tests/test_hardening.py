from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fer_nb.defense import Transform
from fer_nb.errors import BadInput
from fer_nb.hardening import Store, from_store, hardened, online, store
from fer_nb.training import Plan, fit


class Toy(nn.Module):
    """Two cues for the label: an image half that is strong, and one pixel that is weak and easy to attack."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 7))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.net(x - 0.5))


def clean(rng: np.random.Generator, *, n: int = 6, count: int = 2):
    for _ in range(count):
        labels = torch.from_numpy(rng.integers(0, 7, n))
        labels[0] = -100
        yield torch.from_numpy(rng.random((n, 1, 64, 64), np.float32)), labels, torch.rand(n, 3)


def test_each_batch_holds_clean_transformed_and_attacked_pictures():
    model = Toy()
    recipe = Transform(boxes=1, size=(0.5, 0.5), fill=1.0, quality=None)
    made = hardened(clean, transform=recipe, adversary=online(model, transform=recipe, epsilon=8 / 255))
    for (x, labels, units), (x0, labels0, units0) in zip(
        made(np.random.default_rng(0)), _after_one_draw(0), strict=True
    ):
        assert x.shape == (18, 1, 64, 64) and units.shape == (18, 3)
        assert torch.equal(labels, labels0.repeat(3)) and torch.equal(x[:6], x0)
        assert units0.shape == (6, 3)
        covered = (x[6:12] == 1).flatten(1).sum(1)
        assert covered.min() >= 31 * 31 and torch.all((x[6:12] == x0) | (x[6:12] == 1))
        attacked = x[12:]
        away = (attacked - x0).abs()
        assert torch.all((away <= 8 / 255 + 1e-6) | (attacked == 1)) and away.max() > 7 / 255


def _after_one_draw(seed: int):
    rng = np.random.default_rng(seed)
    rng.integers(2**31)  # the seed of the transformation
    return clean(rng)


def test_online_attack_raises_the_loss_and_leaves_the_model_as_it_was():
    model = Toy().train()
    x, labels, units = next(iter(clean(np.random.default_rng(1))))
    before = [p.clone() for p in model.parameters()]
    adversary = online(model, transform=None, epsilon=4 / 255, steps=5)
    attacked, same, also = adversary((x, labels, units), torch.Generator().manual_seed(0))
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert torch.equal(same, labels) and torch.equal(also, units)
    model.eval()
    sure = labels >= 0
    lifted = F.cross_entropy(model(attacked)[sure], labels[sure])
    assert lifted > F.cross_entropy(model(x)[sure], labels[sure]) + 0.1
    # the unsure one is driven away from what the model says of it
    said = model(x)[~sure].argmax(1)
    assert F.cross_entropy(model(attacked)[~sure], said) > F.cross_entropy(model(x)[~sure], said)


def test_online_attack_follows_the_model_that_is_trained():
    model = Toy()
    adversary = online(model, transform=None, epsilon=4 / 255, steps=1)
    batch = next(iter(clean(np.random.default_rng(2))))
    first = adversary(batch, torch.Generator().manual_seed(0))[0]
    with torch.no_grad():
        model.net[1].weight.neg_()
    assert not torch.equal(adversary(batch, torch.Generator().manual_seed(0))[0], first)


def test_online_attack_goes_through_the_transformation():
    """What the transformation always covers gives no gradient, so only the random start changes it."""
    whole = Transform(boxes=1, size=(1.0, 1.0), fill=0.5, quality=None)
    x, labels, units = next(iter(clean(np.random.default_rng(3))))
    adversary = online(Toy(), transform=whole, epsilon=8 / 255, steps=6)
    changed = (adversary((x, labels, units), torch.Generator())[0] - x).abs()
    bare = (
        online(Toy(), transform=None, epsilon=8 / 255, steps=6)((x, labels, units), torch.Generator())[0] - x
    )
    assert (changed > 7.99 / 255).float().mean() < 0.1 < (bare.abs() > 7.99 / 255).float().mean()


def test_store_keeps_eight_bit_pictures_that_fool_the_undefended_model():
    model = Toy().eval()
    kept = store(model, clean, epsilon=8 / 255, steps=5, epochs=2)
    assert kept.images.dtype == np.uint8 and kept.images.shape == (24, 1, 64, 64) and len(kept) == 24
    labels, units = kept.rest
    assert labels.shape == (24,) and units.shape == (24, 3) and (labels == -100).sum() == 4
    sure = labels >= 0
    said = model(torch.from_numpy(kept.images).float() / 255).argmax(1).numpy()
    assert (said == labels)[sure].mean() == 0
    again = store(model, clean, epsilon=8 / 255, steps=5, epochs=2)
    np.testing.assert_array_equal(kept.images, again.images)


def test_stored_pictures_come_with_their_own_labels():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    adversary = from_store(Store(images, (np.arange(5), np.arange(5) * 2.0)))
    batch = (torch.rand(40, 1, 8, 8), torch.zeros(40))
    x, labels, twice = adversary(batch, torch.Generator().manual_seed(0))
    assert torch.equal((x[:, 0, 0, 0] * 255).round().long(), labels) and torch.equal(twice, labels * 2.0)
    assert set(labels.tolist()) == set(range(5))


@pytest.mark.parametrize("arm", ["none", "static", "online"])
def test_arms_plug_into_the_training_loop(arm, tmp_path):
    recipe = Transform(boxes=1)
    results = []
    for _ in range(2):
        model = Toy()
        adversary = {
            "none": None,
            "static": from_store(store(Toy().eval(), clean, epsilon=4 / 255, steps=2)),
            "online": online(model, transform=recipe, epsilon=4 / 255, steps=2),
        }[arm]
        fitted = fit(
            model,
            hardened(clean, transform=recipe, adversary=adversary),
            lambda m: 0.0,
            plan=Plan(epochs=2, average=0.5),
            loss=lambda m, x, y, units: F.cross_entropy(m(x), y),
        )
        assert np.isfinite(fitted.losses).all()
        results.append(fitted.model.net[1].weight)
    assert torch.equal(*results)  # the seed decides everything


def test_bad_input_is_refused():
    with pytest.raises(BadInput, match="neither"):
        hardened(clean, transform=None)
    with pytest.raises(BadInput, match="8/255"):
        online(Toy(), transform=None, epsilon=8)
    with pytest.raises(BadInput, match="training mode"):
        store(Toy().train(), clean, epsilon=8 / 255)
    with pytest.raises(BadInput, match="no batch"):
        store(Toy().eval(), lambda rng: [], epsilon=8 / 255)
