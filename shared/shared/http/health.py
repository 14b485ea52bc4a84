"""Liveness and readiness of a process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.logging import describe_error

log = structlog.get_logger(__name__)

PROBE_TIMEOUT_SECONDS = 2.0
OPTIONAL_PROBE_TIMEOUT_SECONDS = 0.5
"""The gateway queries the services one after another, within BUDGET_MS of gateway/ready.lua. All of them must
answer within it, even if each waits for a dependency that it can do without."""
INTERNAL_PATHS = {"/health", "/ready", "/metrics"}


@dataclass(frozen=True)
class Check:
    """A dependency that readiness reports. The service works without an optional one."""

    probe: Callable[[], Awaitable[None]]
    required: bool = True


async def health(request: Request) -> Response:
    """Answer GET /health with the dead background loops, and 503 if one of them is required."""
    if stopping := _find_stopping_response(request):
        return stopping
    dead = [loop for loop in getattr(request.app.state, "loops", ()) if loop.is_dead]
    if not dead:
        return JSONResponse({"status": "ok"})
    names, failing = [loop.name for loop in dead], any(loop.required for loop in dead)
    log.error("not_healthy", loops=names)
    document = {"status": "failing" if failing else "ok", "loops": names}
    return JSONResponse(document, 503 if failing else 200)


async def ready(request: Request) -> Response:
    """Answer GET /ready: "ok" or "down" for each dependency, and 503 when a required one is down."""
    if stopping := _find_stopping_response(request):
        return stopping
    checks: dict[str, Check] = request.app.state.checks
    outcomes = await asyncio.gather(*(run_check(check) for check in checks.values()))
    results = dict(zip(checks, outcomes, strict=True))
    is_ready = all(has_passed or not checks[name].required for name, has_passed in results.items())
    document = {
        "status": "ready" if is_ready else "not_ready",
        "checks": {name: "ok" if has_passed else "down" for name, has_passed in results.items()},
    }
    return JSONResponse(document, 200 if is_ready else 503)


def _find_stopping_response(request: Request) -> Response | None:
    # Set by shared.http.server after SIGTERM. The gateway then stops sending requests.
    if getattr(request.app.state, "stopping", False):
        return JSONResponse({"status": "stopping"}, 503)
    return None


async def run_check(check: Check) -> bool:
    timeout_seconds = PROBE_TIMEOUT_SECONDS if check.required else OPTIONAL_PROBE_TIMEOUT_SECONDS
    try:
        async with asyncio.timeout(timeout_seconds):
            await check.probe()
    except Exception as error:
        log.warning("not_ready", reason=describe_error(error))
        return False
    return True
