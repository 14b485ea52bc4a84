"""The API process of a service, assembled the same way in every service."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from math import ceil

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from shared import metrics
from shared.background import SupervisedLoop
from shared.data.db import Database
from shared.data.storage import Storage
from shared.errors import ParleyError
from shared.http.admission import NO_LANES, Admission, Lanes, UserShares, WorkSlots
from shared.http.arrivals import ArrivalShares
from shared.http.health import Check, health, ready
from shared.http.middleware import BodyLimit, RequestContext
from shared.http.problems import render, render_http_exception, render_validation_error
from shared.http.ratelimit import RateLimits
from shared.http.repeat import ConflictRepeater
from shared.http.unknown_fields import refuse_unknown_parameters
from shared.http.unread_bodies import UnreadBodies
from shared.messaging.wake_up import run_wake_up
from shared.security.current_user import AccessTokenVerifier
from shared.security.jwt import JwksClient
from shared.security.revocation import Revocations
from shared.settings import DatabaseSettings, HttpApiSettings, StorageSettings

type Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def run_without_lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


def get_operation_id(route: APIRoute) -> str:
    """Name the operation after its function, so that generated clients have readable names."""
    return route.name


def create_api(
    settings: HttpApiSettings,
    *routers: APIRouter,
    title: str,
    lifespan: Lifespan = run_without_lifespan,
    lanes: Lanes = NO_LANES,
) -> FastAPI:
    """Build an API with the database, storage, tokens and rate limits that its settings describe.

    They are in `app.state`. `lifespan` runs while they are open and may add to `checks` and `loops` there.
    """
    app = FastAPI(
        title=title,
        lifespan=_extend_lifespan(settings, lifespan),
        dependencies=[Depends(refuse_unknown_parameters)],
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=get_operation_id,
        # A redirect to `/path/` would expose the internal host or echo the client's Host header.
        redirect_slashes=False,
        # The framework's own telemetry would record rejected input.
        telemetry=TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False),
    )
    _init_state(app, settings, title)
    for router in routers:
        app.include_router(router)
    _add_handlers(app, settings, lanes)
    return app


def _extend_lifespan(settings: HttpApiSettings, lifespan: Lifespan) -> Lifespan:
    """Close what `_init_state` opened after the service's own lifespan, also if that one fails."""

    @asynccontextmanager
    async def extend_lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if isinstance(settings, DatabaseSettings):
                stack.push_async_callback(app.state.database.close)
                await stack.enter_async_context(run_wake_up(app.state.database))
            stack.push_async_callback(app.state.rate_limits.close)
            stack.push_async_callback(app.state.revocations.close)
            app.state.loops += await stack.enter_async_context(app.state.revocations.run_follower())
            # Without this, a new replica would refuse requests until it has fetched the keys.
            await app.state.token_keys.fetch_ahead()
            await stack.enter_async_context(lifespan(app))
            yield

    return extend_lifespan


def _add_handlers(app: FastAPI, settings: HttpApiSettings, lanes: Lanes) -> None:
    for path, endpoint in (("/health", health), ("/ready", ready), ("/metrics", metrics.render_metrics)):
        app.add_route(path, endpoint)
    app.add_exception_handler(ParleyError, render)
    app.add_exception_handler(HTTPException, render_http_exception)
    app.add_exception_handler(RequestValidationError, render_validation_error)
    app.add_middleware(ConflictRepeater)
    wait = settings.max_request_wait_seconds
    slots = WorkSlots(
        max_in_work=settings.max_requests_in_work,
        max_waiting=settings.max_requests_waiting,
        max_wait_seconds=wait,
    )
    shares, admin_shares = (
        UserShares(max_in_work=share, max_wait_seconds=wait) if share else None
        for share in (settings.max_user_requests_in_work, settings.max_user_admin_requests_in_work)
    )
    app.add_middleware(Admission, slots=slots, shares=shares, admin_shares=admin_shares, lanes=lanes)
    _limit_bodies(app, settings, lanes)
    app.add_middleware(RequestContext)


def _limit_bodies(app: FastAPI, settings: HttpApiSettings, lanes: Lanes) -> None:
    max_bytes, max_form_bytes = settings.max_body_bytes, settings.max_form_bytes
    by_path = {path: lane.max_body_bytes for path, lane in lanes.items()}
    app.add_middleware(
        BodyLimit, max_bytes=max_bytes, max_form_bytes=max_form_bytes, max_bytes_by_path=by_path
    )
    app.add_middleware(UnreadBodies)
    weights = {path: ceil(limit / max_bytes) for path, limit in by_path.items()}
    max_arriving = settings.max_address_requests_arriving
    app.add_middleware(ArrivalShares, max_per_address=max_arriving, weights_by_path=weights)


def _init_state(app: FastAPI, settings: HttpApiSettings, name: str) -> None:
    state = app.state
    state.settings = settings
    state.revocations = Revocations(settings.redis_url.get_secret_value())
    state.loops = list[SupervisedLoop]()
    state.token_keys = JwksClient(settings.jwks_url)
    state.token_verifier = AccessTokenVerifier(
        state.token_keys,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        revocations=state.revocations,
    )
    state.rate_limits = RateLimits(settings)
    state.checks = {"redis": Check(state.rate_limits.ping, required=False)}
    if isinstance(settings, DatabaseSettings):
        state.database = Database.from_settings(settings, name=name)
        state.checks["postgres"] = Check(lambda: state.database.ping())
    if isinstance(settings, StorageSettings):
        state.storage = Storage(settings)
        state.checks["storage"] = Check(state.storage.ping, required=False)
