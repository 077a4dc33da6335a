"""The house rules of the repository: layers, sizes, names, nothing that belongs to one machine."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fer_nb"

# A module may import its own layer and those before it, never a later one.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("labels", "errors", "cache", "provenance", "_parallel", "pixels"),
    ("_media", "clips", "results", "plots", "widgets"),
    ("mime", "datasets"),
    ("splits", "_mediapipe", "landmarks"),
    ("features", "crops", "apex_stills", "crop_ladder", "illumination", "preprocess"),
    ("augment", "shading", "training", "evaluation", "calibration", "reliability", "checkpoints"),
    ("temporal", "spatial", "small_nets", "own_neutral", "named_stills", "feature_reuse", "densenet"),
    ("sequence_nets", "time_views", "regions"),
    ("fusion", "fusion_fit", "fusion_settings", "joint"),
    ("timeline", "overlay", "prediction", "report"),
    ("attacks", "gradient_attacks", "image_attacks", "video_attacks", "landmark_attacks"),
    ("jpeg", "defense", "defended", "hardening", "certified", "ablation"),
    ("expected", "adaptive", "diagnostics"),
    (
        "anonymize",
        "anonymize_nets",
        "anonymize_training",
        "anonymize_scores",
        "anonymize_video",
        "head_pose",
        "anonymize_sheets",
    ),
    ("dependence", "bottleneck", "reconstruct", "inversion", "membership", "private_training"),
    ("linear_inversion",),
    ("redact", "identity", "utility"),
    ("experiments", "doctor"),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Modules that need no test file of their own, with the reason.
NO_MIRROR = {
    "mime/make_template.py": "run once to make template.npz, which test_template.py checks",
}

LINES_MAX = 350
FILE_BYTES_MAX = 1_500_000
WEIGHTS_BYTES_MAX = 6_000_000  # of one network


@cache
def project_files() -> tuple[Path, ...]:
    """The files of the project: what git tracks or would track; without git, all that was not built."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = [name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")]
    made = (".git/", ".venv/", ".tools/", "_build/", "build/", "dist/", "node_modules/")
    paths = [ROOT / name for name in names if not name.startswith(made) and "__pycache__" not in name]
    return tuple(path for path in paths if path.is_file())


def text_of(path: Path) -> str | None:
    """The text of a file, or None for a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def label(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def top_name(path: Path) -> str:
    """The name by which a module stands in LAYERS: its first part under fer_nb."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(path: Path, source: str) -> set[str]:
    """First parts under fer_nb of all that a module imports, wherever in the module it does so."""
    package = ("fer_nb", *path.relative_to(PACKAGE).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = (*base, *(node.module.split(".") if node.module else ()))
            targets = [(*start, alias.name) for alias in node.names]
        else:
            continue
        found |= {target[1] for target in targets if target[0] == "fer_nb" and len(target) > 1}
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from . import clips", {"clips"}),
        ("from .clips import Clip", {"clips"}),
        ("import fer_nb.predict as p", {"predict"}),
        ("from fer_nb import cli", {"cli"}),
        ("def f():\n    from .cli import main", {"cli"}),
        ("import numpy, torch.nn", set()),
    ],
)
def test_reading_of_imports(source: str, expected: set[str]) -> None:
    assert imported_names(PACKAGE / "results.py", source) == expected


def test_reading_of_imports_in_a_subpackage() -> None:
    source = "from . import units\nfrom ..cache import cache_dir\nfrom .. import clips"
    assert imported_names(PACKAGE / "mime" / "render.py", source) == {"mime", "cache", "clips"}


@pytest.mark.parametrize("path", modules(), ids=label)
def test_no_module_imports_a_later_layer(path: Path) -> None:
    name = top_name(path)
    if name in ("__init__", "__main__"):
        return  # the front door may open every room
    assert name in RANK, f"fer_nb/{label(path)}: give {name!r} a layer in tests/test_project.py"
    known = {top_name(other) for other in modules()}
    for other in imported_names(path, path.read_text(encoding="utf-8")) & known:
        assert RANK[other] <= RANK[name], f"fer_nb/{label(path)} imports {other}, which is in a later layer"


@pytest.mark.parametrize("path", modules(), ids=label)
def test_module_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_MAX, f"fer_nb/{label(path)} has {lines} lines: split it by what it does"


@pytest.mark.parametrize("path", modules(), ids=label)
def test_module_has_its_test_file(path: Path) -> None:
    if label(path) in NO_MIRROR or path.name in ("__init__.py", "__main__.py"):
        return
    folder, name = path.relative_to(PACKAGE).parent, path.stem.lstrip("_")
    wanted = [ROOT / "tests" / folder / f"test_{name}.py"]
    if folder.parts:  # a package of small modules may be tested by one file
        wanted += [ROOT / "tests" / f"test_{'_'.join(folder.parts)}{end}.py" for end in (f"_{name}", "")]
    assert any(test.is_file() for test in wanted), f"fer_nb/{label(path)} has no {wanted[0].name}"


def test_exceptions_still_exist() -> None:
    assert [name for name in NO_MIRROR if not (PACKAGE / name).is_file()] == []


# A path that starts at the root of one machine; an address such as https://host/work/ is none.
MACHINE_PATH = re.compile(r"(?<![\w.~)}*-])/(?:home|root|work|tmp|Users|mnt|opt)/[\w.-]")
REGISTRY = re.compile(r"index-url\s*[= ]\s*\S*//|find-links\s*[= ]|pythonhosted|registry\.npmjs", re.I)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('/home/me/x')", True),
        ("https://a.org/work/x", False),
        ("../tmp/x", False),
        ("see /tmp/x", True),
    ],
)
def test_reading_of_machine_paths(text: str, found: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is found


def test_no_file_names_a_machine_or_a_registry() -> None:
    wrong = []
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        text = None if name.startswith("tests/") else text_of(path)
        for number, line in enumerate((text or "").splitlines(), start=1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                wrong.append(f"{name}:{number}: {line.strip()[:80]}")
    assert wrong == []


def test_no_file_is_large() -> None:
    large = []
    for path in project_files():
        most = WEIGHTS_BYTES_MAX if path.suffix == ".safetensors" else FILE_BYTES_MAX
        if path.stat().st_size > most:
            large.append(str(path.relative_to(ROOT)))
    assert large == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_is_stripped(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    ran = [
        number
        for number, cell in enumerate(cells)
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"] is not None)
    ]
    assert ran == [], f"{path.name} holds outputs in cells {ran}: run `make format`"


def test_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("make book", "make test", "fer-nb predict"):
        assert command in readme
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", readme)
    assert pictures, "README.md shows no picture"
    for alt, target in pictures:
        assert len(alt) > 20, f"the picture {target} needs an alt text"
        assert (ROOT / target).is_file(), f"README.md shows {target}, which is missing"


def test_readme_links_resolve() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", readme)
    local = [target.partition("#")[0] for target in targets if not target.startswith(("http", "#", "mailto"))]
    assert [target for target in local if not (ROOT / target).exists()] == []
