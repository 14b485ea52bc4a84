"""The worker of the game service."""

from starlette.applications import Starlette

from game.consumers import subscriptions
from game.settings import WorkerSettings
from shared import worker


def create_worker(settings: WorkerSettings) -> Starlette:
    """Consumers and relay."""
    return worker.create_worker(settings, service="game", subscriptions=subscriptions)
