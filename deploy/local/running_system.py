"""The system that is running from this clone, embedded or in containers, as its clients see it."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local import lock
from deploy.local.lock import NotRunning
from deploy.local.processes import ROOT, RunFailed
from deploy.local.servers.server import fetch_status


@dataclass(frozen=True)
class RunningSystem:
    url: str
    email_folder: Path
    """The folder that receives e-mails."""
    invents_scores: bool = False


def find(folder: Path) -> RunningSystem:
    """Return this folder's embedded run, or the containers of `make up`. Raises RunFailed if neither runs, or
    if the run has not started yet.
    """
    try:
        url = f"http://127.0.0.1:{_get_open_port(folder)}"
    except NotRunning:
        if (port := _find_container_port(ROOT / ".env")) is None:
            raise
        return RunningSystem(f"http://127.0.0.1:{port}", ROOT / ".compose" / "mail")
    invents_scores = (folder / "pids" / "speech-double").exists()
    return RunningSystem(url, folder / "mail", invents_scores=invents_scores)


def _get_open_port(folder: Path) -> int:
    port = lock.get_port(folder)
    try:
        fetch_status(port, "/health")
    except OSError:
        raise RunFailed("Parley is starting: wait until `make run` says that it is ready.") from None
    return port


def _find_container_port(file: Path) -> int | None:
    if not file.exists():
        return None
    settings = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    port = settings.get("PORT", "")
    try:
        return int(port) if port.isdecimal() and fetch_status(int(port), "/health") == 200 else None
    except OSError:
        return None
