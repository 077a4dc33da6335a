from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from fer_nb import results
from fer_nb.experiments import crossfit, fusion_pgd
from fer_nb.experiments.fusion_data import gather
from fer_nb.labels import LABELS
from tests.fusion_toys import FOLDS, pooled_table


class Pixels(nn.Module):
    """Logits are seven pixels: whoever raises one of them by a little wins."""

    def forward(self, x):
        return 50 * x[:, 0, 0, :7]


def test_one_clip_each_of_different_people_equally_from_each_fold():
    pooled = gather(pooled_table())
    rows = fusion_pgd.chosen(pooled, clips=15)
    assert len(rows) == len(set(pooled.person[rows])) == 15
    assert np.bincount(pooled.fold[rows]).tolist() == [15 // FOLDS] * FOLDS
    np.testing.assert_array_equal(rows, fusion_pgd.chosen(pooled, clips=15))


def test_the_attack_harms_more_than_noise_and_more_with_more_room():
    x = torch.full((20, 1, 64, 64), 0.5)
    y = torch.arange(20) % 7
    x[torch.arange(20), 0, 0, y] += 3 / 255
    said = fusion_pgd.attack(Pixels(), x, y, steps=10)
    right = {name: float((z.argmax(1) == y.numpy()).mean()) for name, z in said.items()}
    assert right["PGD 1/255"] == 1.0 and right["PGD 4/255"] == 0.0
    assert right["noise 4/255"] > right["PGD 4/255"]


def test_images_are_rounded_to_eight_bits():
    grey = fusion_pgd.seen(torch.tensor([0.5, 0.1234]))
    assert torch.equal((grey * 255).round(), grey * 255)


def test_attacked_logits_are_kept_and_written(monkeypatch, cache_folder, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    pooled = gather(pooled_table())
    made = []
    faces = dict.fromkeys(pooled.clip)
    data = crossfit.Data({"fit": list(faces)}, {}, {}, {"fit": pooled.clip})
    monkeypatch.setattr(crossfit, "load_data", lambda people: made.append(people) or data)
    monkeypatch.setattr(crossfit, "load_model", lambda unit, people: Pixels())
    monkeypatch.setattr(crossfit, "inputs", lambda branch, faces: (torch.rand(len(faces), 1, 64, 64),))
    table = fusion_pgd.attacked_logits(pooled, people=24, clips=6)
    assert len(table) == 6 * 4 and list(table.columns) == ["clip", "change", *LABELS]
    assert set(table["change"]) == {"PGD 1/255", "PGD 2/255", "PGD 4/255", "noise 4/255"}
    again = fusion_pgd.attacked_logits(pooled, people=24, clips=6)
    assert made == [24]
    pd.testing.assert_frame_equal(table, again)
    kept = pd.read_parquet(results.folder() / "predictions" / "fusion_pgd.parquet")
    pd.testing.assert_frame_equal(table, kept)
    with pytest.raises(KeyError):
        table["label"]
