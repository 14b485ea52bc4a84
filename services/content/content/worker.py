"""The worker process of the content service."""

from shared.cache import Cache
from starlette.applications import Starlette

from content.consumers import subscriptions
from content.settings import WorkerSettings
from shared import worker


def create_worker(settings: WorkerSettings) -> Starlette:
    """Create the process that consumes events and publishes the outbox."""
    cache = Cache(settings.redis_url.get_secret_value(), service="content")
    return worker.create_worker(
        settings, service="content", subscriptions=subscriptions(cache), closing=[cache.close]
    )
