"""A replica of a service, served as services are: `python -m gateway.tests.replica <port>`."""

import asyncio
import sys

from shared.http.health import health
from shared.http.server import serve
from shared.settings import HttpApiSettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def _answer(request: Request) -> Response:
    await asyncio.sleep(0.02)
    return JSONResponse({"bytes": len(await request.body())})


if __name__ == "__main__":
    routes = [Route("/health", health), Route("/{rest:path}", _answer, methods=["GET", "POST"])]
    serve(Starlette(routes=routes), HttpApiSettings(port=int(sys.argv[1]), environment="test"))
