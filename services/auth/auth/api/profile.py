"""One's own account."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Request, Response
from shared.http.dependencies import Session
from shared.http.ratelimit import per_user
from shared.security.current_user import CurrentUser

from auth import commands, queries
from auth.api.dependencies import Hashing, Me, OpenDatabase, Providers, limit_account, unstored
from auth.api.social import proof_of
from auth.domain import AccountGone, InvalidCredentials, NoPassword, email_key, ensure_strong
from auth.export.game_client import GameClient
from auth.schemas import IdentityLink, LinkedIdentities, PasswordChange, ProfileChanges, Provider, User

router = APIRouter(
    prefix="/api/v1/users",
    tags=["Profile"],
    dependencies=[Depends(per_user("profile", per_minute=100)), Depends(unstored)],
    responses={
        401: {"description": "`unauthorized`: no token, or not a good one, or its sign-in has ended."}
    },
)


@router.get("/me")
async def me(me: Me) -> User:
    """The account of whoever asks."""
    return me


@router.put("/me")
async def update_me(body: ProfileChanges, me: Me, session: Session) -> User:
    """Change the name or the picture; what is left out stays as it is."""
    changes = body.model_dump(mode="json", exclude_unset=True)
    return User.model_validate(await commands.update_profile(session, me.id, changes, now=datetime.now(UTC)))


@router.delete(
    "/me",
    status_code=204,
    responses={409: {"description": "`last_admin`: make somebody else an admin first."}},
)
async def delete_me(me: Me, session: Session) -> None:
    """Leave. All sign-ins end at once, and everything that is held on you is removed for good."""
    await commands.delete_user(session, me.id)


@router.put(
    "/me/password",
    status_code=204,
    responses={
        401: {"description": "`unauthorized`, or `invalid_credentials`: the current password is wrong."},
        409: {"description": "`no_password`: the account is signed in to with a provider."},
        422: {"description": "`weak_password`, or `validation_failed` naming the fields."},
    },
)
async def change_password(
    request: Request, body: PasswordChange, caller: CurrentUser, database: OpenDatabase, passwords: Hashing
) -> None:
    """Change the password, and sign out all other devices."""
    await limit_account(request, "password_account", str(caller.id), per_minute=10)
    new = body.new_password.get_secret_value()
    ensure_strong(new, pointer="#/new_password")
    # No connection waits while passwords are hashed.
    async with database.transaction() as session:
        await queries.user_of(session, caller)
        known = await queries.credential_of_user(session, caller.id)
    if known is None or caller.session_id is None:
        raise AccountGone
    if known.password_hash is None:
        raise NoPassword("This account has no password yet: ask for a link to set one (forgot password).")
    right, _ = await passwords.verify(body.current_password.get_secret_value(), known.password_hash)
    if not right:
        raise InvalidCredentials("The current password is wrong.")
    hashed = await passwords.hash(new)
    async with database.transaction() as session:
        await commands.change_password(
            session, known, new_hash=hashed, family_id=caller.session_id, now=datetime.now(UTC)
        )


@router.post("/me/email/verify", status_code=202, response_class=Response)
async def ask_to_verify_email(me: Me, session: Session) -> None:
    """Ask for another link to confirm the account's address. Nothing is sent if it is confirmed already."""
    if not me.email_verified:
        commands.request_letter(session, "verify_email", email_key(me.email))


@router.get("/me/identities")
async def my_identities(me: Me, session: Session) -> LinkedIdentities:
    """The social sign-ins of the account."""
    return LinkedIdentities(identities=await queries.identities_of(session, me.id))


@router.post(
    "/me/identities",
    status_code=204,
    responses={
        401: {"description": "`unauthorized`, or `invalid_social_token`."},
        409: {"description": "`identity_taken`; or `email_unverified`: confirm the account's address first."},
        503: {"description": "`provider_unavailable`"},
    },
)
async def add_identity(
    body: IdentityLink, caller: CurrentUser, database: OpenDatabase, providers: Providers
) -> None:
    """Add a social sign-in to the account, with a token as for `POST /auth/social`. Again changes nothing."""
    proven = await proof_of(body, providers)
    async with database.transaction() as session:
        me = await queries.user_of(session, caller)
        await commands.link_identity(session, me.id, proven, now=datetime.now(UTC))


@router.delete(
    "/me/identities/{provider}",
    status_code=204,
    responses={
        404: {"description": "`identity_not_found`"},
        409: {"description": "`last_sign_in`: nothing else opens the account; set a password first."},
    },
)
async def remove_identity(provider: Provider, me: Me, session: Session) -> None:
    """Remove a social sign-in from the account."""
    await commands.unlink_identity(session, me.id, provider)


@router.get(
    "/me/export",
    response_class=Response,
    responses={
        200: {
            "description": "A JSON document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        503: {"description": "`export_unavailable`: a part cannot be had now, and half is not given out."},
    },
)
async def export_me(request: Request, caller: CurrentUser, database: OpenDatabase) -> Response:
    """Everything that is held on you: `account`, and `game` with all sessions and their results."""
    async with database.transaction() as session:
        me = await queries.user_of(session, caller)
        account = await queries.account_data_of(session, me.id)
    games: GameClient = request.app.state.game
    # The games of years may be many; they are handed on as they come.
    played = await games.export(request.headers["authorization"].partition(" ")[2])
    exported_at = datetime.now(UTC).isoformat(timespec="seconds")
    document = b'{"exported_at":"%b","account":%b,"game":%b}' % (
        exported_at.encode(),
        account.model_dump_json().encode(),
        played,
    )
    headers = {
        "Content-Disposition": 'attachment; filename="parley-export.json"',
        "Cache-Control": "no-store",
    }
    return Response(document, media_type="application/json", headers=headers)
