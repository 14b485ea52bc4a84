"""The Python client that openapi-python-client generates is complete, typed, and works against the system."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from gateway.openapi import DOCUMENT_PATH, iterate_operations
from tests.journey import RECORDINGS

HERE = Path(__file__).parent / "python"
BIN = Path(sys.executable).parent
DOCUMENT: dict[str, Any] = json.loads(DOCUMENT_PATH.read_text())


def run(*command: str | Path, path: Path | None = None) -> str:
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "200"}
    if path:
        environment |= {"PYTHONPATH": str(path), "MYPYPATH": str(path)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)  # noqa: S603 - tools of this environment
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package `parley_client`, generated without a warning."""
    folder = tmp_path_factory.mktemp("python-client")
    options = ("--path", DOCUMENT_PATH, "--config", HERE / "generator.yaml", "--meta", "none")
    output = ("--output-path", folder / "parley_client", "--fail-on-warning")
    printed = run(BIN / "openapi-python-client", "generate", *options, *output)
    assert printed.split() == ["Generating", str(folder / "parley_client")]
    return folder


def test_every_operation_has_a_function(generated: Path) -> None:
    modules = {path.stem for path in generated.glob("parley_client/api/*/*.py")} - {"__init__"}
    assert modules == {operation["operationId"] for operation in iterate_operations(DOCUMENT)}


def test_every_object_has_a_class(generated: Path) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    objects = {name for name, schema in schemas.items() if schema.get("type") == "object"}
    exported = (generated / "parley_client" / "models" / "__init__.py").read_text()
    assert not {name for name in objects if f'"{name}"' not in exported}


def test_the_journey_is_typed(generated: Path) -> None:
    options = ("--strict", "--follow-imports", "silent", "--cache-dir", generated / "mypy")
    run(BIN / "mypy", *options, HERE / "learner.py", path=generated)


@pytest.mark.journey
def test_the_generated_client_completes_the_journey(generated: Path, system: Stack) -> None:
    run(sys.executable, HERE / "learner.py", system.url, RECORDINGS / "good.wav", path=generated)
