import numpy as np
import pytest
import torch
from torch import nn

from fer_nb import training
from fer_nb.errors import BadInput
from fer_nb.training import Plan, fit

X = torch.randn(128, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] + 0.5 * X[:, 1] > 0).long()


def net():
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.ReLU(), nn.Linear(8, 2))


def batches(rng):
    for rows in torch.from_numpy(rng.permutation(128)).split(32):
        yield X[rows], Y[rows]


def accuracy(model):
    return float((model(X).argmax(1) == Y).float().mean())


def test_it_learns_and_keeps_the_best_epoch():
    fitted = fit(net(), batches, accuracy, plan=Plan(epochs=30, learning_rate=0.02, average=0.5))
    assert fitted.score > 0.95
    assert fitted.score == max(fitted.scores) == pytest.approx(accuracy(fitted.model))
    assert fitted.losses[-1] < fitted.losses[0]
    assert not fitted.model.training


def test_same_seed_same_weights_other_seed_others():
    one, two, three = (
        fit(net(), batches, accuracy, plan=Plan(epochs=2, seed=s)).model.state_dict() for s in (0, 0, 1)
    )
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert not all(torch.equal(one[k], three[k]) for k in one)


def test_it_stops_when_the_score_no_longer_rises():
    fitted = fit(net(), batches, lambda m: 0.5, plan=Plan(epochs=50, patience=3))
    assert len(fitted.scores) == 4 and fitted.epoch == 0


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path):
    plan, path = Plan(epochs=4), tmp_path / "state.pt"
    whole = fit(net(), batches, accuracy, plan=plan).model.state_dict()
    seen = []

    def killed(model):
        seen.append(accuracy(model))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return seen[-1]

    with pytest.raises(KeyboardInterrupt):
        fit(net(), batches, killed, plan=plan, resume=path)
    calls = []
    again = fit(net(), batches, lambda m: calls.append(1) or accuracy(m), plan=plan, resume=path)
    assert len(calls) == 2  # two of four epochs were kept
    assert all(torch.equal(whole[k], again.model.state_dict()[k]) for k in whole)
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


def test_a_damaged_state_is_said_and_ignored(tmp_path):
    path = tmp_path / "state.pt"
    path.write_bytes(b"not a state")
    with pytest.warns(UserWarning, match="damaged training state"):
        assert fit(net(), batches, accuracy, plan=Plan(epochs=1), resume=path).scores


def test_the_state_of_another_plan_is_not_taken_up(tmp_path):
    path = tmp_path / "state.pt"
    fit(net(), batches, accuracy, plan=Plan(epochs=2), resume=path)
    assert len(fit(net(), batches, accuracy, plan=Plan(epochs=1, seed=5), resume=path).scores) == 1


def test_bad_plans_and_empty_epochs_are_refused():
    with pytest.raises(BadInput, match="epochs"):
        Plan(epochs=0)
    with pytest.raises(BadInput, match="no batch"):
        fit(net(), lambda rng: [], accuracy, plan=Plan(epochs=1))


def test_probabilities_do_not_depend_on_the_batch_size():
    model = net().eval()
    small, large = (training.predict_in_batches(model, X, size=s) for s in (5, 128))
    assert torch.allclose(small, large, atol=1e-6)
    np.testing.assert_allclose(small.sum(1), 1, rtol=1e-5)
