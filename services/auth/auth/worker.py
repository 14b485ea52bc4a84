"""The worker process of the auth service: its relay. It consumes nothing."""

from shared.settings import DatabaseSettings
from shared.worker import create_worker
from starlette.applications import Starlette


def create(settings: DatabaseSettings) -> Starlette:
    """Publish what the outbox holds."""
    return create_worker(settings, service="auth", subscriptions={})
