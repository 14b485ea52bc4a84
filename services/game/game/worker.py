"""The worker of the game service."""

from shared.settings import DatabaseSettings
from shared.worker import create_worker
from starlette.applications import Starlette

from game.consumers import subscriptions


def create(settings: DatabaseSettings) -> Starlette:
    """Consumers and relay."""
    return create_worker(settings, service="game", subscriptions=subscriptions)
