"""The types that openapi-typescript generates fit a learner's journey, checked by the TypeScript compiler."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.local.processes import ROOT
from gateway.openapi import DOCUMENT_PATH

HERE = Path(__file__).parent / "typescript"
FOLDER = ROOT / ".local" / "clients" / "typescript"
INSTALL = ("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
COMPILER_OPTIONS = ("--noEmit", "--strict", "--target", "es2022", "--moduleResolution", "bundler")

pytestmark = pytest.mark.skipif(
    not shutil.which("npm") and not os.environ.get("CI"), reason="npm is not installed"
)


def run(*command: str | Path, folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)  # noqa: S603 - pinned packages
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder of the installed programs. It stays until package.json asks for other versions."""
    package_json, stamp = (HERE / "package.json").read_text(), FOLDER / "installed.json"
    if not stamp.exists() or stamp.read_text() != package_json:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        (FOLDER / "package.json").write_text(package_json)
        run(*INSTALL, folder=FOLDER)
        stamp.write_text(package_json)
    return FOLDER / "node_modules" / ".bin"


@pytest.fixture
def generated(programs: Path, tmp_path: Path) -> Path:
    """A folder with the generated types and the journey that is written for them."""
    run(programs / "openapi-typescript", DOCUMENT_PATH, "--output", "api.d.ts", folder=tmp_path)
    shutil.copy(HERE / "learner.ts", tmp_path)
    return tmp_path


def test_the_journey_compiles(programs: Path, generated: Path) -> None:
    run(programs / "tsc", *COMPILER_OPTIONS, "learner.ts", folder=generated)


def test_the_compiler_reports_a_type_error(programs: Path, generated: Path) -> None:
    script = generated / "learner.ts"
    script.write_text(script.read_text().replace("signedIn.expires_in", "signedIn.expires_soon"))
    with pytest.raises(AssertionError, match="expires_soon"):
        run(programs / "tsc", *COMPILER_OPTIONS, "learner.ts", folder=generated)
