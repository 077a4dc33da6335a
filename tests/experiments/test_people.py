"""How many people dear experiments attack."""

from __future__ import annotations

import pytest

from fer_nb.errors import BadInput
from fer_nb.experiments import _people


def test_a_small_block_is_taken_whole_and_a_large_one_cut():
    assert [_people.enough(split) for split in ("validate", "test", "fit")] == [50, 100, 100]


def test_an_unknown_block_is_refused():
    with pytest.raises(BadInput, match="nowhere"):
        _people.enough("nowhere")
