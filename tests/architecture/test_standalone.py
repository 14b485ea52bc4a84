"""A service is installed, imported and started with only its own folder and `shared/` present."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))

MODEL_PACKAGE = "moonshine-voice"

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
service = sys.argv[1]
package = importlib.import_module(service)
for module in pkgutil.walk_packages(package.__path__, service + "."):
    if not module.name.endswith("__main__") and ".migrations" not in module.name:
        importlib.import_module(module.name)
"""


def run(*command: str | Path, cwd: Path) -> None:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)  # noqa: S603 - our own commands
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]


def find_conflicts(uv: str, python: Path) -> list[str]:
    """Return missing requirements of packages, except of the one of which only the model files are read."""
    command = (uv, "pip", "check", "--python", python)
    result = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - as above
    lines = [line for line in result.stderr.splitlines() if line.startswith("The package")]
    assert result.returncode == 0 or lines, result.stderr
    return [line for line in lines if MODEL_PACKAGE not in line]


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the bytecode of packages that several services have, so that it is compiled once."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def folder(bytecode: Path) -> Iterator[Path]:
    """An empty folder whose path is the same for every service, because bytecode is found by its path."""
    folder = bytecode.with_name("alone")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_stands_alone(service: str, folder: Path, bytecode: Path) -> None:
    for part in ("shared", f"services/{service}"):
        leave_out = shutil.ignore_patterns("__pycache__", "tests", "*.egg-info")
        shutil.copytree(ROOT / part, folder / part, ignore=leave_out)
    service_folder = folder / "services" / service
    uv = shutil.which("uv", path=f"{ROOT / '.local' / 'uv' / 'bin'}:{os.environ['PATH']}")
    assert uv, "uv is missing: run `make setup`"
    python = folder / "venv" / "bin" / "python"
    run(uv, "venv", "-q", "--python", sys.executable, folder / "venv", cwd=folder)
    install = (uv, "pip", "install", "-q", "--python", python)
    # A lock names every package that a service needs. Other requirements of packages are not installed.
    run(*install, "--no-deps", "--require-hashes", "-r", service_folder / "requirements.txt", cwd=folder)
    run(*install, "--no-deps", folder / "shared", service_folder, cwd=folder)
    assert find_conflicts(uv, python) == []
    options = ("-I", "-W", "error", "-X", f"pycache_prefix={bytecode}")
    run(python, *options, "-c", IMPORT_EVERYTHING, service, cwd=folder)
