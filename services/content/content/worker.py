"""The worker process of the content service."""

from shared.data.cache import Cache
from shared.messaging.worker import create_worker
from starlette.applications import Starlette

from content.consumers import subscriptions
from content.settings import ContentSettings


def create(settings: ContentSettings) -> Starlette:
    """Consumers and relay."""
    cache = Cache(settings.redis_url.get_secret_value(), service="content")
    return create_worker(
        settings, service="content", subscriptions=subscriptions(cache), closing=[cache.close]
    )
