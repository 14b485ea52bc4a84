"""The API process of the scoring service; it has no other."""

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from shared.http.app import create_api
from shared.http.health import Check

from scoring.api import routers
from scoring.providers.pocketsphinx.pool import WorkerPool
from scoring.providers.pocketsphinx.provider import PocketsphinxProvider
from scoring.receipts import ReceiptIssuer
from scoring.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """Routes, keys, and the provider with its workers.

    Raises OSError, ValueError or KeyError when the keys cannot be read.
    """
    app = create_api(settings, *routers, title="Parley scoring", lifespan=_lifespan)
    app.state.receipts = ReceiptIssuer.load(settings.receipt_signing_keys_file)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: ApiSettings = app.state.settings
    # A core dump would put recordings on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    workers = WorkerPool(
        count=settings.scoring_workers,
        queue_size=settings.scoring_queue_size,
        timeout_seconds=settings.scoring_timeout_seconds,
    )
    app.state.provider = PocketsphinxProvider(workers)
    app.state.checks["provider"] = Check(app.state.provider.ping)
    workers.start()
    yield
    await workers.close()
