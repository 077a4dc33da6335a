"""The environment: lock, conda file and versions agree, and the package runs without the book's tools."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """The requirements of a lock file, each with its hashes."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", "\n" + "\n".join(x for x in lock.splitlines() if x[:1] != "#"))
    heads = [(block.strip().splitlines()[0].rstrip(" \\"), block) for block in blocks if block.strip()]
    return [(Requirement(head), re.findall(r"--hash=sha256:([0-9a-f]{64})", block)) for head, block in heads]


def pinned(requirement: Requirement) -> Version:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


def everywhere(requirement: Requirement) -> bool:
    """Whether a locked requirement is installed on any platform at all (overrides.txt rules some out)."""
    return "never" not in str(requirement.marker or "")


ENTRIES = entries(LOCK)


def test_reading_of_a_lock() -> None:
    hashes = "    --hash=sha256:" + "0" * 64 + "\n"
    text = f"# made by\na==1 \\\n{hashes}b==2 ; sys_platform == 'win32' \\\n{hashes}"
    found = [(r.name, str(pinned(r)), str(r.marker), len(h)) for r, h in entries(text)]
    assert found == [("a", "1", "None", 1), ("b", "2", 'sys_platform == "win32"', 1)]


def test_every_locked_version_has_hashes() -> None:
    assert len(ENTRIES) > 200
    assert [str(requirement) for requirement, hashes in ENTRIES if not hashes] == []
    assert all(pinned(requirement) for requirement, _ in ENTRIES)


def test_lock_holds_no_addresses() -> None:
    assert re.findall(r"\S*://\S*|\S+ @ \S+|^-\S*.*", LOCK, re.MULTILINE) == []


def test_lock_satisfies_the_project() -> None:
    groups = PROJECT["project"]["optional-dependencies"]
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["build-system"]["requires"],
        *itertools.chain(*groups.values()),
    ]
    locked: dict[str, list[Version]] = {}
    for requirement, _ in ENTRIES:
        locked.setdefault(canonicalize_name(requirement.name), []).append(pinned(requirement))
    for requirement in map(Requirement, wanted):
        if canonicalize_name(requirement.name) == "fer-nb":
            continue
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert all(version in requirement.specifier for version in versions), f"{requirement}: `make lock`"


def test_this_environment_is_the_locked_one() -> None:
    wrong = []
    for requirement, _ in ENTRIES:
        if requirement.marker is None or requirement.marker.evaluate():
            try:
                found = importlib.metadata.version(requirement.name)
            except importlib.metadata.PackageNotFoundError:
                found = "missing"
            if found != str(pinned(requirement)):
                wrong.append(f"{requirement.name}: {found}, locked {pinned(requirement)}")
    assert wrong == [], "run `make env`"


def test_conda_file_equals_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "fer_nb"
    *conda, last = environment["dependencies"]
    assert conda == ["python=3.11", "pip"]
    *pins, own = last["pip"]
    assert own == "--editable ."
    assert [str(Requirement(pin)) for pin in pins] == [str(r) for r, _ in ENTRIES if everywhere(r)]


def test_conda_file_says_that_it_was_not_run() -> None:
    assert "NOT RUN" in (ROOT / "environment.yml").read_text(encoding="utf-8")


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    source = (ROOT / "fer_nb" / "__init__.py").read_text(encoding="utf-8")
    (in_package,) = re.findall(r'^__version__ = "([^"]+)"', source, re.MULTILINE)
    assert citation["version"] == PROJECT["project"]["version"] == in_package


def test_makefile_and_project_agree_on_python() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.13"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "((3, 11), (3, 12))" in makefile


def make_env(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run `make env` in a bare copy, where the interpreter is a script that answers as told."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    fake = folder / "python"
    fake.write_text(python)
    fake.chmod(0o755)
    return subprocess.run(["make", "env", f"PYTHON={fake}"], cwd=folder, capture_output=True, text=True)


def test_make_env_refuses_another_python(tmp_path: Path) -> None:
    done = make_env(tmp_path, "#!/bin/sh\nexit 0\n")  # like 3.13: says nothing when asked for 3.11 or 3.12
    assert done.returncode != 0
    assert "error: no Python 3.11 or 3.12 found" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_env_says_when_venv_is_missing(tmp_path: Path) -> None:
    done = make_env(tmp_path, '#!/bin/sh\ncase "$2" in *version_info*) echo "$0";; *) exit 1;; esac\n')
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".tools").exists()


# The package alone: only what its own dependencies bring in can be imported.


def closure(requirements: list[Requirement]) -> set[str]:
    """Names of the installed distributions that some requirements bring in, by what is installed."""
    todo, seen = [(r, extra) for r in requirements for extra in ("", *r.extras)], set()
    names: set[str] = set()
    while todo:
        requirement, extra = todo.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # ruled out by overrides.txt
        names.add(name)
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(need, inner) for inner in ("", *need.extras)]
    return names


def blocked_imports() -> list[str]:
    """Import names that only the groups lab, book and dev bring in."""
    core = closure([Requirement(text) for text in PROJECT["project"]["dependencies"]]) | {"fer-nb"}
    owners = importlib.metadata.packages_distributions()
    return sorted(n for n, dists in owners.items() if not core & {canonicalize_name(d) for d in dists})


HOOK = """
import sys
class Blocked:
    names = {names!r}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
sys.meta_path.insert(0, Blocked())
"""


def run_alone(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code where only the distributions of the package's own dependencies can be imported."""
    script = HOOK.format(names=set(blocked_imports())) + textwrap.dedent(code)
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)


def has(*names: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in names)


def test_the_book_is_blocked_and_the_core_is_not() -> None:
    blocked = blocked_imports()
    assert {"sklearn", "pandas", "joblib", "ipywidgets", "IPython", "pytest", "jupyter_book"} <= set(blocked)
    assert not {"torch", "torchvision", "numpy", "cv2", "mediapipe", "av", "numba", "fer_nb"} & set(blocked)


def test_blocking_blocks(tmp_path: Path) -> None:
    done = run_alone("import sklearn", tmp_path)
    assert done.returncode == 1 and "blocked: sklearn" in done.stderr


@pytest.mark.skipif(not has("fer_nb.cli", "fer_nb.prediction"), reason="fer_nb.cli is not there yet")
def test_command_line_needs_no_book_tools(tmp_path: Path) -> None:
    done = run_alone(
        """
        import fer_nb, fer_nb.cli, fer_nb.prediction
        sys.argv = ["fer-nb", "--help"]
        fer_nb.cli.main()
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout


@pytest.mark.skipif(not has("fer_nb.cli", "fer_nb.prediction"), reason="fer_nb.cli is not there yet")
def test_prediction_needs_no_book_tools(tmp_path: Path, cache_folder: Path) -> None:
    """A folder of synthetic frames, from neutral to smile, through the command line, plot included."""
    done = run_alone(
        """
        import cv2, fer_nb.cli
        from fer_nb import mime
        for number in range(24):
            level = min(1.0, number / 12)
            face = mime.face(0, {"AU6": level, "AU12": level, "AU25": level})
            cv2.imwrite(f"{number:03}.png", face[..., ::-1])
        sys.argv = ["fer-nb", "predict", ".", "--json", "--plot", "out.png"]
        fer_nb.cli.main()
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert '"probabilities"' in done.stdout
    assert (tmp_path / "out.png").stat().st_size > 1000
