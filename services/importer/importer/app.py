from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from shared.audio.measurer import Measurer
from shared.background import Loop, run_loops
from shared.http.app import create_api

from importer.api import routers
from importer.audio import UploadSlots
from importer.panel import add_panel
from importer.progress import ProgressFeed, StreamSlots
from importer.queries.imports import find_import_summaries
from importer.settings import ApiSettings

MAX_DOWNLOADS, MAX_USER_DOWNLOADS = 16, 2
"""Concurrent report downloads. Each uses one MiB."""


def create_app(settings: ApiSettings) -> FastAPI:
    app = create_api(settings, *routers, title="Parley importer", lifespan=_lifespan)
    app.state.stream_slots = StreamSlots(limit=settings.max_streams, user_limit=settings.max_user_streams)
    app.state.download_slots = StreamSlots(limit=MAX_DOWNLOADS, user_limit=MAX_USER_DOWNLOADS)
    app.state.upload_slots = UploadSlots(
        limit=settings.max_uploads,
        user_limit=settings.max_user_uploads,
        wait_seconds=settings.max_upload_wait_seconds,
    )
    add_panel(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    feed = app.state.progress_feed = ProgressFeed(partial(find_import_summaries, app.state.database))
    bucket_creation = Loop(
        name="bucket_creation", work=app.state.storage.ensure_bucket, interval_seconds=None, required=False
    )
    async with Measurer() as app.state.measurer, run_loops(feed.loop, bucket_creation) as loops:
        app.state.loops += loops
        yield
