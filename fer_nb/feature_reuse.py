"""Who reads whom in a dense network: the weights on every wire, and what happens when one is cut.

A layer of a dense block reads the maps of all layers before it. How much it uses each is written in its
weights (Huang et al. 2017, figure 5). A large weight is no proof of use, so wires can be cut as well.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .errors import BadInput
from .spatial import DenseLayer, SpatialNet


@dataclass(frozen=True)
class Wire:
    """A source inside a dense block and a layer that reads it: channels `start` to `stop` of its input."""

    block: int
    source: str
    reader: str
    start: int
    stop: int


@dataclass(frozen=True)
class Block:
    """One dense block as a table.

    Attributes
    ----------
    sources : names of the rows: "input", then the layers by number
    readers : names of the columns: the layers, then what follows the block
    values : (rows, columns) float array, NaN where a reader comes before its source
    """

    sources: tuple[str, ...]
    readers: tuple[str, ...]
    values: np.ndarray


def _blocks(net: SpatialNet) -> list[tuple[list[DenseLayer], nn.Module]]:
    """Return for each dense block its layers and the module that reads the whole of it."""
    blocks: list[tuple[list[DenseLayer], nn.Module]] = []
    layers: list[DenseLayer] = []
    for module in net.body:
        if isinstance(module, DenseLayer):
            layers.append(module)
        elif layers and isinstance(module, nn.Sequential):  # a transition
            blocks.append((layers, module[2]))
            layers = []
    if layers:
        blocks.append((layers, net.head[-1]))
    if not blocks:
        raise BadInput(f"feature reuse: {type(net).__name__} has no dense layer: give a SpatialNet")
    return blocks


def _reading(module: nn.Module) -> nn.Parameter:
    """Return the weights with which a layer, a transition or the classifier reads its input."""
    weights = module.new[2].weight if isinstance(module, DenseLayer) else module.weight
    assert isinstance(weights, nn.Parameter)
    return weights


def _by_channel(weights: Tensor, channels: int) -> Tensor:
    """Order weights as (out, channels, places); the classifier's inputs are flattened maps."""
    return weights.reshape(len(weights), channels, -1)


def wires(net: SpatialNet) -> list[Wire]:
    """List every wire: by block, then by reader, then by source.

    Raises
    ------
    BadInput
        If the network has no dense layer.

    Examples
    --------
    >>> len(wires(SpatialNet(layers=(2, 1, 1))))  # 1 + 2 + 3 in the first block, 1 + 2 in the others
    12
    """
    return [wire for wire, _ in _wires(net)]


def _wires(net: SpatialNet) -> Iterator[tuple[Wire, nn.Parameter]]:
    """Yield every wire with the weights of its reader."""
    blocks = _blocks(net)
    for number, (layers, end) in enumerate(blocks):
        growth = len(_reading(layers[0]))
        first = _reading(layers[0]).shape[1]
        last = "classifier" if number == len(blocks) - 1 else "transition"
        readers = [*((str(k + 1), layer) for k, layer in enumerate(layers)), (last, end)]
        for seen, (name, module) in enumerate(readers):  # `seen` layers stand before this reader
            weights = _reading(module)
            for source in range(seen + 1):
                start = 0 if source == 0 else first + (source - 1) * growth
                stop = first + source * growth
                yield Wire(number, "input" if source == 0 else str(source), name, start, stop), weights


def strengths(net: SpatialNet) -> list[Block]:
    """Return, block by block, the mean absolute weight on each wire.

    Parameters
    ----------
    net : SpatialNet

    Returns
    -------
    list of Block; each column is divided by its largest entry, so readers of different size compare.

    Source: Huang et al. (2017), CVPR, figure 5, there with batch norm and bottlenecks.

    Examples
    --------
    >>> block = strengths(SpatialNet(layers=(2, 1, 1)))[0]
    >>> block.sources, block.readers
    (('input', '1', '2'), ('1', '2', 'transition'))
    """
    values = {}
    for wire, weights in _wires(net):
        channels = _channels(net, wire)
        part = _by_channel(weights.detach(), channels)[:, wire.start : wire.stop]
        values[wire] = float(part.abs().mean())
    return _tables(values, relative=True)


def _channels(net: SpatialNet, wire: Wire) -> int:
    """How many maps the reader of a wire sees."""
    return max(w.stop for w in wires(net) if (w.block, w.reader) == (wire.block, wire.reader))


def cut(net: SpatialNet, wire: Wire) -> SpatialNet:
    """Return a copy of the network in which one reader no longer sees one source.

    Examples
    --------
    >>> net = SpatialNet(layers=(2, 1, 1)).eval()
    >>> x = torch.rand(1, 1, 64, 64)
    >>> bool((cut(net, wires(net)[0])(x) == net(x)).all())
    False
    """
    twin = copy.deepcopy(net)
    weights = dict(_wires(twin))[wire]
    with torch.no_grad():
        _by_channel(weights, _channels(net, wire))[:, wire.start : wire.stop] = 0  # a view
    return twin


def effects(net: SpatialNet, x: Tensor) -> list[Block]:
    """Return, block by block, how far the answers move when a wire is cut.

    Parameters
    ----------
    net : SpatialNet in evaluation mode
    x : (B, 1, 64, 64) in [0, 1]

    Returns
    -------
    list of Block; the value is the total variation distance, 0 to 1, between the probabilities with the
    wire and without it, mean over the images.
    """
    with torch.no_grad():
        before = net(x).softmax(-1)  # (B, 7)
        moved = {w: float((cut(net, w)(x).softmax(-1) - before).abs().sum(-1).mean() / 2) for w in wires(net)}
    return _tables(moved)


def _tables(values: dict[Wire, float], *, relative: bool = False) -> list[Block]:
    """Order values of wires as one table a block."""
    blocks = []
    for number in sorted({wire.block for wire in values}):
        mine = {wire: value for wire, value in values.items() if wire.block == number}
        sources = tuple(dict.fromkeys(wire.source for wire in mine))
        readers = tuple(dict.fromkeys(wire.reader for wire in mine))
        table = np.full((len(sources), len(readers)), np.nan)
        for wire, value in mine.items():
            table[sources.index(wire.source), readers.index(wire.reader)] = value
        blocks.append(Block(sources, readers, table / np.nanmax(table, axis=0) if relative else table))
    return blocks
