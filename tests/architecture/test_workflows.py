"""The workflows of a fork run the commands of the Makefile and files that exist."""

import re
from pathlib import Path

import pytest
import yaml

from deploy.services import SERVICES

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def list_commands(workflow: Path) -> list[str]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_make_targets_and_scripts_of_a_workflow_exist(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = "\n".join(list_commands(workflow))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= targets
    for path in re.findall(r"(?:^|cd | )(deploy/\S+/\S+|deploy/\S+\.sh)", commands, re.MULTILINE):
        assert (ROOT / path).exists(), path


def test_a_change_is_checked_as_on_a_developers_machine() -> None:
    commands = "\n".join(list_commands(ROOT / ".github" / "workflows" / "ci.yml"))
    assert {"lint", "test"} <= set(re.findall(r"\bmake ([a-z-]+)", commands))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_builds_an_image_of_every_service(workflow: Path) -> None:
    matrix = yaml.safe_load(workflow.read_text())["jobs"]["images"]["strategy"]["matrix"]["service"]
    assert {service.name for service in SERVICES} <= set(matrix)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_the_repository(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}


def test_a_deployment_to_production_needs_an_approval() -> None:
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    assert release["jobs"]["production"]["environment"] == "production"
