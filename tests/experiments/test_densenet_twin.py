"""The equivalence is measured on outputs that do differ from image to image, and recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fer_nb import results
from fer_nb.experiments import densenet_twin


def test_the_record_holds_the_largest_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(densenet_twin, "largest_difference", lambda: 3e-7)
    densenet_twin.run()
    kept = results.load(densenet_twin.RECORDS[0])
    assert kept.value == 3e-7 and kept.target == 1e-5 and kept.direction == "down"


def test_another_network_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = densenet_twin.copy_weights

    def damaged(source, ours):  # type: ignore[no-untyped-def]
        copy(source, ours)
        with torch.no_grad():
            ours.body[0].weight.mul_(1.5)

    monkeypatch.setattr(densenet_twin, "copy_weights", damaged)
    assert densenet_twin.largest_difference(images=1) > 1e-5
