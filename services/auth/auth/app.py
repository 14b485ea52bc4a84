from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from shared.http.app import create_api
from shared.security.current_user import AccessTokenVerifier

from auth import api, panel
from auth.commands.operators import reconcile_operator
from auth.commands.revocations import create_publisher
from auth.domain.operators import Operator
from auth.export import GameClient
from auth.limits import KnownAddresses
from auth.passwords import MAX_QUEUED_PER_ADDRESS, PasswordHasher
from auth.settings import ApiSettings
from auth.social import SocialSignIn, UsedTokens
from auth.tokens import AccessTokenIssuer, SigningKeyStore


def create_app(settings: ApiSettings) -> FastAPI:
    """Create the API. Raises SigningKeysNotFound."""
    keys = SigningKeyStore(settings.signing_keys_file)
    issuer_and_audience = {"issuer": settings.token_issuer, "audience": settings.token_audience}
    app = create_api(settings, *api.routers, *panel.routers, title="Parley auth", lifespan=_lifespan)
    app.state.operator = create_operator(settings)
    app.state.keys = keys
    app.state.issuer = AccessTokenIssuer(keys, **issuer_and_audience)
    # This process has the keys and need not fetch them from its own address.
    app.state.token_verifier = AccessTokenVerifier(
        keys, **issuer_and_audience, revocations=app.state.revocations
    )
    panel.add_panel(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: ApiSettings = app.state.settings
    state = app.state
    state.passwords = PasswordHasher(
        threads=settings.password_threads,
        queue_size=settings.password_queue_size,
        max_queued_per_address=MAX_QUEUED_PER_ADDRESS if settings.rate_limit_enabled else None,
    )
    state.social = SocialSignIn(settings, UsedTokens(settings.redis_url.get_secret_value()))
    state.game = GameClient(str(settings.game_url))
    state.known_addresses = KnownAddresses(settings.redis_url.get_secret_value())
    publish_revoked = create_publisher(state.revocations)
    state.database.after_commit.append(publish_revoked)
    async with AsyncExitStack() as stack:
        stack.callback(state.database.after_commit.remove, publish_revoked)
        stack.push_async_callback(state.game.close)
        stack.push_async_callback(state.known_addresses.close)
        stack.push_async_callback(state.social.close)
        stack.callback(state.passwords.close)
        await reconcile_operator(state.database, state.operator)
        yield


def create_operator(settings: ApiSettings) -> Operator | None:
    password_hash = settings.admin_password_hash.get_secret_value()
    return Operator(settings.admin_username, password_hash) if password_hash else None
