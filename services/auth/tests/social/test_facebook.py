"""Access tokens of classic Facebook Login, which only Facebook can verify."""

import time
from typing import Any

import pytest
from auth.errors import InvalidSocialToken, ProviderUnavailable
from auth.social import SocialSignIn, VerifiedIdentity
from tests.providers import Providers, open_social_sign_in, to_json_reply


def create_picture(url: Any) -> dict[str, Any]:
    return {"data": {"height": 50, "is_silhouette": False, "url": url, "width": 50}}


async def test_an_access_token_proves_an_identity(providers: Providers, social: SocialSignIn) -> None:
    token = providers.facebook.create_access_token(
        user_id="10158",
        name="Ada",
        email="ada@example.com",
        picture=create_picture("https://example.com/a.jpg"),
    )
    assert await social.verify("facebook", token, nonce=None) == VerifiedIdentity(
        provider="facebook",
        subject="10158",
        email="ada@example.com",
        email_verified=False,
        name="Ada",
        avatar_url="https://example.com/a.jpg",
    )


async def test_a_token_that_never_expires_is_accepted(providers: Providers, social: SocialSignIn) -> None:
    token = providers.facebook.create_access_token(user_id="10158", expires_at=0)
    identity = await social.verify("facebook", token, nonce=None)
    assert (identity.email, identity.name, identity.avatar_url) == (None, None, None)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"email": ["a@example.com"]}, "email"),
        ({"name": "Ada\x07"}, "name"),
        ({"picture": create_picture("javascript:alert(1)")}, "avatar_url"),
        ({"picture": create_picture(["https://example.com"])}, "avatar_url"),
        ({"picture": {"data": []}}, "avatar_url"),
        ({"picture": "https://example.com/a.jpg"}, "avatar_url"),
    ],
)
async def test_unusable_names_and_pictures_are_dropped(
    providers: Providers, social: SocialSignIn, profile: dict[str, Any], expected: str
) -> None:
    token = providers.facebook.create_access_token(user_id="10158", **profile)
    assert getattr(await social.verify("facebook", token, nonce=None), expected) is None


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"is_valid": False}, id="not valid"),
        pytest.param({"app_id": "999"}, id="of another app"),
        pytest.param({"app_id": ""}, id="of no app"),
        pytest.param({"type": "PAGE"}, id="of a page"),
        pytest.param({"type": "APP"}, id="of an app"),
        pytest.param({"expires_at": int(time.time()) - 1}, id="expired"),
        pytest.param({"user_id": ""}, id="without a user"),
        pytest.param({"user_id": "20000"}, id="of another than /me says"),
    ],
)
async def test_every_invalid_access_token_is_refused(
    providers: Providers, social: SocialSignIn, facts: dict[str, Any]
) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    providers.facebook.inspected[token] |= facts
    with pytest.raises(InvalidSocialToken):
        await social.verify("facebook", token, nonce=None)


@pytest.mark.parametrize("token", ["EAAunknown", "a|b", "EAA with spaces", "EAA\r\nX: y", "é", "x" * 20_000])
async def test_garbage_is_refused(social: SocialSignIn, token: str) -> None:
    with pytest.raises(InvalidSocialToken):
        await social.verify("facebook", token, nonce=None)


async def test_a_nonce_is_rejected_with_a_reason(providers: Providers, social: SocialSignIn) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    requests = providers.facebook.debug_token.requests
    with pytest.raises(InvalidSocialToken, match="have no nonce"):
        await social.verify("facebook", token, nonce="n-0S6")
    assert providers.facebook.debug_token.requests == requests


@pytest.mark.parametrize("code", [100, 190])
@pytest.mark.parametrize("endpoint_name", ["debug_token", "me"])
async def test_a_token_that_facebook_rejects_is_rejected(
    providers: Providers, social: SocialSignIn, endpoint_name: str, code: int
) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    refusal = to_json_reply({"error": {"message": "Invalid OAuth access token.", "code": code}}, 400)
    with getattr(providers.facebook, endpoint_name).answer_with(*refusal), pytest.raises(InvalidSocialToken):
        await social.verify("facebook", token, nonce=None)


MISBEHAVIOUR: dict[str, tuple[int, bytes]] = {
    "500": (500, b"oops"),
    "500 in JSON": to_json_reply({"error": {"code": 190}}, 500),
    "HTML": (200, b"<html>Sorry, something went wrong.</html>"),
    "truncated JSON": (200, b'{"data": {"is_valid": tr'),
    "nothing": (200, b""),
    "a list": (200, b"[]"),
    "nesting": (200, b"[" * 60_000),
    "not UTF-8": (200, b'{"id": "\xff"}'),
    "too much": (200, b'{"id": "' + b"1" * 100_000 + b'"}'),
    "a redirect": (302, b"http://127.0.0.1:9/"),
    "too many requests": to_json_reply({"error": {"code": 4, "message": "limit reached"}}, 400),
    "an error of a strange type": to_json_reply({"error": "190"}, 400),
    "a code of a strange type": to_json_reply({"error": {"code": [190]}}, 400),
}


@pytest.mark.parametrize("reply", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
@pytest.mark.parametrize("endpoint_name", ["debug_token", "me"])
async def test_a_malformed_response_makes_facebook_unavailable(
    providers: Providers, social: SocialSignIn, endpoint_name: str, reply: tuple[int, bytes]
) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    with (
        getattr(providers.facebook, endpoint_name).answer_with(*reply),
        pytest.raises(ProviderUnavailable) as problem,
    ):
        await social.verify("facebook", token, nonce=None)
    assert (problem.value.status, problem.value.code) == (503, "provider_unavailable")
    assert int(problem.value.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": []},
        {"data": {}},
        {"data": {"is_valid": "true"}},
        {"data": {"is_valid": True, "user_id": 7}},
        {"data": {"is_valid": True, "expires_at": "soon"}},
    ],
)
async def test_facebook_is_unavailable_if_details_have_unexpected_types(
    providers: Providers, social: SocialSignIn, document: dict[str, Any]
) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    reply = to_json_reply(document)
    with providers.facebook.debug_token.answer_with(*reply), pytest.raises(ProviderUnavailable):
        await social.verify("facebook", token, nonce=None)


@pytest.mark.timed
@pytest.mark.parametrize("dripping", [False, True])
@pytest.mark.parametrize("endpoint_name", ["debug_token", "me"])
async def test_facebook_is_unavailable_if_it_does_not_respond(
    providers: Providers, endpoint_name: str, dripping: bool
) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    async with open_social_sign_in(providers, social_timeout_seconds=0.5) as social:
        started = time.monotonic()
        with (
            getattr(providers.facebook, endpoint_name).hang(dripping=dripping),
            pytest.raises(ProviderUnavailable),
        ):
            await social.verify("facebook", token, nonce=None)
    # Without an overall timeout, a dripping response would never end.
    assert time.monotonic() - started < 5


async def test_a_wrong_app_secret_rejects_every_token(providers: Providers) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    async with open_social_sign_in(providers, facebook_app_secret="another") as social:
        with pytest.raises(InvalidSocialToken):
            await social.verify("facebook", token, nonce=None)


async def test_no_url_contains_the_app_secret_or_a_token(providers: Providers, social: SocialSignIn) -> None:
    token = providers.facebook.create_access_token(user_id="10158")
    before = len(providers.targets)
    await social.verify("facebook", token, nonce=None)
    inspection, profile_request = providers.targets[before:]
    assert providers.facebook.secret not in inspection + profile_request
    assert token not in profile_request
