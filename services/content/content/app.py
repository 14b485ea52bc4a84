"""The API process of the content service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from shared.app import Check, create_api
from shared.cache import Cache
from shared.errors import Unavailable
from shared.storage import Storage

from content.api import routers
from content.audio.monitor import RecordingMonitor
from content.catalogue.refresher import CatalogueRefresher
from content.settings import ApiSettings

log = structlog.get_logger(__name__)


def create_app(settings: ApiSettings) -> FastAPI:
    return create_api(settings, *routers, title="Parley content", lifespan=_lifespan)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    catalogue = CatalogueRefresher(app.state.database)
    app.state.catalogue = catalogue
    app.state.checks["catalogue"] = Check(catalogue.ping)
    recordings = RecordingMonitor(app.state.database, app.state.storage)
    app.state.checks["recordings"] = Check(recordings.ping, required=False)
    app.state.cache = Cache(app.state.settings.redis_url.get_secret_value(), service="content")
    ensuring = asyncio.create_task(_ensure_bucket(app.state.storage))
    async with catalogue.followed(), recordings.watched():
        yield
    ensuring.cancel()
    await app.state.cache.close()


async def _ensure_bucket(storage: Storage) -> None:
    """Create the bucket as soon as the storage answers. Nothing waits for it."""
    while True:
        try:
            return await storage.ensure_bucket()
        except Unavailable as error:
            log.warning("bucket_creation_retrying", reason=error.detail)
        await asyncio.sleep(5)
