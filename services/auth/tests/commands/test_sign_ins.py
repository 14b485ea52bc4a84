import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from auth.commands.sign_ins import complete_log_in, exchange_refresh_token, log_out
from auth.domain.sign_ins import REFRESH_TOKEN_TTL
from auth.errors import InvalidCredentials
from auth.models import RefreshToken, RefreshTokenFamily, User
from auth.queries.sign_ins import Credential, find_credential_by_email
from auth.tokens.opaque_tokens import digest
from shared.data.db import Database
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

NOW = datetime.now(UTC)
NEVER_VERIFIED = "not a hash: no test here checks a password"


type OpenAccount = Callable[..., Awaitable[User]]


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def checked(user: User) -> Credential:
    """What a password was checked against."""
    return Credential(user.id, user.password_hash, user.password_set_at)


async def signed_in(session: AsyncSession, user: User) -> str:
    """A first refresh token."""
    return (await complete_log_in(session, checked(user), new_hash=None, now=NOW)).refresh_token


async def refreshed(session: AsyncSession, token: str, *, at: datetime) -> str | None:
    rotated = await exchange_refresh_token(session, token, now=at)
    return rotated.refresh_token if rotated else None


async def heads(session: AsyncSession) -> int:
    spendable = (
        select(func.count())
        .select_from(RefreshToken)
        .join(RefreshTokenFamily, RefreshTokenFamily.id == RefreshToken.family_id)
    )
    live = RefreshToken.used_at.is_(None), RefreshTokenFamily.revoked_at.is_(None)
    return (await session.execute(spendable.where(*live))).scalar_one()


async def test_signing_in_takes_over_an_upgraded_hash(session: AsyncSession, user: User) -> None:
    await complete_log_in(session, checked(user), new_hash="newer", now=NOW)
    known = await find_credential_by_email(session, str(user.email))
    assert known == (user.id, "newer", user.password_set_at)


async def test_an_account_that_went_meanwhile_cannot_be_signed_in_to(session: AsyncSession) -> None:
    gone = Credential(uuid4(), NEVER_VERIFIED, NOW)
    with pytest.raises(InvalidCredentials):
        await complete_log_in(session, gone, new_hash=None, now=NOW)


async def test_a_refresh_token_is_nowhere_in_the_database(session: AsyncSession, user: User) -> None:
    first = await signed_in(session, user)
    second = await refreshed(session, first, at=NOW)
    assert second is not None
    await session.flush()
    rows = [str(tuple(row)) for row in await session.execute(select(RefreshToken.__table__))]
    assert len(rows) == 2
    assert not any(token in row for token in (first, second) for row in rows)


async def test_a_refresh_token_is_good_for_one_use(session: AsyncSession, user: User) -> None:
    tokens = [await signed_in(session, user)]
    for step in range(1, 4):
        successor = await refreshed(session, tokens[-1], at=after(step * 60))
        assert successor not in {None, *tokens}
        tokens.append(str(successor))
    assert await heads(session) == 1


@pytest.mark.parametrize("seconds", [0, 11, 60, 86_400 * 20])
async def test_a_lost_response_is_repeated_until_its_token_is_used(
    session: AsyncSession, user: User, seconds: int
) -> None:
    first = await signed_in(session, user)
    second = await refreshed(session, first, at=after(0))
    assert await refreshed(session, first, at=after(seconds)) == second
    third = await refreshed(session, str(second), at=after(seconds))
    assert third not in {None, first, second}
    assert await refreshed(session, str(second), at=after(seconds + 60)) == third


async def test_a_repeated_refresh_prolongs_the_session_like_the_first(
    session: AsyncSession, user: User
) -> None:
    first = await signed_in(session, user)
    await refreshed(session, first, at=after(0))
    later = NOW + REFRESH_TOKEN_TTL / 2
    await refreshed(session, first, at=later)
    (family,) = await session.scalars(select(RefreshTokenFamily))
    assert family.expires_at == later + REFRESH_TOKEN_TTL


@pytest.mark.parametrize("seconds", [0, 5, 3600])
async def test_a_reuse_after_the_successors_use_revokes_the_whole_family(
    session: AsyncSession, user: User, seconds: int
) -> None:
    other = await signed_in(session, user)
    stolen = await signed_in(session, user)
    second = await refreshed(session, stolen, at=after(0))
    third = await refreshed(session, str(second), at=after(0))
    assert await refreshed(session, stolen, at=after(seconds)) is None
    assert await refreshed(session, str(third), at=after(seconds)) is None
    assert await refreshed(session, other, at=after(seconds)) is not None


async def test_a_refresh_writes_as_many_rows_after_many_refreshes(session: AsyncSession, user: User) -> None:
    async def count_rows() -> tuple[int, ...]:
        await session.flush()
        counted = ("inserted", "updated", "deleted")
        counts = (f"pg_stat_get_xact_tuples_{each}('refresh_tokens'::regclass)" for each in counted)
        return tuple((await session.execute(text(f"SELECT {', '.join(counts)}"))).one())

    token = await signed_in(session, user)
    for step in range(50):
        before = await count_rows()
        token = str(await refreshed(session, token, at=after(900 * step)))
        written = [now - then for now, then in zip(await count_rows(), before, strict=True)]
        assert written == [1, 1, 0]


async def test_reuse_is_noticed_many_rotations_later(session: AsyncSession, user: User) -> None:
    head = oldest = await signed_in(session, user)
    for step in range(5):
        head = str(await refreshed(session, head, at=after(3600 * step)))
    assert await refreshed(session, oldest, at=after(3600 * 5)) is None
    assert await refreshed(session, head, at=after(3600 * 5)) is None


async def test_a_family_outlives_its_last_refresh_by_its_lifetime(session: AsyncSession, user: User) -> None:
    first = await signed_in(session, user)
    second = await refreshed(session, first, at=NOW + REFRESH_TOKEN_TTL - timedelta(seconds=1))
    assert second is not None
    assert await refreshed(session, second, at=NOW + REFRESH_TOKEN_TTL + timedelta(days=1)) is not None
    assert await refreshed(session, await signed_in(session, user), at=NOW + REFRESH_TOKEN_TTL) is None


async def test_what_is_past_its_use_is_forgotten(session: AsyncSession, user: User) -> None:
    first = await signed_in(session, user)
    second = str(await refreshed(session, first, at=after(0)))
    third = str(await refreshed(session, second, at=after(60)))
    await refreshed(session, third, at=after(5) + REFRESH_TOKEN_TTL)
    known = (await session.scalars(select(RefreshToken.digest))).all()
    assert digest(first) not in known
    assert digest(second) in known


async def test_expired_families_go_with_the_next_sign_in(session: AsyncSession, user: User) -> None:
    await signed_in(session, user)
    await complete_log_in(session, checked(user), new_hash=None, now=NOW + REFRESH_TOKEN_TTL)
    assert (await session.execute(select(func.count()).select_from(RefreshTokenFamily))).scalar_one() == 1


async def test_100_uses_of_one_token_at_once_leave_one_head(
    committed_database: Database, open_account: OpenAccount
) -> None:
    user = await open_account(committed_database)
    async with committed_database.transaction() as session:
        token = await signed_in(session, user)

    async def use() -> str | None:
        async with committed_database.transaction() as session:
            return await refreshed(session, token, at=after(1))

    async def take_turns() -> list[str | None]:
        return [await use() for _ in range(10)]

    # As many at once as the pool has connections for.
    successors = await asyncio.gather(*(take_turns() for _ in range(10)))
    assert len({successor for turn in successors for successor in turn}) == 1
    assert successors[0][0] is not None
    async with committed_database.transaction() as session:
        assert await heads(session) == 1


async def test_parallel_uses_of_different_tokens_do_not_deadlock(
    committed_database: Database, open_account: OpenAccount
) -> None:
    user = await open_account(committed_database)
    async with committed_database.transaction() as session:
        first = await signed_in(session, user)
        second = str(await refreshed(session, first, at=after(0)))

    async def use(token: str) -> str | None:
        async with committed_database.transaction() as session:
            return await refreshed(session, token, at=after(1))

    outcomes = await asyncio.gather(*(use(token) for token in [first, second] * 5))
    # Until the second one is used; then the first one is a fork, which ends the session.
    assert set(outcomes[::2]) <= {second, None}
    assert len(set(outcomes[1::2]) - {None}) <= 1
    assert await use(second) is None


async def test_signing_out_ends_the_family_and_no_other(session: AsyncSession, user: User) -> None:
    first, other = await signed_in(session, user), await signed_in(session, user)
    second = str(await refreshed(session, first, at=NOW))
    await log_out(session, first, now=NOW)
    session.expire_all()
    assert await refreshed(session, second, at=NOW) is None
    assert await refreshed(session, other, at=NOW) is not None
    await log_out(session, first, now=NOW)


@pytest.mark.parametrize("token", ["", "x", "ß", "x" * 43])
async def test_unknown_tokens_open_nothing_and_harm_nothing(session: AsyncSession, token: str) -> None:
    assert await refreshed(session, token, at=NOW) is None
    await log_out(session, token, now=NOW)
