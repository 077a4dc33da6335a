"""Sheets of faces: who stands where."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import anonymize, spatial
from fer_nb import anonymize_sheets as sheets
from fer_nb.anonymize_nets import CODE, UNITS, Anonymizer
from fer_nb.errors import BadInput
from fer_nb.labels import LABELS
from fer_nb.mime.units import INDEX
from tests.faces import sequence


@pytest.fixture(scope="module")
def models() -> anonymize.Models:
    torch.manual_seed(0)
    return anonymize.Models(spatial.SpatialNet().eval(), Anonymizer(donors=4).eval())


def test_codes_have_a_place_for_each_unit_of_mime():
    assert len(INDEX) == UNITS and tuple(sheets.EXPRESSIONS) == LABELS
    code = sheets.code_of({"AU1": 0.3, "AU43": 1.0})
    assert code.shape == (CODE,) and code[0] == np.float32(0.3) and code[21] == 1.0 and not code[22:].any()
    with pytest.raises(BadInput, match="unknown action unit 'AU3': use one of AU1,"):
        sheets.code_of({"AU3": 1.0})


def test_grid_has_a_row_per_donor_and_a_column_per_expression(models):
    grid = sheets.expression_grid([1, 3], models=models)
    assert grid.shape == (2, 7, 64, 64)
    assert np.array_equal(grid[1, 0], anonymize.draw(np.zeros((1, CODE)), 3, models)[0])


def test_strip_begins_at_rest_and_ends_in_full(models):
    strip = sheets.strength_strip({"AU12": 1.0}, 2, steps=3, models=models)
    assert strip.shape == (3, 64, 64)
    assert np.array_equal(strip[2], anonymize.draw(sheets.code_of({"AU12": 1.0})[None], 2, models)[0])


def test_sheet_shows_original_release_and_donor(models):
    clips = [sequence("fear"), sequence("happiness", amount=9)]
    sheet = sheets.sample_sheet(clips, [0, 2], models=models)
    assert sheet.shape == (3, 2, 64, 64)
    assert np.array_equal(sheet[0, 1], clips[1].crops[clips[1].apex])
    assert np.array_equal(sheet[1, 1], anonymize.release(clips[1], 2, models=models)[clips[1].apex])
    assert np.array_equal(sheet[2, 0], anonymize.draw(np.zeros((1, CODE)), 0, models)[0])
    with pytest.raises(BadInput, match="2 clips and 1 donors: give one donor for each"):
        sheets.sample_sheet(clips, [0], models=models)


def test_tiles_keep_their_place():
    grid = np.arange(6).reshape(2, 3, 1, 1).repeat(2, 2).repeat(2, 3)
    assert sheets.tiled(grid)[[0, 3]][:, [0, 2, 5]].tolist() == [[0, 1, 2], [3, 4, 5]]
