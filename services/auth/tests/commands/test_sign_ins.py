import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from auth.commands.sign_ins import complete_log_in, exchange_refresh_token, log_out
from auth.domain.sign_ins import MAX_SESSIONS_PER_ACCOUNT, REFRESH_TOKEN_TTL
from auth.errors import InvalidCredentials
from auth.models import RefreshToken, RefreshTokenFamily, User
from auth.queries.sign_ins import Credential, find_credential_by_email
from auth.tokens.opaque_tokens import compute_digest
from shared.data.db import Database
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

NOW = datetime.now(UTC)
NEVER_VERIFIED = "not a hash: no test here checks a password"


type OpenAccount = Callable[..., Awaitable[User]]


def get_time_after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def to_credential(user: User) -> Credential:
    """Return the credential that a password was checked against."""
    return Credential(user.id, user.password_hash, user.password_set_at)


async def sign_in(session: AsyncSession, user: User) -> str:
    """Sign in and return the first refresh token."""
    return (await complete_log_in(session, to_credential(user), new_hash=None, now=NOW)).refresh_token


async def refresh(session: AsyncSession, token: str, *, now: datetime) -> str | None:
    rotated = await exchange_refresh_token(session, token, now=now)
    return rotated.refresh_token if rotated else None


async def count_active_tokens(session: AsyncSession) -> int:
    spendable = (
        select(func.count())
        .select_from(RefreshToken)
        .join(RefreshTokenFamily, RefreshTokenFamily.id == RefreshToken.family_id)
    )
    live = RefreshToken.used_at.is_(None), RefreshTokenFamily.revoked_at.is_(None)
    return (await session.execute(spendable.where(*live))).scalar_one()


async def test_a_sign_in_stores_an_upgraded_hash(session: AsyncSession, user: User) -> None:
    await complete_log_in(session, to_credential(user), new_hash="newer", now=NOW)
    credential = await find_credential_by_email(session, str(user.email))
    assert credential == (user.id, "newer", user.password_set_at)


async def test_signing_in_to_a_deleted_account_is_refused(session: AsyncSession) -> None:
    deleted_credential = Credential(uuid4(), NEVER_VERIFIED, NOW)
    with pytest.raises(InvalidCredentials):
        await complete_log_in(session, deleted_credential, new_hash=None, now=NOW)


async def test_the_database_contains_no_refresh_token(session: AsyncSession, user: User) -> None:
    first = await sign_in(session, user)
    second = await refresh(session, first, now=NOW)
    assert second is not None
    await session.flush()
    rows = [str(tuple(row)) for row in await session.execute(select(RefreshToken.__table__))]
    assert len(rows) == 2
    assert not any(token in row for token in (first, second) for row in rows)


async def test_an_account_has_a_limited_number_of_sign_ins(session: AsyncSession, user: User) -> None:
    tokens = [await sign_in(session, user) for _ in range(MAX_SESSIONS_PER_ACCOUNT)]
    used = await refresh(session, tokens[0], now=get_time_after(60))
    await log_out(session, tokens[1])
    for _ in range(2):
        await sign_in(session, user)
    # The session that had ended, and then the one that was refreshed longest ago, made room.
    families = await session.scalars(select(RefreshTokenFamily))
    assert len(families.all()) == MAX_SESSIONS_PER_ACCOUNT
    assert await refresh(session, tokens[2], now=get_time_after(120)) is None
    assert await refresh(session, tokens[3], now=get_time_after(120)) is not None
    assert await refresh(session, str(used), now=get_time_after(120)) is not None


async def test_each_refresh_returns_a_new_token(session: AsyncSession, user: User) -> None:
    tokens = [await sign_in(session, user)]
    for step in range(1, 4):
        successor = await refresh(session, tokens[-1], now=get_time_after(step * 60))
        assert successor not in {None, *tokens}
        tokens.append(str(successor))
    assert await count_active_tokens(session) == 1


@pytest.mark.parametrize("seconds", [0, 11, 60, 86_400 * 20])
async def test_repeating_a_refresh_returns_the_same_token_until_it_is_used(
    session: AsyncSession, user: User, seconds: int
) -> None:
    first = await sign_in(session, user)
    second = await refresh(session, first, now=get_time_after(0))
    assert await refresh(session, first, now=get_time_after(seconds)) == second
    third = await refresh(session, str(second), now=get_time_after(seconds))
    assert third not in {None, first, second}
    assert await refresh(session, str(second), now=get_time_after(seconds + 60)) == third


async def test_a_repeated_refresh_extends_the_session(session: AsyncSession, user: User) -> None:
    first = await sign_in(session, user)
    await refresh(session, first, now=get_time_after(0))
    later = NOW + REFRESH_TOKEN_TTL / 2
    await refresh(session, first, now=later)
    (family,) = await session.scalars(select(RefreshTokenFamily))
    assert family.expires_at == later + REFRESH_TOKEN_TTL


@pytest.mark.parametrize("seconds", [0, 5, 3600])
async def test_reuse_after_the_successor_was_used_revokes_the_family(
    session: AsyncSession, user: User, seconds: int
) -> None:
    other = await sign_in(session, user)
    stolen = await sign_in(session, user)
    second = await refresh(session, stolen, now=get_time_after(0))
    third = await refresh(session, str(second), now=get_time_after(0))
    assert await refresh(session, stolen, now=get_time_after(seconds)) is None
    assert await refresh(session, str(third), now=get_time_after(seconds)) is None
    assert await refresh(session, other, now=get_time_after(seconds)) is not None


async def test_every_refresh_writes_the_same_number_of_rows(session: AsyncSession, user: User) -> None:
    async def count_rows() -> tuple[int, ...]:
        await session.flush()
        counted = ("inserted", "updated", "deleted")
        counts = (f"pg_stat_get_xact_tuples_{operation}('refresh_tokens'::regclass)" for operation in counted)
        return tuple((await session.execute(text(f"SELECT {', '.join(counts)}"))).one())

    token = await sign_in(session, user)
    for step in range(50):
        before = await count_rows()
        token = str(await refresh(session, token, now=get_time_after(900 * step)))
        written_rows = [now - previous for now, previous in zip(await count_rows(), before, strict=True)]
        assert written_rows == [1, 1, 0]


async def test_reuse_is_detected_many_rotations_later(session: AsyncSession, user: User) -> None:
    head = oldest = await sign_in(session, user)
    for step in range(5):
        head = str(await refresh(session, head, now=get_time_after(3600 * step)))
    assert await refresh(session, oldest, now=get_time_after(3600 * 5)) is None
    assert await refresh(session, head, now=get_time_after(3600 * 5)) is None


async def test_a_session_expires_a_lifetime_after_its_last_refresh(session: AsyncSession, user: User) -> None:
    first = await sign_in(session, user)
    second = await refresh(session, first, now=NOW + REFRESH_TOKEN_TTL - timedelta(seconds=1))
    assert second is not None
    assert await refresh(session, second, now=NOW + REFRESH_TOKEN_TTL + timedelta(days=1)) is not None
    assert await refresh(session, await sign_in(session, user), now=NOW + REFRESH_TOKEN_TTL) is None


async def test_a_refresh_deletes_used_tokens_older_than_the_lifetime(
    session: AsyncSession, user: User
) -> None:
    first = await sign_in(session, user)
    second = str(await refresh(session, first, now=get_time_after(0)))
    third = str(await refresh(session, second, now=get_time_after(60)))
    await refresh(session, third, now=get_time_after(5) + REFRESH_TOKEN_TTL)
    digests = (await session.scalars(select(RefreshToken.digest))).all()
    assert compute_digest(first) not in digests
    assert compute_digest(second) in digests


async def test_the_next_sign_in_deletes_expired_families(session: AsyncSession, user: User) -> None:
    await sign_in(session, user)
    await complete_log_in(session, to_credential(user), new_hash=None, now=NOW + REFRESH_TOKEN_TTL)
    assert (await session.execute(select(func.count()).select_from(RefreshTokenFamily))).scalar_one() == 1


async def test_100_concurrent_uses_of_one_token_leave_one_active_token(
    committed_database: Database, open_account: OpenAccount
) -> None:
    user = await open_account(committed_database)
    async with committed_database.transaction() as session:
        token = await sign_in(session, user)

    async def use() -> str | None:
        async with committed_database.transaction() as session:
            return await refresh(session, token, now=get_time_after(1))

    async def take_turns() -> list[str | None]:
        return [await use() for _ in range(10)]

    # Ten at a time, because the pool has ten connections.
    successors = await asyncio.gather(*(take_turns() for _ in range(10)))
    assert len({successor for round_ in successors for successor in round_}) == 1
    assert successors[0][0] is not None
    async with committed_database.transaction() as session:
        assert await count_active_tokens(session) == 1


async def test_parallel_uses_of_different_tokens_do_not_deadlock(
    committed_database: Database, open_account: OpenAccount
) -> None:
    user = await open_account(committed_database)
    async with committed_database.transaction() as session:
        first = await sign_in(session, user)
        second = str(await refresh(session, first, now=get_time_after(0)))

    async def use(token: str) -> str | None:
        async with committed_database.transaction() as session:
            return await refresh(session, token, now=get_time_after(1))

    outcomes = await asyncio.gather(*(use(token) for token in [first, second] * 5))
    # Until the second token is used; after that, the first one counts as reuse, which ends the session.
    assert set(outcomes[::2]) <= {second, None}
    assert len(set(outcomes[1::2]) - {None}) <= 1
    assert await use(second) is None


async def test_signing_out_ends_only_one_session(session: AsyncSession, user: User) -> None:
    first, other = await sign_in(session, user), await sign_in(session, user)
    second = str(await refresh(session, first, now=NOW))
    await log_out(session, first, now=NOW)
    session.expire_all()
    assert await refresh(session, second, now=NOW) is None
    assert await refresh(session, other, now=NOW) is not None
    await log_out(session, first, now=NOW)


@pytest.mark.parametrize("token", ["", "x", "ß", "x" * 43])
async def test_unknown_refresh_tokens_are_ignored(session: AsyncSession, token: str) -> None:
    assert await refresh(session, token, now=NOW) is None
    await log_out(session, token, now=NOW)
