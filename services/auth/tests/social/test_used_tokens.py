"""A token of a provider can be used once."""

import asyncio
import base64
import math
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from auth.errors import EmailRequired, InvalidSocialToken
from auth.settings import ApiSettings
from auth.social import UsedTokens, used_tokens
from auth.social.used_tokens import MAX_TTL_SECONDS
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError
from shared.errors import Unavailable
from tests.providers import Providers

SOON = time.time() + 600


@pytest.fixture
async def used(settings: ApiSettings) -> AsyncIterator[UsedTokens]:
    used = UsedTokens(settings.redis_url.get_secret_value())
    yield used
    await used.close()


async def use(used: UsedTokens, token: str, *, expires_at: float = SOON) -> None:
    async with used.claim(token, expires_at=expires_at):
        await asyncio.sleep(0)


async def test_only_one_of_concurrent_uses_succeeds(used: UsedTokens, providers: Providers) -> None:
    token = providers.google.create_token()
    outcomes = await asyncio.gather(*(use(used, token) for _ in range(20)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes} == {type(None), InvalidSocialToken}


def respell(token: str) -> str:
    """Change the unused bits of the signature's last character, which decodes to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    signatures = (jwt.rpartition(".")[2] for jwt in (token, other))
    first, second = (base64.urlsafe_b64decode(signature + "==") for signature in signatures)
    assert first == second
    return other


async def test_another_encoding_of_the_signature_is_the_same_token(
    used: UsedTokens, providers: Providers
) -> None:
    token = providers.google.create_token()
    await use(used, token)
    for copy in (token, respell(token)):
        with pytest.raises(InvalidSocialToken, match="already been used"):
            await use(used, copy)


async def test_a_token_that_was_refused_may_be_sent_again(used: UsedTokens, providers: Providers) -> None:
    token = providers.google.create_token()
    with pytest.raises(EmailRequired):
        async with used.claim(token, expires_at=SOON):
            raise EmailRequired("no address")
    await use(used, token)


@pytest.mark.parametrize("seconds", [600, -5, math.inf])
async def test_hashes_are_kept_until_the_token_expires(
    used: UsedTokens, settings: ApiSettings, providers: Providers, seconds: float
) -> None:
    async with Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True) as redis:
        before = {key async for key in redis.scan_iter("used_social_token:*")}
        token = providers.google.create_token()
        await use(used, token, expires_at=time.time() + seconds)
        [key] = {key async for key in redis.scan_iter("used_social_token:*")} - before
        lifetime = await redis.ttl(key)
    assert token.split(".")[1] not in key
    expected = min(seconds + 60, MAX_TTL_SECONDS)
    assert expected - 5 <= lifetime <= expected


async def test_a_lost_reply_from_redis_does_not_use_up_the_token(
    used: UsedTokens, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, lost = AbstractConnection.read_response, [ConnectionError("lost")]

    async def lose_first(connection: AbstractConnection, *arguments: Any, **options: Any) -> Any:
        response = await read(connection, *arguments, **options)
        if lost:
            raise lost.pop()
        return response

    token = providers.google.create_token()
    await use(used, providers.google.create_token())
    monkeypatch.setattr(AbstractConnection, "read_response", lose_first)
    await use(used, token)
    assert not lost
    with pytest.raises(InvalidSocialToken):
        await use(used, token)


async def test_a_blocked_event_loop_is_not_mistaken_for_a_redis_failure(
    used: UsedTokens, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def block_loop() -> None:
        while True:
            time.sleep(0.3)  # noqa: ASYNC251 - the loop is late on purpose
            await asyncio.sleep(0)

    monkeypatch.setattr(used_tokens, "TIMEOUT_SECONDS", 0.25)
    blocking = asyncio.create_task(block_loop())
    await use(used, providers.google.create_token())
    blocking.cancel()


async def test_no_token_is_accepted_without_redis() -> None:
    used = UsedTokens("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable):
        await use(used, "a.b.c")
    await used.close()
