"""Liveness and readiness of a process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = structlog.get_logger(__name__)

PROBE_SECONDS = 2.0
UNLOGGED = {"/health", "/ready", "/metrics"}


@dataclass(frozen=True)
class Check:
    """A dependency that readiness asks for; without an optional one the service goes on, slower."""

    probe: Callable[[], Awaitable[None]]
    required: bool = True


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
