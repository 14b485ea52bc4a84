from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from fastapi import FastAPI
from shared.audio.measurer import Measurer
from shared.background import Loop, run_loops
from shared.data.cache import Cache
from shared.errors import Unavailable
from shared.http.app import create_api
from shared.http.health import Check

from content.api import routers
from content.audio import RecordingMonitor
from content.catalogue import CatalogueRefresher
from content.panel import add_panel
from content.recent_plays import RecentPlays
from content.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    app = create_api(settings, *routers, title="Parley content", lifespan=_lifespan)
    add_panel(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    catalogue = state.catalogue = CatalogueRefresher(state.database)
    recordings = RecordingMonitor(state.database, state.storage)
    redis_url = state.settings.redis_url.get_secret_value()
    state.cache, state.recent_plays = Cache(redis_url, service="content"), RecentPlays(redis_url)
    state.checks["catalogue"] = Check(catalogue.ping)
    state.checks["recordings"] = Check(recordings.ping, required=False)
    bucket_creation = Loop(
        name="bucket_creation", work=state.storage.ensure_bucket, interval_seconds=None, required=False
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(state.cache.close)
        stack.push_async_callback(state.recent_plays.close)
        state.measurer = await stack.enter_async_context(Measurer())
        # The gateway sends draws as soon as the port is open. Without a database, the loop keeps trying.
        with suppress(Unavailable):
            await catalogue.refresh()
        loops = run_loops(catalogue.loop, recordings.loop, bucket_creation)
        state.loops += await stack.enter_async_context(loops)
        yield
