"""What a picture is everywhere in this package: a tensor in [0, 1], and how others are refused."""

from __future__ import annotations

from torch import Tensor

from .errors import BadInput

_SLACK = 1e-5  # beyond [0, 1], for rounding in float32


def check_pixels(who: str, x: Tensor) -> None:
    """Refuse pictures that leave [0, 1]: a network that divides by contrast would not notice.

    Parameters
    ----------
    who : what was asked, for the message
    x : pictures, any shape

    Raises
    ------
    BadInput
        If x is no tensor, or a pixel is NaN or leaves [0, 1].

    Examples
    --------
    >>> import torch
    >>> check_pixels("attack", torch.tensor([0.0, 255.0]))
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: attack: pixels run from 0 to 255: give [0, 1], divide by 255
    """
    if not isinstance(x, Tensor):
        raise BadInput(f"{who}: pictures are a {type(x).__name__}: give a tensor, torch.from_numpy(images)")
    if not x.is_floating_point():
        raise BadInput(f"{who}: pictures are {x.dtype}: give [0, 1], images.float() / 255")
    if not x.numel():
        return
    low, high = x.detach().aminmax()
    if not (low >= -_SLACK and high <= 1 + _SLACK):  # NaN fails as well
        raise BadInput(f"{who}: pixels run from {low:.3g} to {high:.3g}: give [0, 1], divide by 255")
