"""A figure with sliders: what it draws, its levels, and the order of its pictures."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from .sheet import Sheet, pack, rgb

Value = float | int | str
Draw = Callable[..., np.ndarray]


def value_text(value: Value) -> str:
    """Return a level as the reader sees it.

    Examples
    --------
    >>> value_text(0.5), value_text("JPEG")
    ('0.5', 'JPEG')
    """
    return value if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True)
class Control:
    """A slider: its levels in order, its label, and the position it starts at.

    Examples
    --------
    >>> Control((0, 0.5, 1), "Smile (AU12)").levels
    (0, 0.5, 1)
    """

    levels: tuple[Value, ...]
    label: str
    start: int = 0

    def __post_init__(self) -> None:
        if len(self.levels) < 2:
            raise BadInput(f"control {self.label!r}: needs two or more levels")
        if not 0 <= self.start < len(self.levels):
            raise BadInput(f"control {self.label!r}: start {self.start} is not a position in its levels")


@dataclass(frozen=True)
class Sliders:
    """A draw function, its controls, and the words around its picture."""

    draw: Draw
    controls: Mapping[str, Control]
    alt: str
    caption: Callable[..., str] | None = None
    quality: int = 80
    width: int = 320

    def states(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of levels; the last control moves fastest."""
        for values in itertools.product(*(control.levels for control in self.controls.values())):
            yield dict(zip(self.controls, values, strict=True))

    def index(self, positions: Sequence[int]) -> int:
        """Return the cell of the given positions, one for each control.

        Examples
        --------
        >>> two = {"a": Control((0, 1, 2), "A"), "b": Control((0, 1), "B")}
        >>> Sliders(draw=lambda a, b: None, controls=two, alt="toy").index((2, 1))
        5
        """
        sizes = [len(control.levels) for control in self.controls.values()]
        return int(np.ravel_multi_index(tuple(positions), tuple(sizes)))

    def sheet(self) -> Sheet:
        """Draw every combination and pack the pictures."""
        return pack([rgb(self.draw(**state)) for state in self.states()], quality=self.quality)
