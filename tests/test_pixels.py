"""Pictures are tensors in [0, 1]; whatever is not says what to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb.errors import BadInput
from fer_nb.pixels import check_pixels


@pytest.mark.parametrize(
    ("x", "remedy"),
    [
        (np.zeros((1, 2)), "torch.from_numpy"),
        (torch.zeros(2, dtype=torch.uint8), r"float\(\) / 255"),
        (torch.tensor([0.0, 255.0]), "divide by 255"),
        (torch.tensor([-0.5, 1.0]), "from -0.5 to 1"),
        (torch.tensor([0.5, float("nan")]), "pixels run"),
    ],
    ids=["array", "bytes", "to 255", "below 0", "NaN"],
)
def test_what_is_no_picture_is_refused(x, remedy):
    with pytest.raises(BadInput, match=f"toy: .*{remedy}"):
        check_pixels("toy", x)


def test_pictures_pass_with_what_float32_rounds():
    check_pixels("toy", torch.tensor([-1e-6, 1 + 1e-6]))
    check_pixels("toy", torch.zeros(0, 1, 64, 64))
