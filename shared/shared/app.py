"""The processes of a service: its API and its worker, put together the same way in all of them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp

from shared import logging, metrics
from shared.db import Database
from shared.errors import BadRequest, Invalid, NotFound, ParleyError, problem
from shared.middleware import UNLOGGED, BodyLimit, RequestContext
from shared.ratelimit import RateLimits
from shared.settings import DatabaseSettings, Settings, StorageSettings
from shared.storage import Storage
from shared.tokens import AccessTokens, FetchedKeys

log = structlog.get_logger(__name__)

PROBE_SECONDS = 2.0


class MethodNotAllowed(ParleyError):
    """The path exists, the method does not."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class MalformedJson(BadRequest):
    """The body is not JSON at all."""

    code = "malformed_json"


type Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    """For a service that keeps nothing beside what its settings tell of."""
    yield


@dataclass(frozen=True)
class Check:
    """A dependency that readiness asks for; without an optional one the service goes on, slower."""

    probe: Callable[[], Awaitable[None]]
    required: bool = True


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
    app.add_exception_handler(ParleyError, _render)
    app.add_exception_handler(HTTPException, _render_http_exception)
    app.add_exception_handler(RequestValidationError, _render_validation)
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


async def health(_: Request) -> Response:
    """GET /health: the process runs."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """GET /ready: each dependency, "ok" or "down"; 503 when one is down that the service needs."""
    checks: dict[str, Check] = request.app.state.checks
    outcomes = await asyncio.gather(*(_passes(check) for check in checks.values()))
    results = dict(zip(checks, outcomes, strict=True))
    usable = all(passed or not checks[name].required for name, passed in results.items())
    document = {
        "status": "ready" if usable else "not_ready",
        "checks": {name: "ok" if passed else "down" for name, passed in results.items()},
    }
    return JSONResponse(document, 200 if usable else 503)


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await check.probe()
    except Exception as error:
        log.warning("not_ready", reason=repr(error))
        return False
    return True


async def _render(request: Request, error: Exception) -> Response:
    if not isinstance(error, ParleyError):
        raise error
    return problem(error, request_id=request.state.request_id)


async def _render_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return await _render(request, NotFound("There is nothing at this address."))
    if error.status_code == 405:
        allowed = {"Allow": ", ".join(_methods_at(request.app, request.url.path))}
        detail = f"This address does not take {request.method}."
        return await _render(request, MethodNotAllowed(detail, headers=allowed))
    return await _render(request, BadRequest("The request body could not be read."))


def _methods_at(app: FastAPI, path: str) -> list[str]:
    """What the address takes: the framework names the methods of the first of its routes, and no others."""
    found = {"GET"} if path in UNLOGGED else set[str]()
    for template, operations in app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            found |= {method.upper() for method in operations}
    return sorted(found)


async def _render_validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return await _render(request, MalformedJson("The body is not valid JSON."))
    # The rejected input is left out: it may be a password.
    found = [{"pointer": _pointer(each["loc"]), "message": _message(each)} for each in errors]
    detail = f"{found[0]['pointer']}: {found[0]['message']}"
    return await _render(request, Invalid(f"The request is not valid. {detail}.", errors=found))


def _message(error: Mapping[str, Any]) -> str:
    # pydantic counts the characters of a validated text as items.
    if error["type"] in {"too_short", "too_long"} and isinstance(error["input"], str):
        bound, side = ("min_length", "least") if error["type"] == "too_short" else ("max_length", "most")
        count = error["ctx"][bound]
        return f"Text should have at {side} {count} character{'s' if count > 1 else ''}"
    if error["loc"] == ("body",) and error["type"] == "model_attributes_type":
        return "Send a JSON object, and Content-Type: application/json"
    return str(error["msg"]).removeprefix("Value error, ")


def _pointer(location: tuple[int | str, ...]) -> str:
    """The JSON pointer (RFC 6901, as a URI fragment) of a body field; other parts keep their name."""
    parts = location[1:] if location[0] == "body" else location
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


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


def main(service: str, commands: Mapping[str, Callable[[list[str]], None]]) -> None:
    """Run the command that the process was started with: `python -m <service> <command> [arguments]`."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        sys.exit(f"usage: python -m {service} {{{','.join(commands)}}}")
    try:
        logging.configure(Settings().log_level, service=service, process=name)
        commands[name](sys.argv[2:])
    except ValidationError as error:
        # Settings that are missing or wrong, by the names of their variables; never with their values.
        wrong = (f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())
        sys.exit(f"{service} cannot start: {'; '.join(wrong)}")
