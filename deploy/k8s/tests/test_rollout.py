"""The rollout's order, with a fake kubectl that records its calls."""

import os
import subprocess
from pathlib import Path

import pytest

ROLLOUT = Path(__file__).parents[1] / "rollout.sh"
KUBECTL = r"""#!/bin/sh
printf '%s\n' "$*" >> "$CALLS"
case "$*" in
*" wait "*) [ "$(grep -c " wait " "$CALLS")" -gt "$SLOW" ] ;;
*" get "*) printf '%s' "$FAILED" ;;
esac
"""


def roll_out(
    folder: Path, *, slow: int = 0, failed: str = ""
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o755)
    calls = folder / "calls"
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "SLOW": str(slow),
        "MAX_JOB_SECONDS": "30",
        "FAILED": failed,
    }
    command = [str(ROLLOUT), "overlay"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return result, calls.read_text().splitlines()


def test_jobs_end_before_the_new_version_starts(tmp_path: Path) -> None:
    result, calls = roll_out(tmp_path)
    assert result.returncode == 0, result.stderr
    full_apply = calls.index("apply -k overlay")
    [waiting] = [number for number, call in enumerate(calls) if " wait job " in call]
    [deleting] = [number for number, call in enumerate(calls) if " delete job " in call]
    assert deleting < waiting < full_apply
    assert calls[-1].startswith("-n parley rollout status")
    # A new version's backup needs the new schema.
    assert ", backup, " in calls[0]
    assert all("notin (api, worker" in call or "in (migrate" in call for call in calls[:waiting])


def test_the_running_version_stays_when_a_job_fails(tmp_path: Path) -> None:
    result, calls = roll_out(tmp_path, slow=1000, failed="BackoffLimitExceeded")
    assert result.returncode == 1
    assert result.stderr.startswith("The running version stays: a Job has not completed.")
    assert "apply -k overlay" not in calls


@pytest.mark.parametrize(("slow", "status"), [(2, 0), (1000, 1)])
def test_the_rollout_waits_for_a_slow_job_up_to_a_limit(tmp_path: Path, slow: int, status: int) -> None:
    result, calls = roll_out(tmp_path, slow=slow)
    assert result.returncode == status
    assert sum(" wait " in call for call in calls) == 3
    assert ("apply -k overlay" in calls) is (status == 0)


def test_the_usage_is_printed_when_arguments_are_missing() -> None:
    result = subprocess.run([str(ROLLOUT)], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert result.returncode
    assert "usage: rollout.sh <folder of an overlay>" in result.stderr
