"""The worker of the game service."""

from shared.messaging.worker import create_worker
from shared.settings import DatabaseSettings
from starlette.applications import Starlette

from game.consumers import subscriptions


def create(settings: DatabaseSettings) -> Starlette:
    """Consumers and relay."""
    return create_worker(settings, service="game", subscriptions=subscriptions)
