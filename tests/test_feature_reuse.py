"""Wires of a dense network: all are found, each names its channels, and cutting one changes that one only."""

import numpy as np
import pytest
import torch

from fer_nb import feature_reuse, small_nets
from fer_nb.errors import BadInput
from fer_nb.spatial import SpatialNet

LAYERS = (2, 1, 3)


def small():
    torch.manual_seed(0)
    return SpatialNet(growth=4, layers=LAYERS, stem=4).eval()


def test_every_reader_reads_the_input_and_all_layers_before_it():
    wires = feature_reuse.wires(small())
    assert len(wires) == sum((n + 1) * (n + 2) // 2 for n in LAYERS)
    last = [w for w in wires if w.reader == "classifier"]
    assert [w.source for w in last] == ["input", "1", "2", "3"] and {w.block for w in last} == {2}
    assert [(w.start, w.stop) for w in last] == [(0, 4), (4, 8), (8, 12), (12, 16)]
    assert [w.reader for w in wires if w.block == 0] == [
        "1",
        "2",
        "2",
        "transition",
        "transition",
        "transition",
    ]


def test_strengths_are_mean_absolute_weights():
    net = small()
    with torch.no_grad():
        net.body[5].new[2].weight[:, :8] = (
            0.5  # second layer of the first block: 8 maps of input, 4 of layer 1
        )
        net.body[5].new[2].weight[:, 8:] = -0.25
    table = feature_reuse.strengths(net)[0]
    assert table.values[:2, 1].tolist() == [1.0, 0.5] and np.isnan(table.values[2, 1])
    assert all(
        np.nanmax(b.values, axis=0).tolist() == [1.0] * len(b.readers) for b in feature_reuse.strengths(net)
    )


def test_the_classifier_is_read_by_maps_not_by_places():
    net = small()
    with torch.no_grad():
        net.head[-1].weight.zero_()
        net.head[-1].weight.view(7, 16, 16)[:, 4:8] = 1  # maps of layer 1 of the last block
    assert feature_reuse.strengths(net)[2].values[:, -1].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_cutting_a_wire_leaves_the_network_and_all_other_wires_as_they_are():
    net, x = small(), torch.rand(2, 1, 64, 64)
    before = net(x)
    wire = feature_reuse.wires(net)[-1]
    twin = feature_reuse.cut(net, wire)
    assert torch.equal(net(x), before) and not torch.equal(twin(x), before)
    changed = [k for k, v in net.state_dict().items() if not torch.equal(v, twin.state_dict()[k])]
    assert changed == ["head.2.weight"]
    zero = (twin.head[-1].weight.view(7, 16, 16) == 0).all(2).all(0)
    assert zero.tolist() == [False] * 12 + [True] * 4


def test_a_wire_that_carries_nothing_has_no_effect():
    net, x = small(), torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        net.body[4].new[2].weight.zero_()  # layer 1 of the first block adds nothing
        net.body[4].new[2].weight[:, :1] = 1
    tables = feature_reuse.effects(net, x)
    assert [t.values.shape for t in tables] == [(3, 3), (2, 2), (4, 4)]
    assert all(0 <= v <= 1 for t in tables for v in t.values[np.isfinite(t.values)])
    dead = feature_reuse.cut(net, feature_reuse.wires(net)[0])
    assert feature_reuse.effects(dead, x)[0].values[0, 0] == 0


def test_a_network_without_dense_layers_is_refused():
    with pytest.raises(BadInput, match="no dense layer"):
        feature_reuse.wires(small_nets.PlainNet())
