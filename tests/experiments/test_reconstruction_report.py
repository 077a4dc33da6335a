"""How records are written: counts, targets, and a void row that removes what stood there."""

from __future__ import annotations

import pytest

from fer_nb import results
from fer_nb.evaluation import Interval
from fer_nb.experiments._reconstruction_report import Book, aimless, aims
from tests.experiments.test_reconstruction import scores
from tests.reconstruction_toys import world


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))


def test_a_record_says_on_whom():
    book = Book(world(), 2.0)
    book.put("toy", Interval(0.5, 0.4, 0.6), unit="SSIM", **aims("up", 0.5))
    made = results.load("reconstruct.toy")
    assert (made.n, made.split, made.low, made.high) == (len(world().victims), "toy", 0.4, 0.6)
    assert made.met and book.made == [made] and aimless("up", 1) == {}


def test_a_void_row_leaves_no_ratio_behind():
    book, some = Book(world(), 0.0), scores()
    book.put("ssim_gain", 0.9)
    book.ratio("ssim_gain", some, "combined", 32)  # four victims: never allowed
    assert not (results.folder() / "reconstruct.ssim_gain.json").exists()
