"""Privileges of a run's processes when root starts it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import privileges
from deploy.local.processes import Program, Run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no privileges to drop")

STATUS = """
import os, pathlib, sys
found = [line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")]
print(os.getuid() != 0, set(found) == {"0000000000000000"})
pathlib.Path(sys.argv[1], "written").write_text("x")
for path in sys.argv[2:]:
    try:
        print(open(path).read())
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.fixture
def private() -> Iterator[Path]:
    """A folder such as root's home, which other accounts cannot enter."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def run(private: Path) -> Iterator[Run]:
    run = Run(private / "clone")
    yield run
    run.close()


def is_namespace_allowed() -> bool:
    return subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not is_namespace_allowed(), reason="mount namespaces are not allowed here")
def test_a_process_in_a_private_folder_sees_only_its_own_files(private: Path, run: Run) -> None:
    own_folder, secret = run.folder / "data", private / "secret"
    secret.write_text("of root")
    privileges.take_ownership(own_folder)
    command = (sys.executable, "-c", STATUS, own_folder, secret, "/etc/shadow")

    run.call(Program(name="probe", command=command, environment={}, unprivileged=True))

    assert run.log("probe").read_text().split() == ["True", "True", "FileNotFoundError", "PermissionError"]
    assert (own_folder / "written").exists()
    assert {path.name for path in private.iterdir()} == {"clone", "secret"}


def test_logs_are_private(run: Run) -> None:
    run.call(Program(name="probe", command=("/bin/true",), environment={}))

    assert run.log("probe").stat().st_mode & 0o777 == 0o600
    assert (run.folder / "logs").stat().st_mode & 0o777 == 0o700
