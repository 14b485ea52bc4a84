from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from shared.http.app import create_api
from shared.http.health import Check
from shared.memory import forbid_core_dumps, overwrite_freed_memory

from scoring.admission import LearnerShares, UploadRoom
from scoring.api import routers
from scoring.audio.pool import DecoderPool
from scoring.budget import watch_budget
from scoring.providers import create_provider, verify_installation
from scoring.receipts import ReceiptIssuer
from scoring.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """Create the API.

    Raises OSError, ValueError or KeyError when the signing keys cannot be read, and CannotStart if a
    provider's files are incomplete.
    """
    verify_installation(settings)
    app = create_api(settings, *routers, title="Parley scoring", lifespan=_lifespan)
    app.state.learner_shares = LearnerShares(settings.scoring_learner_recordings)
    app.state.upload_room = UploadRoom(settings.scoring_upload_bytes)
    app.state.receipts = ReceiptIssuer.load(settings.receipt_signing_keys_file)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # A core dump would write recordings to the disk.
    forbid_core_dumps()
    overwrite_freed_memory()
    providers, decoders = create_provider(app.state.settings), DecoderPool.from_settings(app.state.settings)
    app.state.providers, app.state.decoders = providers, decoders
    app.state.checks |= {"provider": Check(providers.ping), "decoders": Check(decoders.ping)}
    if len(providers.providers) > 1:
        app.state.checks |= {
            f"provider_{each.capabilities.provider}": Check(each.ping, required=False)
            for each in providers.providers
        }
    try:
        await decoders.start()
        await providers.start()
        async with watch_budget(providers.budget) as loops:
            app.state.loops += [*decoders.loops, *providers.loops, *loops]
            yield
    finally:
        await providers.close()
        await decoders.close()
