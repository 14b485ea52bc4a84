from functools import partial

from shared.data.cache import Cache
from shared.data.storage import Storage
from shared.messaging.worker import RESERVED_CONNECTIONS, build_worker
from starlette.applications import Starlette

from content.consumers import subscriptions
from content.jobs import MAX_LARGE_IMPORTS, MAX_SMALL_IMPORTS, create_jobs
from content.recent_plays import RecentPlays
from content.settings import WorkerSettings


def create_worker(settings: WorkerSettings) -> Starlette:
    redis_url = settings.redis_url.get_secret_value()
    cache, plays = Cache(redis_url, service="content"), RecentPlays(redis_url)
    storage = Storage(settings)
    return build_worker(
        settings,
        service="content",
        subscriptions=subscriptions,
        jobs=partial(create_jobs, cache=cache, storage=storage, plays=plays),
        # Those of one import are among the reserved ones.
        reserved_connections=RESERVED_CONNECTIONS + 2 * (MAX_LARGE_IMPORTS + MAX_SMALL_IMPORTS - 1),
        closing=[cache.close, plays.close],
    )
