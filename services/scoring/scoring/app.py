import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from shared.http.app import create_api
from shared.http.health import Check

from scoring.api import routers
from scoring.providers import create_provider
from scoring.receipts import ReceiptIssuer
from scoring.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """Create the API. Raises OSError, ValueError or KeyError when the signing keys cannot be read."""
    app = create_api(settings, *routers, title="Parley scoring", lifespan=_lifespan)
    app.state.receipts = ReceiptIssuer.load(settings.receipt_signing_keys_file)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # A core dump would write recordings to the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    provider = create_provider(app.state.settings)
    app.state.provider = provider
    app.state.checks["provider"] = Check(provider.ping)
    try:
        await provider.start()
        app.state.loops += provider.loops
        yield
    finally:
        await provider.close()
