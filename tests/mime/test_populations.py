"""Who exists: disjoint blocks of the sizes in the data sheet, and a fingerprint that sees code only."""

from __future__ import annotations

import ast
from itertools import combinations
from pathlib import Path

import pytest

import fer_nb
from fer_nb import mime
from fer_nb.errors import BadInput
from fer_nb.mime import populations
from fer_nb.mime.populations import BLOCKS, PICTURES, bare, fingerprint, spec, subject_id

PACKAGE = Path(fer_nb.__file__).parent


def test_blocks_have_the_sizes_of_the_data_sheet() -> None:
    sizes = {name: (block.people, block.sessions) for name, block in BLOCKS.items()}
    assert sizes == {
        "fit": (400, 3), "validate": (50, 3), "test": (150, 3), "attacker": (300, 3),
        "non-members": (5000, 1), "sealed": (100, 1),
    }  # fmt: skip


@pytest.mark.parametrize("pair", list(combinations(BLOCKS, 2)), ids="-".join)
def test_no_person_is_in_two_blocks(pair: tuple[str, str]) -> None:
    one, two = (BLOCKS[name].numbers for name in pair)
    assert len(one) == BLOCKS[pair[0]].people and not set(one) & set(two)


def test_names_of_people_are_unique_and_carry_the_version() -> None:
    names = {subject_id(block, person) for block in ("fit", "test") for person in range(150)}
    assert len(names) == 300 and all(name.startswith(f"{mime.VERSION}/") for name in names)
    assert subject_id("fit", 7, "mime-v2") == "mime-v2/fit/0007"


def test_an_unknown_block_is_one_line() -> None:
    with pytest.raises(BadInput, match="unknown block 'fti': use one of fit, validate") as caught:
        spec("fti")
    assert "\n" not in str(caught.value)


def test_nothing_reaches_for_the_sealed_block() -> None:
    """Only the table of blocks names it, and the judge's `--sealed`: whoever wants its people says so."""
    reaching = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value == "sealed":
                reaching.add(path.relative_to(PACKAGE).as_posix())
    assert reaching == {"mime/populations.py", "experiments/mime_judges.py"}


def test_the_fingerprint_stands_for_the_code_of_the_pictures() -> None:
    assert len(fingerprint()) == 8 and int(fingerprint(), 16) >= 0
    for name in PICTURES:
        assert Path(populations.__file__).with_name(f"{name}.py").is_file()


def test_words_and_layout_do_not_change_the_fingerprint() -> None:
    plain = "x = (1, 2)\n\ndef f(a):\n    return a + 1\n"
    assert bare('"""Words."""\n' + plain.replace("(1, 2)", "(\n    1,  # one\n    2,\n)")) == bare(plain)
    assert bare(plain.replace("    return", "    'Words.'\n    return")) == bare(plain)
    assert bare(plain.replace("a + 1", "a + 2")) != bare(plain)
    assert bare("class C:\n    'Words.'") == bare("class C:\n    pass")


def test_the_fingerprint_sees_a_changed_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(populations.__file__).parent
    for name in (*(f"{n}.py" for n in PICTURES), "template.npz"):
        (tmp_path / name).write_bytes((home / name).read_bytes())
    monkeypatch.setattr(populations, "__file__", str(tmp_path / "populations.py"))
    assert fingerprint.__wrapped__() == fingerprint()
    render = tmp_path / "render.py"
    render.write_text(render.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    assert fingerprint.__wrapped__() == fingerprint()
    render.write_text(render.read_text(encoding="utf-8") + "\nx = 1\n", encoding="utf-8")
    assert fingerprint.__wrapped__() != fingerprint()
