"""The seven classes, in the one order that every model, card and table uses."""

from __future__ import annotations

from .errors import BadInput

LABELS: tuple[str, ...] = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")


def index(label: str) -> int:
    """Return the position of a label in `LABELS`.

    Raises
    ------
    BadInput
        If the label is not one of the seven.

    Examples
    --------
    >>> index("happiness")
    4
    """
    try:
        return LABELS.index(label)
    except ValueError:
        raise BadInput(f"unknown label {label!r}: use one of {', '.join(LABELS)}") from None
