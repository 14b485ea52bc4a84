from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from shared.confined.process import forbid_core_dumps
from shared.http.app import create_api
from shared.http.health import Check

from scoring.admission import LearnerShares, UploadRoom
from scoring.api import routers
from scoring.audio.pool import DecoderPool
from scoring.providers import create_provider
from scoring.receipts import ReceiptIssuer
from scoring.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """Create the API. Raises OSError, ValueError or KeyError when the signing keys cannot be read."""
    app = create_api(settings, *routers, title="Parley scoring", lifespan=_lifespan)
    app.state.learner_shares = LearnerShares(settings.scoring_learner_recordings)
    app.state.upload_room = UploadRoom(settings.scoring_upload_bytes)
    app.state.receipts = ReceiptIssuer.load(settings.receipt_signing_keys_file)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # A core dump would write recordings to the disk.
    forbid_core_dumps()
    provider, decoders = create_provider(app.state.settings), DecoderPool.from_settings(app.state.settings)
    app.state.provider, app.state.decoders = provider, decoders
    app.state.checks |= {"provider": Check(provider.ping), "decoders": Check(decoders.ping)}
    try:
        decoders.start()
        await provider.start()
        app.state.loops += [*decoders.loops, *provider.loops]
        yield
    finally:
        await provider.close()
        await decoders.close()
