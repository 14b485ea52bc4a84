import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from shared.errors import Unavailable
from shared.http.app import create_api
from shared.http.health import Check
from shared.memory import forbid_core_dumps, overwrite_freed_memory

from scoring.admission import LearnerShares, UploadMemory
from scoring.api import routers
from scoring.audio.pool import DecoderPool
from scoring.budget import watch_budget
from scoring.providers import create_provider, verify_installation
from scoring.receipts import ReceiptIssuer
from scoring.settings import ApiSettings

START_TIMEOUT_SECONDS = 30.0


def create_app(settings: ApiSettings) -> FastAPI:
    """Create the API.

    Raises OSError, ValueError or KeyError when the signing keys cannot be read, and CannotStart if a
    provider's files are incomplete.
    """
    verify_installation(settings)
    app = create_api(settings, *routers, title="Parley scoring", lifespan=_lifespan)
    app.state.learner_shares = LearnerShares(settings.scoring_learner_recordings)
    app.state.upload_memory = UploadMemory(settings.scoring_upload_bytes)
    app.state.receipts = ReceiptIssuer.load(settings.receipt_signing_keys_file)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # A core dump would write recordings to disk.
    forbid_core_dumps()
    overwrite_freed_memory()
    providers, decoders = create_provider(app.state.settings), DecoderPool.from_settings(app.state.settings)
    app.state.providers, app.state.decoders = providers, decoders
    app.state.checks |= {"provider": Check(providers.ping), "decoders": Check(decoders.ping)}
    if len(providers.providers) > 1:
        app.state.checks |= {
            f"provider_{provider.capabilities.provider}": Check(provider.ping, required=False)
            for provider in providers.providers
        }
    try:
        await decoders.start()
        await providers.start()
        await _wait_until_ready(decoders.ping, providers.ping)
        async with watch_budget(providers.budget) as loops:
            app.state.loops += [*decoders.loops, *providers.loops, *loops]
            yield
    finally:
        await providers.close()
        await decoders.close()


async def _wait_until_ready(*pings: Callable[[], Awaitable[None]]) -> None:
    """Wait until recordings can be scored: the gateway sends them as soon as the port is open."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            for ping in pings:
                while not await _is_available(ping):  # noqa: ASYNC110 - other processes, which start
                    await asyncio.sleep(0.05)


async def _is_available(ping: Callable[[], Awaitable[None]]) -> bool:
    try:
        await ping()
    except Unavailable:
        return False
    return True
