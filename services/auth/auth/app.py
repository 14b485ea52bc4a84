"""The API process of the auth service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from shared.app import create_api
from shared.tokens import AccessTokens, FixedKeys

from auth import api
from auth.access_tokens import AccessTokenIssuer, signing_keys
from auth.passwords import Passwords
from auth.settings import AuthSettings


def create_app(settings: AuthSettings) -> FastAPI:
    """Routes, database, keys, and the threads that hash passwords. Raises KeysMissing."""
    keys = signing_keys(settings)
    parties = {"issuer": settings.token_issuer, "audience": settings.token_audience}
    app = create_api(settings, api.keys, api.auth, api.profile, title="Parley auth", lifespan=_lifespan)
    app.state.jwks = keys.public
    app.state.issuer = AccessTokenIssuer(keys, **parties)
    # The publisher of the keys need not fetch them.
    app.state.tokens = AccessTokens(FixedKeys(keys.public), **parties)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: AuthSettings = app.state.settings
    app.state.passwords = Passwords(threads=settings.password_threads, queue=settings.password_queue)
    yield
    app.state.passwords.close()
