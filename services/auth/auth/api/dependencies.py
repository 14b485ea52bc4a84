"""Dependencies, routers and responses that several routes share."""

import hashlib
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import SecretStr
from shared.data.db import Database
from shared.data.db_errors import DatabaseUnavailable
from shared.errors import Forbidden, Invalid, TooManyRequests
from shared.http.dependencies import SessionDep, from_state
from shared.http.problems import build_error_responses
from shared.http.ratelimit import ClientAddress, get_rate_limits, limit_per_user
from shared.security.current_user import CurrentUser, Principal, authenticate

from auth.commands.sign_ins import AuthenticatedSession
from auth.domain.operators import ensure_not_operator
from auth.domain.users import to_canonical_email
from auth.errors import OperatorAccount, SignedOut
from auth.export import GameClient
from auth.limits import KnownAddresses
from auth.passwords import PasswordHasher
from auth.queries.roles import find_role
from auth.queries.sign_ins import find_address_key, find_family_id
from auth.queries.users import get_current_user
from auth.schemas.sign_ins import LoginResponse, TokenPair
from auth.schemas.users import UserRead
from auth.social import SocialSignIn
from auth.tokens import AccessTokenIssuer, SigningKeyStore

LOGINS_PER_MINUTE = 10


def _get_passwords(request: Request, client_address: ClientAddress) -> PasswordHasher:
    passwords: PasswordHasher = request.app.state.passwords
    return passwords.for_address(client_address)


PasswordHasherDep = Annotated[PasswordHasher, Depends(_get_passwords)]
AccessTokenIssuerDep = Annotated[AccessTokenIssuer, from_state("issuer")]
SigningKeyStoreDep = Annotated[SigningKeyStore, from_state("keys")]
SocialSignInDep = Annotated[SocialSignIn, from_state("social")]
GameClientDep = Annotated[GameClient, from_state("game")]
KnownAddressesDep = Annotated[KnownAddresses, from_state("known_addresses")]


async def _get_current_account(caller: CurrentUser, session: SessionDep) -> UserRead:
    return await get_current_user(session, caller)


CurrentAccount = Annotated[UserRead, Depends(_get_current_account)]
"""The caller's account; raises if the session has ended."""


async def find_caller(request: Request) -> Principal | None:
    """Return None without an access token. Raises Unauthorized for one that is not valid."""
    return await authenticate(request) if "authorization" in request.headers else None


async def _get_current_admin(caller: CurrentUser, session: SessionDep) -> Principal:
    """Check the role in the database: an older token may still carry a revoked role."""
    role = await find_role(session, caller)
    if role is None:
        raise SignedOut
    if role != "admin":
        raise Forbidden("Only an admin may do this.")
    return caller


CurrentAdmin = Annotated[Principal, Depends(_get_current_admin)]


async def limit_account(
    request: Request, name: str, subject: str, *, per_minute: int, fail_closed: bool = False
) -> None:
    """Limit attempts on one account, given its e-mail address or id, over all client addresses together."""
    # Redis must not hold personal data, so the key is a digest.
    digest = hashlib.sha256(to_canonical_email(subject).encode()).hexdigest()
    limits = get_rate_limits(request)
    await limits.check(request, name, digest, per_minute=per_minute, fail_closed=fail_closed)


async def is_known_address(
    database: Database, known_addresses: KnownAddresses, *, email: str, client_address: str
) -> bool:
    """Return whether the account's owner has signed in from this address; False if Redis is down."""
    async with database.transaction() as session:
        address_key = await find_address_key(session, email)
    return await known_addresses.is_known(address_key, client_address)


async def limit_log_in(
    request: Request, database: Database, known_addresses: KnownAddresses, *, email: str, client_address: str
) -> None:
    """Limit attempts on an account. A known client address has its own limit, which others cannot use up."""
    name, subject = "login_account", email
    if await is_known_address(database, known_addresses, email=email, client_address=client_address):
        name, subject = "login_known_address", f"{email} {client_address}"
    await limit_account(request, name, subject, per_minute=LOGINS_PER_MINUTE, fail_closed=True)


async def limit_refresh(
    request: Request, database: Database, refresh_token: str, *, client_address: str
) -> None:
    """Limit refreshes by session. Only unknown tokens count per address, because a school may share one."""
    async with database.transaction() as session:
        family_id = await find_family_id(session, refresh_token)
    name, subject = ("refresh", client_address) if family_id is None else ("refresh_session", str(family_id))
    await get_rate_limits(request).check(request, name, subject, per_minute=100)


async def limit_password_checks(request: Request, caller: Principal, password: SecretStr | None) -> None:
    """Limit how often the holder of an access token can try the account's password."""
    if password is not None:
        await limit_account(request, "password_account", str(caller.id), per_minute=10)


def create_token_pair(signed_in: AuthenticatedSession, issuer: AccessTokenIssuer) -> TokenPair:
    user = signed_in.user
    access_token = issuer.issue(
        user.id, user.role, session_id=signed_in.family_id, version=user.token_version
    )
    return TokenPair(access_token=access_token, refresh_token=signed_in.refresh_token)


def create_sign_in_response(signed_in: AuthenticatedSession, issuer: AccessTokenIssuer) -> LoginResponse:
    pair = create_token_pair(signed_in, issuer)
    return LoginResponse(user=UserRead.model_validate(signed_in.user), **pair.model_dump())


# A route's responses replace those of its router by status, so they include the router's.
auth_errors = partial(build_error_responses, Invalid, TooManyRequests, DatabaseUnavailable)
profile_errors = partial(
    build_error_responses, SignedOut, OperatorAccount, TooManyRequests, DatabaseUnavailable
)
admin_errors = partial(
    build_error_responses, SignedOut, Forbidden, Invalid, TooManyRequests, DatabaseUnavailable
)


def create_auth_router() -> APIRouter:
    return APIRouter(prefix="/api/v1/auth", tags=["Auth"], responses=auth_errors())


async def _refuse_operator(caller: CurrentUser) -> None:
    # An e-mail address, password or identity of the operator would outlive the configuration.
    ensure_not_operator(caller.id)


def create_profile_router() -> APIRouter:
    return APIRouter(
        prefix="/api/v1/users",
        tags=["Profile"],
        dependencies=[Depends(limit_per_user("profile", per_minute=100)), Depends(_refuse_operator)],
        responses=profile_errors(),
    )


def create_admin_router() -> APIRouter:
    limit = limit_per_user("admin", per_minute=200)
    return APIRouter(
        prefix="/api/v1/admin",
        tags=["Admin"],
        dependencies=[Depends(limit), Depends(_get_current_admin)],
        responses=admin_errors(),
    )
