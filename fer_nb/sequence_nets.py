"""Rivals of the recurrent network in `temporal`: the same ends, another middle, the same number of weights.

All map resampled motion (B, T, F) to logits (B, 7). What differs is how a step learns of other steps: from a
carried state (LSTM), from near neighbors (temporal convolution), or from all steps at once (transformer).
`UnitBottleneck` is another kind of rival: it must say everything through action units.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import BadInput
from .labels import LABELS
from .mime.units import UNITS
from .preprocess import FEATURES
from .temporal import TemporalNet

KINDS = ("gru", "lstm", "tcn", "transformer")
UNIT_LOSS = 50.0  # weight of the squared error of the units; it is near 0.02 before training


class SequenceNet(nn.Module):
    """Entrance, middle and exit as in `temporal.TemporalNet`; the middle is given.

    Maps (B, T, F) features to (B, 7) logits. Scaling lives inside (`scale`).

    Parameters
    ----------
    middle : Module, maps (B, T, width) to (B, T, wide)
    inputs, width, wide : int, features, and channels before and after the middle
    dropout : float in [0, 1)

    Examples
    --------
    >>> build("tcn")(torch.zeros(2, 24, FEATURES)).shape
    torch.Size([2, 7])
    """

    scale: Tensor

    def __init__(
        self, middle: nn.Module, *, inputs: int = FEATURES, width: int, wide: int, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(inputs))
        self.enter = nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Dropout(dropout))
        self.middle = middle
        self.leave = nn.Sequential(
            nn.LayerNorm(2 * wide), nn.Dropout(dropout), nn.Linear(2 * wide, len(LABELS))
        )

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[-1] != len(self.scale):
            raise BadInput(f"sequence network: input is {tuple(x.shape)}: give (B, T, {len(self.scale)})")
        h = self.middle(self.enter((x / self.scale).clamp(-8, 8)))  # (B, T, width) -> (B, T, wide)
        return self.leave(torch.cat([h.mean(1), h.amax(1)], -1))  # (B, 2 wide) -> (B, 7)


class Recurrent(nn.Module):
    """A bidirectional LSTM that gives its states, (B, T, H) to (B, T, 2H).

    Source: Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural Computation.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.cell = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x)[0]


class Convolutional(nn.Module):
    """Dilated convolutions over time, each added to its input: (B, T, H) to (B, T, H).

    With kernels of 3 and dilations 1, 2, 4, 8 a step sees 15 steps to each side.

    Source: Bai, Kolter and Koltun (2018), "An empirical evaluation of generic convolutional and recurrent
    networks for sequence modeling". Theirs looks back only; here a step also looks ahead.
    """

    def __init__(self, width: int, dilations: tuple[int, ...] = (1, 2, 4, 8), dropout: float = 0.1) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Conv1d(width, width, kernel_size=3, padding=d, dilation=d) for d in dilations
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in dilations)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        for step, norm in zip(self.steps, self.norms, strict=True):
            h = step(norm(x).transpose(1, 2)).transpose(1, 2)  # (B, T, H), convolved over T
            x = x + self.dropout(F.gelu(h))
        return x


class Attentive(nn.Module):
    """Two transformer layers with the position of each step added: (B, T, H) to (B, T, H).

    Without `positions` the network is blind to order: shuffling the steps shuffles its outputs, no more.

    Source: Vaswani et al. (2017), "Attention is all you need", NeurIPS.
    """

    def __init__(
        self, width: int, inner: int, *, layers: int = 2, heads: int = 4, positions: bool = True
    ) -> None:
        super().__init__()
        one = nn.TransformerEncoderLayer(
            width, heads, inner, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(one, layers, enable_nested_tensor=False)
        self.positions = positions

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x + waves(*x.shape[1:]).to(x) if self.positions else x)


def waves(steps: int, width: int) -> Tensor:
    """Return sines and cosines that mark the position of each step, (steps, width).

    Examples
    --------
    >>> waves(24, 40).shape, float(waves(24, 40)[0, 1])
    (torch.Size([24, 40]), 1.0)
    """
    rates = torch.exp(-math.log(1000.0) * torch.arange(0, width, 2) / width)  # (width / 2,)
    angle = torch.arange(steps)[:, None] * rates  # (steps, width / 2)
    return torch.stack([angle.sin(), angle.cos()], -1).reshape(steps, -1)[:, :width]


def build(kind: str, *, inputs: int = FEATURES, positions: bool = True) -> nn.Module:
    """Make a network of one of `KINDS`, all with about as many weights as `temporal.TemporalNet`.

    Parameters
    ----------
    kind : "gru" (the shipped network itself), "lstm", "tcn" or "transformer"
    inputs : int, features of a step
    positions : bool, whether the transformer knows the place of a step

    Raises
    ------
    BadInput
        For another kind.

    Examples
    --------
    >>> [round(count(build(kind)) / count(build("gru")), 1) for kind in KINDS]
    [1.0, 1.0, 1.0, 1.0]
    """
    if kind == "gru":
        return TemporalNet(inputs=inputs)
    if kind == "lstm":
        return SequenceNet(Recurrent(42, 42), inputs=inputs, width=42, wide=84)
    if kind == "tcn":
        return SequenceNet(Convolutional(48), inputs=inputs, width=48, wide=48)
    if kind == "transformer":
        middle = Attentive(40, 100, positions=positions)
        return SequenceNet(middle, inputs=inputs, width=40, wide=40)
    raise BadInput(f"unknown network {kind!r}: use one of {', '.join(KINDS)}")


def count(model: nn.Module) -> int:
    """Number of trained weights.

    Examples
    --------
    >>> count(nn.Linear(2, 3))
    9
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


class UnitBottleneck(nn.Module):
    """Reads action units over time, then reads the expression from these units and from nothing else.

    Maps (B, T, F) features to (B, 7) logits. `units` gives what passes the bottleneck, (B, T, 22), in the
    intensities of `mime.units`, relative to the clip's neutral. Trained with `unit_loss`.

    Source: Koh et al. (2020), "Concept bottleneck models", ICML.

    Examples
    --------
    >>> net = UnitBottleneck()
    >>> net.units(torch.zeros(2, 24, FEATURES)).shape, net(torch.zeros(2, 24, FEATURES)).shape
    (torch.Size([2, 24, 22]), torch.Size([2, 7]))
    """

    scale: Tensor

    def __init__(
        self, *, inputs: int = FEATURES, hidden: int = 46, head: int = 36, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(inputs))
        self.enter = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout))
        self.recurrent = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.read = nn.Linear(2 * hidden, len(UNITS))
        self.head = nn.Sequential(
            nn.Linear(2 * len(UNITS), head), nn.GELU(), nn.Dropout(dropout / 2), nn.Linear(head, len(LABELS))
        )

    def units(self, x: Tensor) -> Tensor:
        """Intensity of each unit at each step, (B, T, F) to (B, T, 22)."""
        if x.ndim != 3 or x.shape[-1] != len(self.scale):
            raise BadInput(f"unit bottleneck: input is {tuple(x.shape)}: give (B, T, {len(self.scale)})")
        h = self.enter((x / self.scale).clamp(-8, 8))
        return self.read(self.recurrent(h)[0])  # (B, T, 2H) -> (B, T, U)

    def judge(self, units: Tensor) -> Tensor:
        """Logits from units alone, (B, T, 22) to (B, 7)."""
        return self.head(4 * torch.cat([units.mean(1), units.amax(1)], -1))  # (B, 2U) -> (B, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.units(x))


def unit_loss(
    model: nn.Module, inputs: Tensor, labels: Tensor, units: Tensor, *, smoothing: float = 0.1
) -> Tensor:
    """Loss of a `UnitBottleneck`: cross-entropy of the labels, plus the squared error of the units.

    Parameters
    ----------
    model : UnitBottleneck
    inputs : (B, T, F), labels : (B,) int, units : (B, T, 22)
    """
    assert isinstance(model, UnitBottleneck)
    read = model.units(inputs)
    label_part = F.cross_entropy(model.judge(read), labels, label_smoothing=smoothing)
    return label_part + UNIT_LOSS * F.mse_loss(read, units)
