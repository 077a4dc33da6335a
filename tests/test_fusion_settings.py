import json

import numpy as np
import pytest
from scipy.special import softmax

from fer_nb import checkpoints, fusion, fusion_settings
from fer_nb.errors import BadInput
from fer_nb.fusion_settings import Settings


def two(n: int = 50) -> np.ndarray:
    return softmax(2 * np.random.default_rng(0).normal(size=(2, n, 7)), axis=-1)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (Settings("sum"), fusion.weighted_sum),
        (Settings("product"), fusion.product),
        (Settings("mix M1", lam=0.3), lambda p: fusion.mix(p, 0.3)),
        (Settings("standardized logits"), lambda p: fusion.standardized(np.log(p))),
    ],
)
def test_without_temperatures_a_rule_answers_as_in_fusion(settings, rule):
    fused = fusion_settings.apply(settings, two())
    np.testing.assert_allclose(fused.sum(-1), 1)
    np.testing.assert_array_equal(fused.argmax(-1), rule(two()).argmax(-1))


def test_temperatures_act_on_probabilities_as_on_logits():
    z = 3 * np.random.default_rng(1).normal(size=(2, 40, 7))
    by = Settings("calibrated sum", (2.0, 0.5))
    expected = (softmax(z[0] / 2, axis=-1) + softmax(z[1] / 0.5, axis=-1)) / 2
    np.testing.assert_allclose(fusion_settings.apply(by, softmax(z, axis=-1)), expected, atol=1e-9)


def test_the_final_temperature_changes_no_answer():
    plain, soft = (fusion_settings.apply(Settings("product", final=t), two()) for t in (1.0, 3.0))
    np.testing.assert_array_equal(plain.argmax(-1), soft.argmax(-1))
    assert soft.max() < plain.max()


def test_an_unknown_rule_is_refused():
    with pytest.raises(BadInput, match="no rule"):
        fusion_settings.apply(Settings("vote of the gods"), two())


@pytest.fixture
def constants(tmp_path, monkeypatch):
    """Constants of our own in place of the shipped ones."""
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path)
    fusion_settings.shipped_settings.cache_clear()
    kept = {"rule": "calibrated product", "temperatures": [2.0, 0.5], "lam": 0.0, "final": 1.5}
    path = tmp_path / "fusion.json"
    path.write_text(json.dumps({"settings": kept}))
    yield path
    fusion_settings.shipped_settings.cache_clear()


def test_shipped_fusion_reads_its_constants(constants):
    assert fusion_settings.shipped_settings() == Settings("calibrated product", (2.0, 0.5), 0.0, 1.5)
    expected = fusion_settings.apply(fusion_settings.shipped_settings(), two())
    np.testing.assert_array_equal(fusion_settings.shipped(*two()), expected)
    np.testing.assert_allclose(fusion_settings.shipped(two()[0, 3], two()[1, 3]), expected[3])


def test_a_branch_that_speaks_alone_keeps_its_answer(constants):
    p = two()[0]
    for given in ((p, None), (None, p)):
        fused = fusion_settings.shipped(*given)
        np.testing.assert_array_equal(fused.argmax(-1), p.argmax(-1))
        np.testing.assert_allclose(fused.sum(-1), 1)
    assert fusion_settings.shipped(p, None).max() < p.max()  # temperature 2 softens
    with pytest.raises(BadInput, match="neither branch"):
        fusion_settings.shipped(None, None)


@pytest.mark.parametrize("text", [None, "{", '{"settings": {"rule": "sum"}}'])
def test_missing_or_damaged_constants_say_how_to_make_them(constants, text):
    constants.unlink() if text is None else constants.write_text(text)
    fusion_settings.shipped_settings.cache_clear()
    with pytest.raises(BadInput, match="fusion_system"):
        fusion_settings.shipped(*two())
