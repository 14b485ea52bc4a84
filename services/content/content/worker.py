"""The worker process of the content service."""

from shared.worker import create_worker
from starlette.applications import Starlette

from content.consumers import subscriptions
from content.settings import ContentSettings


def create(settings: ContentSettings) -> Starlette:
    """Consumers and relay."""
    return create_worker(settings, service="content", subscriptions=subscriptions)
