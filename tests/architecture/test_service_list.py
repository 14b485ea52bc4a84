"""Files that cannot read deploy/services.py name the same services."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.services import SERVICES

ROOT = Path(__file__).parents[2]
NAMES = {service.name for service in SERVICES}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS: list[dict[str, Any]] = PROJECT["importlinter"]["contracts"]


def list_named(key: str, *, kind: str) -> set[str]:
    """Return the services in one list of all import contracts of a kind."""
    return NAMES & {
        module for contract in CONTRACTS if contract["type"] == kind for module in contract.get(key, [])
    }


def test_services_and_their_folders_match() -> None:
    assert {path.parent.name for path in ROOT.glob("services/*/pyproject.toml")} == NAMES


def test_no_two_services_share_a_name_or_a_number() -> None:
    assert len(NAMES) == len(SERVICES)
    assert len({service.number for service in SERVICES}) == len(SERVICES)
    assert all(0 < service.number < 10 for service in SERVICES)


def test_mypy_finds_every_service() -> None:
    searched = {
        path.removeprefix("$MYPY_CONFIG_FILE_DIR/") for path in PROJECT["mypy"]["mypy_path"].split(":")
    }
    assert searched == {"shared", *(f"services/{name}" for name in NAMES)}


def test_import_linter_reads_every_service() -> None:
    assert set(PROJECT["importlinter"]["root_packages"]) == {"shared", "contracts", *NAMES}


@pytest.mark.parametrize(
    ("kind", "key"),
    [("layers", "containers"), ("independence", "modules"), ("forbidden", "forbidden_modules")],
)
def test_every_rule_about_imports_covers_every_service(kind: str, key: str) -> None:
    assert list_named(key, kind=kind) == NAMES
