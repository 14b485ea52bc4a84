import os
import subprocess
import sys
from pathlib import Path

import pytest

STARTS_WITH_SETTINGS = """
from shared.cli import run
from shared.settings import BrokerSettings, DatabaseSettings
class Both(BrokerSettings, DatabaseSettings):
    pass
run("demo", {"api": lambda _: print(Both())})
"""
DEMO = {
    "__main__.py": 'from shared.cli import main\nmain("demo", {"greet": "demo.greeting:greet"})\n',
    "greeting.py": "def greet(arguments): print('Hello', *arguments)\n",
    "worker.py": "raise ImportError('imported although it was not asked for')\n",
}


def test_missing_settings_are_named_without_any_values() -> None:
    environment = {"DATABASE_URL": "mysql://secret", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", STARTS_WITH_SETTINGS, "api"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 - our own code
    assert result.returncode == 1
    assert result.stderr.startswith("demo cannot start: RABBITMQ_URL: Field required")
    assert "secret" not in result.stderr


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    folder.mkdir()
    for name, content in DEMO.items():
        (folder / name).write_text(content)
    return tmp_path


def run_demo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own


def test_a_command_of_the_service_gets_its_arguments_and_imports_nothing_else(demo: Path) -> None:
    result = run_demo(demo, "greet", "Sam")
    assert (result.stdout, result.returncode) == ("Hello Sam\n", 0)


@pytest.mark.parametrize("words", [[], ["fly"]])
def test_an_unknown_command_names_those_that_exist(demo: Path, words: list[str]) -> None:
    result = run_demo(demo, *words)
    assert result.returncode == 1
    assert result.stderr == "usage: python -m demo {api,worker,replay-dead-letters,greet}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("game", "migrate"), "game migrate failed: The database does not answer"),
        (("shared", "topology"), "shared topology failed: RabbitMQ does not answer"),
    ],
)
def test_a_command_whose_server_is_down_exits_with_one_line(words: tuple[str, ...], message: str) -> None:
    variables = {
        "ENVIRONMENT": "test",
        "DATABASE_URL": "postgresql+asyncpg://game:any@127.0.0.1:1/game",
        "RABBITMQ_URL": "amqp://parley:any@127.0.0.1:1/",
    }
    command, environment = [sys.executable, "-m", *words], {"PATH": os.environ["PATH"], **variables}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert result.returncode == 1
    assert result.stderr.startswith(message)
    assert result.stderr.endswith(
        "Start the server, or correct its address in the environment, then repeat the command.\n"
    )
    assert result.stderr.count("\n") == 1


def test_workers_yield_to_apis_on_the_same_machine(demo: Path) -> None:
    (demo / "demo" / "settings.py").write_text("WorkerSettings = dict\n")
    (demo / "demo" / "worker.py").write_text(
        "import os, sys\n"
        "def create_worker(settings):\n"
        "    policy = os.sched_getscheduler(0) if sys.platform == 'linux' else 'unknown'\n"
        "    sys.exit(f'niceness {os.nice(0)}, policy {policy}')\n"
    )
    policy = os.SCHED_BATCH if sys.platform == "linux" else "unknown"
    assert run_demo(demo, "worker").stderr == f"niceness {min(os.nice(0) + 10, 19)}, policy {policy}\n"
