"""The worker process of the game service: consumers and relay."""

from starlette.applications import Starlette

from game.consumers import subscriptions
from game.settings import WorkerSettings
from shared import worker


def create_worker(settings: WorkerSettings) -> Starlette:
    return worker.create_worker(settings, service="game", subscriptions=subscriptions)
