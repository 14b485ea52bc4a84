"""The API process of a service, put together the same way in all of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from shared import metrics
from shared.data.db import Database
from shared.data.storage import Storage
from shared.errors import ParleyError
from shared.http.health import Check, health, ready
from shared.http.middleware import BodyLimit, RequestContext
from shared.http.problems import render, render_http_exception, render_validation
from shared.http.ratelimit import RateLimits
from shared.security.current_user import AccessTokens
from shared.security.jwt import FetchedKeys
from shared.settings import DatabaseSettings, Settings, StorageSettings

type Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    """For a service that keeps nothing beside what its settings tell of."""
    yield


def create_api(
    settings: Settings, *routers: APIRouter, title: str, lifespan: Lifespan = no_lifespan
) -> FastAPI:
    """An API with everything that its settings tell of: database, storage, tokens, rate limits, readiness.

    They are found in `app.state`; `lifespan` runs inside them and may add to `app.state.checks`.
    """

    @asynccontextmanager
    async def around(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with lifespan(app):
                yield
        finally:
            await app.state.rate_limits.close()
            if isinstance(settings, DatabaseSettings):
                await app.state.database.close()

    # What the framework would record by itself holds the input that was refused.
    silent = TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False)
    app = FastAPI(
        title=title,
        lifespan=around,
        docs_url=None,
        redoc_url=None,
        # An address with a slash behind is another one: to redirect would tell what Host says, or our own.
        redirect_slashes=False,
        telemetry=silent,
    )
    _equip(app, settings, title)
    for router in routers:
        app.include_router(router)
    for path, endpoint in (("/health", health), ("/ready", ready), ("/metrics", metrics.endpoint)):
        app.add_route(path, endpoint)
    app.add_exception_handler(ParleyError, render)
    app.add_exception_handler(HTTPException, render_http_exception)
    app.add_exception_handler(RequestValidationError, render_validation)
    app.add_middleware(BodyLimit, most_bytes=settings.max_body_bytes)
    app.add_middleware(RequestContext)
    return app


def _equip(app: FastAPI, settings: Settings, name: str) -> None:
    state = app.state
    state.settings = settings
    keys = FetchedKeys(settings.jwks_url)
    state.tokens = AccessTokens(keys, issuer=settings.token_issuer, audience=settings.token_audience)
    state.rate_limits = RateLimits(settings)
    state.checks = {"redis": Check(state.rate_limits.ping, required=False)}
    if isinstance(settings, DatabaseSettings):
        state.database = Database.connect(settings, name=name)
        state.checks["postgres"] = Check(lambda: state.database.ping())
    if isinstance(settings, StorageSettings):
        state.storage = Storage(settings)
        state.checks["storage"] = Check(state.storage.ping, required=False)


def serve(app: ASGIApp, settings: Settings) -> None:
    """Run until SIGTERM, then finish the requests at hand."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        # Longer than the gateway keeps an idle connection, or it sends a request into one that is closing.
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
