"""Sign-ins while a provider's keys are unavailable, and the content of the logs."""

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest
from auth.errors import InvalidSocialToken, ProviderUnavailable
from auth.social import VerifiedIdentity
from tests.providers import Providers, open_social_sign_in, to_json_reply


async def test_many_first_sign_ins_share_one_fetch(providers: Providers) -> None:
    before = providers.google.jwks.requests
    async with open_social_sign_in(providers) as social:
        tokens = [providers.google.create_token() for _ in range(20)]
        identities = await asyncio.gather(*(social.verify("google", token, nonce=None) for token in tokens))
    assert len({identity.subject for identity in identities}) == 20
    assert providers.google.jwks.requests == before + 1


async def test_fetches_of_unknown_keys_are_limited(providers: Providers) -> None:
    google = providers.google
    async with open_social_sign_in(providers, social_keys_cooldown_seconds=60) as social:
        await social.verify("google", google.create_token(), nonce=None)
        before = google.jwks.requests
        # The sign-in has just fetched the keys, so the cooldown is still running.
        for number in range(20):
            with pytest.raises(InvalidSocialToken):
                await social.verify(
                    "google", google.sign(google.create_claims(), kid=f"no-{number}"), nonce=None
                )
    assert google.jwks.requests == before


async def test_a_new_key_is_fetched_when_a_token_refers_to_it(providers: Providers) -> None:
    apple = providers.apple
    async with open_social_sign_in(providers, social_keys_cooldown_seconds=0) as social:
        old = apple.create_token()
        await social.verify("apple", old, nonce=None)
        apple.rotate()
        await social.verify("apple", apple.create_token(), nonce=None)
        await social.verify("apple", old, nonce=None)
        apple.rotate()
        await social.verify("apple", apple.create_token(), nonce=None)
        with pytest.raises(InvalidSocialToken):
            await social.verify("apple", old, nonce=None)


AWAY = {
    "500": (500, b"oops"),
    "503 in JSON": to_json_reply({"error": "unavailable"}, 503),
    "400": to_json_reply({"error": "what?"}, 400),
    "HTML": (200, b"<html></html>"),
    "truncated JSON": (200, b'{"keys": [{"kty"'),
    "no keys": to_json_reply({"keys": []}),
    "another document": to_json_reply({"jwks": {}}),
    "keys of strange types": to_json_reply({"keys": [None, 7, "RSA", [], {}, {"kid": [], "kty": "RSA"}]}),
    "keys that are an object": to_json_reply({"keys": {"a": 1}}),
    "keys that are a number": to_json_reply({"keys": 7}),
    "broken keys": to_json_reply({"keys": [{"kid": "google-0", "kty": "RSA", "n": "!", "e": 7}]}),
    "a shared secret": to_json_reply({"keys": [{"kid": "google-0", "kty": "oct", "k": "c2VjcmV0"}]}),
    "too much": (200, json.dumps({"keys": ["x" * 100_000]}).encode()),
    "a redirect": (301, b"http://127.0.0.1:9/"),
}


@pytest.mark.parametrize("reply", AWAY.values(), ids=AWAY)
async def test_sign_ins_are_unavailable_until_the_keys_can_be_fetched(
    providers: Providers, reply: tuple[int, bytes]
) -> None:
    async with open_social_sign_in(providers, social_keys_cooldown_seconds=0) as social:
        with providers.google.jwks.answer_with(*reply), pytest.raises(ProviderUnavailable) as problem:
            await social.verify("google", providers.google.create_token(), nonce=None)
        assert problem.value.status == 503
        assert int(problem.value.headers["Retry-After"]) > 0
        await social.verify("google", providers.google.create_token(), nonce=None)


@pytest.mark.parametrize("reply", AWAY.values(), ids=AWAY)
async def test_sign_ins_succeed_with_cached_keys(providers: Providers, reply: tuple[int, bytes]) -> None:
    google = providers.google
    async with open_social_sign_in(providers, social_keys_cooldown_seconds=0) as social:
        await social.verify("google", google.create_token(), nonce=None)
        with google.jwks.answer_with(*reply):
            with pytest.raises(InvalidSocialToken):
                await social.verify("google", google.sign(google.create_claims(), kid="unknown"), nonce=None)
            await social.verify("google", google.create_token(), nonce=None)


@pytest.mark.timed
@pytest.mark.parametrize("dripping", [False, True])
async def test_a_provider_is_unavailable_if_it_does_not_respond(providers: Providers, dripping: bool) -> None:
    async with open_social_sign_in(providers, social_timeout_seconds=1) as social:
        started = time.monotonic()
        with providers.google.jwks.hang(dripping=dripping):
            tokens = [providers.google.create_token() for _ in range(10)]
            outcomes = await asyncio.gather(
                *(social.verify("google", token, nonce=None) for token in tokens), return_exceptions=True
            )
        assert {type(outcome) for outcome in outcomes} == {ProviderUnavailable}
        # All wait for the same response; waiting in turn, or for the whole drip, would take longer.
        assert time.monotonic() - started < 5


async def test_redirects_are_not_followed(providers: Providers) -> None:
    other_endpoint = providers.apple.jwks
    before = other_endpoint.requests
    async with open_social_sign_in(providers) as social:
        leading_there = providers.google.jwks.answer_with(
            302, f"{providers.url}{other_endpoint.path}".encode()
        )
        with leading_there, pytest.raises(ProviderUnavailable):
            await social.verify("google", providers.google.create_token(), nonce=None)
    assert other_endpoint.requests == before


async def test_a_provider_is_unavailable_if_it_cannot_be_reached(providers: Providers) -> None:
    unreachable_url = "http://127.0.0.1:1"
    async with open_social_sign_in(
        providers, google_jwks_url=unreachable_url, facebook_graph_url=unreachable_url
    ) as social:
        with pytest.raises(ProviderUnavailable):
            await social.verify("google", providers.google.create_token(), nonce=None)
        with pytest.raises(ProviderUnavailable):
            await social.verify("facebook", "EAAsome", nonce=None)


async def test_an_unresponsive_provider_does_not_delay_others(providers: Providers) -> None:
    async with open_social_sign_in(providers, social_timeout_seconds=30) as social:
        with providers.google.jwks.hang():
            waiting = asyncio.create_task(
                social.verify("google", providers.google.create_token(), nonce=None)
            )
            await social.verify("apple", providers.apple.create_token(), nonce=None)
            assert not waiting.done()
        assert isinstance(await waiting, VerifiedIdentity)


SIGN_IN = """
import asyncio, json, sys
from auth.settings import SocialSettings
from auth.social import SocialSignIn, UsedTokens
from shared import logging
from shared.errors import ParleyError

async def main():
    logging.configure("DEBUG", service="auth", process="api")
    social = SocialSignIn(SocialSettings(), UsedTokens("redis://127.0.0.1:1/0"))
    for provider, token in json.load(sys.stdin):
        try:
            await social.verify(provider, token, nonce=None)
            print("signed in")
        except ParleyError as error:
            logging.logging.getLogger("test").exception("refused")
    await social.close()

asyncio.run(main())
"""


def test_logs_contain_neither_tokens_nor_secrets(providers: Providers) -> None:
    facebook = providers.facebook
    valid_token = facebook.create_access_token(user_id="10158", email="ada@example.com")
    refused = facebook.create_access_token(user_id="10158", is_valid=False)
    malformed_token = facebook.create_access_token(user_id="10158", expires_at="soon")
    signed, expired = providers.google.create_token(), providers.google.create_token(exp=1)
    tokens = [valid_token, refused, malformed_token, "EAAunknown", signed, expired]
    requests = [["google" if token in {signed, expired} else "facebook", token] for token in tokens]
    environment = {
        name.upper(): ",".join(value) if isinstance(value, tuple) else value
        for name, value in providers.settings.items()
    }
    result = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", SIGN_IN],
        input=json.dumps(requests),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    output = result.stdout + result.stderr
    assert output.count("signed in") == 2
    assert output.count("refused") >= 4
    for hidden in (*tokens, facebook.secret, "ada@example.com"):
        assert hidden not in output
