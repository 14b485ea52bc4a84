import asyncio
import gc
import signal
import socket
import time
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from shared import stopping
from shared.settings import ServerSettings


def serve(app: Starlette, settings: ServerSettings) -> None:
    """Run until SIGTERM, then finish the requests in progress, within `MAX_STOP_SECONDS`."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop=settings.event_loop,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        # Longer than the gateway keeps an idle connection, or it would send a request into a closing one.
        timeout_keep_alive=30,
        timeout_graceful_shutdown=stopping.MAX_WORK_SECONDS + stopping.MAX_ABORT_SECONDS,
    )
    _DelayedServer(config, app, settings.shutdown_delay_seconds).run()


class _DelayedServer(uvicorn.Server):
    # After SIGTERM it continues to serve for a while and reports that it is stopping. By the time it refuses
    # connections, the gateway sends it none.
    def __init__(self, config: uvicorn.Config, app: Starlette, delay_seconds: float) -> None:
        super().__init__(config)
        self._app, self._delay_seconds = app, delay_seconds
        self._closes_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # SIGALRM ends the process even if its event loop is blocked. A repeated signal gives no extra time.
        if signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            signal.setitimer(signal.ITIMER_REAL, stopping.MAX_STOP_SECONDS)
        # Endless streams end when they see this.
        self._app.state.stopping = True
        if sig != signal.SIGTERM or not self._delay_seconds:
            return super().handle_exit(sig, frame)
        if self._closes_at is None:
            self._closes_at = time.monotonic() + self._delay_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Abort requests before the server closes their connections, so that they can clean up and respond.
        asyncio.get_running_loop().call_later(stopping.MAX_WORK_SECONDS, self._abort_requests)
        await super().shutdown(sockets)

    def _abort_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Loaded objects are permanent. Otherwise every full collection would scan them, for 100 ms.
        gc.collect()
        gc.freeze()

    async def on_tick(self, counter: int) -> bool:
        if self._closes_at is not None and time.monotonic() >= self._closes_at:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)
