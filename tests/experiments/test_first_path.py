"""Training both branches, on toys: what is skipped, what is counted, what is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb import checkpoints, mime, results
from fer_nb.clips import Clip
from fer_nb.errors import BadInput
from fer_nb.experiments import first_path
from fer_nb.labels import LABELS
from fer_nb.prediction import Models
from fer_nb.training import Plan
from tests.faces import sequence

UNITS = len(mime.UNITS)
LOAD_DATA = first_path.load_data  # the real one


def acted(label: str, subject: str) -> Clip:
    """A black clip in which one unit, that of its label, rises."""
    units = np.zeros((6, UNITS), np.float32)
    units[:, LABELS.index(label)] = np.linspace(0, 1, 6) if label != "neutral" else 0
    return Clip(np.zeros((6, 2, 2, 3), np.uint8), 10.0, label=label, subject=subject, units=units)


def toy_data() -> first_path.Data:
    """Two people to train on, one to check with; the motion is a smile of a strength for each class."""
    clips, faces = [], []
    for subject in ("a", "b", "c"):
        for k, label in enumerate(LABELS):
            clips.append(acted(label, subject))
            face = sequence(label, frames=6, amount=1.0 + k, subject=subject)
            faces.append(type(face)(**{**vars(face), "units": clips[-1].units}))
    return first_path.Data(clips[:14], clips[14:], faces[:14], faces[14:])


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    """Toy data, one epoch, and folders of its own for weights and records."""
    monkeypatch.setattr(first_path, "load_data", lambda people, progress: toy_data())
    monkeypatch.setattr(first_path, "PLANS", {name: Plan(epochs=1) for name in first_path.PLANS})
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    return tmp_path


def test_run_ships_weights_with_cards_and_writes_its_records(small, capsys):
    assert not first_path.up_to_date(2, 0)
    first_path.run(people=2, progress=False)
    for name in ("temporal", "spatial"):
        card = checkpoints.read_card(name)
        assert card.data_version == mime.VERSION and card.recipe == first_path.recipe(2, 0)
        assert 0 <= card.metrics["validate_accuracy"] <= 1
        assert (small / "weights" / f"{name}.safetensors").stat().st_size < 6_000_000
    assert {r.id for r in results.all_records()} == set(first_path.RECORDS)
    record = results.load("mime.single_branch")
    assert record.n == 7 and record.data_version == mime.VERSION and record.per_seed == (record.value,)
    assert results.load("mime.oracle_ceiling").direction == "up"
    capsys.readouterr()
    first_path.run(people=2, progress=False)  # nothing to do
    assert "up to date" in capsys.readouterr().out


def test_weights_of_another_recipe_are_made_again(small):
    first_path.run(people=2, progress=False)
    assert first_path.up_to_date(2, 0)
    assert not first_path.up_to_date(3, 0) and not first_path.up_to_date(2, 1)
    (small / "weights" / "spatial.safetensors").unlink()
    assert not first_path.up_to_date(2, 0)


def test_labels_of_the_test_block_change_no_bit_of_any_checkpoint(small, monkeypatch):
    """Data come as they do in a real run, by block; the labels of *test* are true once, permuted once."""
    data, asked = toy_data(), []
    blocks = {"fit": data.fit, "validate": data.validate, "test": data.validate}
    traced = {id(data.fit): data.fit_faces, id(data.validate): data.validate_faces}
    monkeypatch.setattr(
        first_path, "face_sequences", lambda clips, **_: traced.get(id(clips), data.validate_faces)
    )
    monkeypatch.setattr(first_path.mime, "block", lambda name, **_: asked.append(name) or blocks[name])
    monkeypatch.setattr(first_path, "load_data", LOAD_DATA)
    files = [small / "weights" / f"{name}.safetensors" for name in ("temporal", "spatial")]
    kept = []
    for turn in range(2):
        first_path.run(people=2, force=True, progress=False)
        kept.append([path.read_bytes() for path in files])
        blocks["test"] = [acted(LABELS[k - 1], "c") for k in range(7)] if turn == 0 else []
        monkeypatch.setattr(first_path, "cache_dir", lambda turn=turn: small / f"second-{turn}")  # no resume
    assert kept[0] == kept[1]
    assert set(asked) == {"fit", "validate"}, "a label that is never read cannot leak"


def test_a_face_that_was_not_found_has_no_answer():
    class Neutral(nn.Module):
        def forward(self, x):
            return torch.eye(7)[:1].expand(len(x), -1)

    said = first_path.answers([sequence(), None], Models(Neutral(), Neutral()))
    assert said == {name: ["neutral", None] for name in ("temporal", "spatial", "fused")}


def test_oracle_reads_the_true_units():
    clip = acted("fear", "a")
    x = first_path.oracle_input(clip)
    assert x.shape == (24, UNITS + 1) and x[-1, LABELS.index("fear")] == 1
    with pytest.raises(BadInput, match="true action units"):
        first_path.oracle_input(Clip(clip.frames, 10.0, source="real.mp4"))
