"""An upgrade replaces one replica after the other, here with a fake Docker that only lists containers."""

import os
import subprocess
from pathlib import Path

UPGRADE = Path(__file__).parents[1] / "upgrade.sh"
DOCKER = r"""#!/bin/sh
printf '%s\n' "$*" >> "$CALLS"
case "$*" in
"compose config --services") printf '%s\n' postgres databases game-migrate topology backup game gateway ;;
"compose ps -q game") cat "$CONTAINERS" ;;
*" --exit-code-from $FAILING $FAILING") exit 1 ;;
*" --scale game="*) echo "new-$(wc -l < "$CALLS")" >> "$CONTAINERS" ;;
"inspect "*) echo "$HEALTH" ;;
"rm "*) grep -vx "$2" "$CONTAINERS" > "$CONTAINERS.left"; mv "$CONTAINERS.left" "$CONTAINERS" ;;
esac
"""


def upgrade(
    folder: Path, *, health: str = "healthy", failing: str = "none"
) -> tuple[subprocess.CompletedProcess[str], list[str], list[str]]:
    """Upgrade two old replicas. Return the process, Docker's calls and the remaining containers."""
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    calls, containers = folder / "calls", folder / "containers"
    containers.write_text("old-1\nold-2\n")
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "CONTAINERS": str(containers),
        "HEALTH": health,
        "FAILING": failing,
        "MAX_START_SECONDS": "1",
    }
    result = subprocess.run([str(UPGRADE)], env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return result, calls.read_text().splitlines(), containers.read_text().split()


def test_an_old_replica_stops_when_its_successor_is_healthy(tmp_path: Path) -> None:
    result, calls, remaining = upgrade(tmp_path)
    assert result.returncode == 0, result.stderr
    steps = [call for call in calls if call.startswith(("compose up", "stop"))]
    commands = [
        f"compose up --no-deps --exit-code-from {name} {name}" for name in ("databases", "game-migrate")
    ]
    start = "compose up -d --no-deps --no-recreate --scale game=3 game"
    assert steps == [
        *commands,
        "compose up --no-deps --exit-code-from topology topology",
        *(start, "stop --time 30 old-1", start, "stop --time 30 old-2"),
        "compose up -d --no-deps gateway",
    ]
    assert len(remaining) == 2
    assert all(name.startswith("new-") for name in remaining)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    result, calls, remaining = upgrade(tmp_path, failing="game-migrate")
    assert result.returncode == 1
    assert result.stderr.endswith("The running version stays: game-migrate has failed, see above.\n")
    assert remaining == ["old-1", "old-2"]
    assert not [call for call in calls if "topology" in call or "--scale" in call]


def test_a_replica_that_is_not_healthy_is_removed_and_the_old_ones_stay(tmp_path: Path) -> None:
    result, calls, remaining = upgrade(tmp_path, health="starting")
    assert result.returncode == 1
    assert "The new version of game is not healthy" in result.stderr
    assert remaining == ["old-1", "old-2"]
    assert not [call for call in calls if "gateway" in call]
