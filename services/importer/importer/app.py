from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from shared.background import run_loops
from shared.http.app import create_api

from importer.api import routers
from importer.progress import ProgressFeed, StreamSlots
from importer.queries.imports import find_import_summaries
from importer.settings import ApiSettings

MAX_DOWNLOADS, MAX_USER_DOWNLOADS = 16, 2
"""Reports that are sent at the same time; each holds a mebibyte."""


def create_app(settings: ApiSettings) -> FastAPI:
    app = create_api(settings, *routers, title="Parley importer", lifespan=_lifespan)
    app.state.stream_slots = StreamSlots(limit=settings.max_streams, user_limit=settings.max_user_streams)
    app.state.download_slots = StreamSlots(limit=MAX_DOWNLOADS, user_limit=MAX_USER_DOWNLOADS)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    feed = app.state.progress_feed = ProgressFeed(partial(find_import_summaries, app.state.database))
    async with run_loops(feed.loop) as loops:
        app.state.loops += loops
        yield
