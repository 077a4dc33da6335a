import json
import warnings

import pytest
import torch
from torch import nn

from fer_nb import checkpoints
from fer_nb.checkpoints import Card
from fer_nb.errors import BadInput, DataVersionWarning

ABOUT = {"class": "Linear", "arguments": {"in_features": 3, "out_features": 7}}


@pytest.fixture
def saved(tmp_path):
    card = Card("toy", ABOUT, {"shape": ["B", 3]}, "none", "mime-v1", 3, "abc", metrics={"accuracy": 0.5})
    model = nn.Linear(3, 7)
    return model, checkpoints.save(model, card, tmp_path / "toy")


def test_weights_and_card_come_back(saved):
    model, path = saved
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded, card = checkpoints.load(path, nn.Linear, data_version="mime-v1")
    assert torch.equal(loaded.weight, model.weight) and not loaded.training
    assert (card.seed, card.metrics["accuracy"], card.data_version) == (3, 0.5, "mime-v1")
    assert sorted(p.name for p in path.parent.iterdir()) == ["toy.json", "toy.safetensors"]


def test_another_data_version_loads_with_a_warning(saved):
    with pytest.warns(DataVersionWarning, match="made with data mime-v1, but mime-v2 is in force"):
        checkpoints.load(saved[1], nn.Linear, data_version="mime-v2")


def one_line(error, path):
    text = str(error.value)
    assert "\n" not in text and str(path) in text and "make it again" in text


def test_missing_weights(saved):
    saved[1].unlink()
    with pytest.raises(BadInput, match="no such weights") as error:
        checkpoints.load(saved[1], nn.Linear)
    one_line(error, saved[1])


def test_missing_card(saved):
    card = saved[1].with_suffix(".json")
    card.unlink()
    with pytest.raises(BadInput, match="no such weights") as error:
        checkpoints.load(saved[1], nn.Linear)
    one_line(error, card)


@pytest.mark.parametrize("keep", [0, 5, -9])
def test_weights_cut_short(saved, keep):
    saved[1].write_bytes(saved[1].read_bytes()[:keep])
    with pytest.raises(BadInput, match="damaged weights") as error:
        checkpoints.load(saved[1], nn.Linear)
    one_line(error, saved[1])


def test_unreadable_card(saved):
    card = saved[1].with_suffix(".json")
    card.write_text(card.read_text()[:-20])
    with pytest.raises(BadInput, match="unreadable card") as error:
        checkpoints.load(saved[1], nn.Linear)
    one_line(error, card)


def test_another_class_other_labels_other_shapes(saved):
    with pytest.raises(BadInput, match="holds a Linear, not a Conv2d"):
        checkpoints.load(saved[1], nn.Conv2d)
    card = saved[1].with_suffix(".json")
    fields = json.loads(card.read_text())
    card.write_text(
        json.dumps({**fields, "architecture": {**ABOUT, "arguments": {"in_features": 4, "out_features": 7}}})
    )
    with pytest.raises(BadInput, match="damaged weights"):
        checkpoints.load(saved[1], nn.Linear)
    card.write_text(json.dumps({**fields, "labels": ["happy"]}))
    with pytest.raises(BadInput, match="labels happy"):
        checkpoints.load(saved[1], nn.Linear)


def test_a_plain_name_means_shipped_weights():
    with pytest.raises(BadInput) as error:
        checkpoints.load("no_such_model", nn.Linear)
    assert "weights" in str(error.value) and "no_such_model" in str(error.value)
