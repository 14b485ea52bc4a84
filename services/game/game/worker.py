"""The worker process of the game service: consumers and relay."""

from shared.messaging.worker import build_worker
from starlette.applications import Starlette

from game.consumers import subscriptions
from game.settings import WorkerSettings


def create_worker(settings: WorkerSettings) -> Starlette:
    return build_worker(settings, service="game", subscriptions=subscriptions)
