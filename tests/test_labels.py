from __future__ import annotations

import pytest

from fer_nb.errors import BadInput
from fer_nb.labels import LABELS, index


def test_the_seven_in_their_order() -> None:
    assert LABELS == ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")


def test_index_inverts_the_order() -> None:
    assert [index(label) for label in LABELS] == list(range(7))


@pytest.mark.parametrize("wrong", ["", "joy", "Happiness", "neutral "])
def test_unknown_label_names_the_choices_in_one_line(wrong: str) -> None:
    with pytest.raises(BadInput, match="use one of neutral, anger") as caught:
        index(wrong)
    assert "\n" not in str(caught.value) and repr(wrong) in str(caught.value)
