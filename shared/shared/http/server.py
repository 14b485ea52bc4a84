import uvicorn
from starlette.types import ASGIApp

from shared.settings import ServerSettings


def serve(app: ASGIApp, settings: ServerSettings) -> None:
    """Run until SIGTERM, then finish the requests in progress."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        # Longer than the gateway keeps an idle connection, or it would send a request into a closing one.
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
