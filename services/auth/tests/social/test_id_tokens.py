"""ID tokens of Google, Apple and Facebook's Limited Login, valid and forged."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from auth.errors import InvalidSocialToken, ProviderNotConfigured
from auth.social import SocialSignIn, VerifiedIdentity
from auth.types import Provider
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.providers import (
    OpenIdProvider,
    Providers,
    get_private_key,
    open_social_sign_in,
    sign_jws,
    to_base64url,
    to_public_jwk,
)

PROVIDERS: tuple[Provider, ...] = ("google", "apple", "facebook")
ANOTHER: dict[Provider, Provider] = {"google": "apple", "apple": "facebook", "facebook": "google"}
STRANGER = get_private_key("stranger")
NOW = int(time.time())


def get_provider(providers: Providers, name: Provider) -> OpenIdProvider:
    return {"google": providers.google, "apple": providers.apple, "facebook": providers.facebook}[name]


async def test_google_proves_an_identity(providers: Providers, social: SocialSignIn) -> None:
    token = providers.google.create_token(
        sub="110169484474386276334", picture="https://lh3.example.com/a.jpg"
    )
    assert await social.verify("google", token, nonce=None) == VerifiedIdentity(
        provider="google",
        subject="110169484474386276334",
        email="ada@example.com",
        email_verified=True,
        name="Ada Lovelace",
        avatar_url="https://lh3.example.com/a.jpg",
    )


async def test_apple_proves_an_identity_with_a_relay_address(
    providers: Providers, social: SocialSignIn
) -> None:
    token = providers.apple.create_token(sub="001234.abcdef.0123")
    identity = await social.verify("apple", token, nonce=None)
    assert (identity.subject, identity.name) == ("001234.abcdef.0123", None)
    assert (identity.email, identity.email_verified) == ("x7k2@privaterelay.appleid.com", True)


async def test_facebook_verifies_no_address(providers: Providers, social: SocialSignIn) -> None:
    token = providers.facebook.create_limited_token(sub="3944046265836837", email_verified=True)
    identity = await social.verify("facebook", token, nonce=None)
    assert (identity.subject, identity.name) == ("3944046265836837", "Ada Lovelace")
    assert (identity.email, identity.email_verified) == ("ada@example.com", False)


@pytest.mark.parametrize(
    ("claimed", "verified"),
    [(True, True), ("true", True), (False, False), ("false", False), (None, False), (1, False), ([], False)],
)
@pytest.mark.parametrize("name", ["google", "apple"])
async def test_an_address_is_verified_if_the_provider_has_verified_it(
    providers: Providers, social: SocialSignIn, name: Provider, claimed: Any, verified: bool
) -> None:
    token = get_provider(providers, name).create_token(email_verified=claimed)
    assert (await social.verify(name, token, nonce=None)).email_verified is verified


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
async def test_both_issuer_names_of_google_are_accepted(
    providers: Providers, social: SocialSignIn, issuer: str
) -> None:
    await social.verify("google", providers.google.create_token(iss=issuer), nonce=None)


async def test_both_issuers_of_limited_login_are_accepted(providers: Providers, social: SocialSignIn) -> None:
    token = providers.facebook.create_token(iss="https://limited.facebook.com")
    await social.verify("facebook", token, nonce=None)


async def test_every_configured_client_is_accepted_as_audience(
    providers: Providers, social: SocialSignIn
) -> None:
    web, ios = providers.settings["google_client_ids"]
    for claims in ({"aud": ios, "azp": ios}, {"aud": web, "azp": ios}, {"aud": [web, ios], "azp": None}):
        await social.verify("google", providers.google.create_token(**claims), nonce=None)


async def test_a_small_clock_difference_is_accepted(providers: Providers, social: SocialSignIn) -> None:
    now = int(time.time())
    for claims in ({"exp": now - 5}, {"iat": now + 5}, {"nbf": now + 5}):
        await social.verify("google", providers.google.create_token(**claims), nonce=None)


UNSOUND: dict[str, dict[str, Any]] = {
    "email that is a list": {"email": ["ada@example.com"]},
    "email that is none": {"email": "ada at example.com"},
    "email with a surrogate": {"email": "a\ud800@example.com"},
    "email that is too long": {"email": "a" * 250 + "@example.com"},
    "name with control characters": {"name": "Ada\x00Lovelace"},
    "name with a surrogate": {"name": "Ada\ud800"},
    "name that is an object": {"name": {"first": "Ada"}},
    "name that is too long": {"name": "A" * 101},
    "name of nothing": {"name": "  "},
    "picture that is a script": {"picture": "javascript:alert(1)"},
    "picture without TLS": {"picture": "http://example.com/a.jpg"},
    "picture that is data": {"picture": "data:image/png;base64,AAAA"},
    "picture that is too long": {"picture": "https://example.com/" + "a" * 2048},
    "picture that is a number": {"picture": 7},
    "picture that is no address": {"picture": "https://"},
}


@pytest.mark.parametrize("claims", UNSOUND.values(), ids=UNSOUND)
@pytest.mark.parametrize("name", PROVIDERS)
async def test_unusable_names_and_pictures_are_dropped(
    providers: Providers, social: SocialSignIn, name: Provider, claims: dict[str, Any]
) -> None:
    identity = await social.verify(name, get_provider(providers, name).create_token(**claims), nonce=None)
    actual = {"email": identity.email, "name": identity.name, "picture": identity.avatar_url}
    assert actual[next(iter(claims))] is None
    assert not (identity.email is None and identity.email_verified)


async def test_names_and_pictures_are_normalised(providers: Providers, social: SocialSignIn) -> None:
    token = providers.google.create_token(email="Ada@EXAMPLE.com", name="  Zoe\u0308 ")
    identity = await social.verify("google", token, nonce=None)
    assert (identity.email, identity.name) == ("Ada@example.com", "Zo\u00eb")


def sign_hs256(provider: OpenIdProvider, secret: bytes) -> str:
    header, claims = {"alg": "HS256", "kid": provider.kid}, provider.create_claims()
    content = ".".join(to_base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{content}.{to_base64url(hmac.digest(secret, content.encode(), hashlib.sha256))}"


def to_pem(provider: OpenIdProvider) -> bytes:
    return provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def create_unsigned(provider: OpenIdProvider) -> str:
    return provider.sign(provider.create_claims(), alg="none").rpartition(".")[0] + "."


def create_tampered(provider: OpenIdProvider) -> str:
    header, _, signature = provider.create_token(sub="1").split(".")
    return f"{header}.{to_base64url(json.dumps(provider.create_claims(sub='2')).encode())}.{signature}"


def create_forged(provider: OpenIdProvider, **header: Any) -> str:
    """Sign with a stranger's key, to which the header may refer."""
    return sign_jws({"alg": "RS256", "kid": "stranger", **header}, provider.create_claims(), STRANGER)


OWN_KEY = to_public_jwk(STRANGER, "stranger")

type Attack = Callable[[OpenIdProvider, OpenIdProvider], str]

ATTACKS: dict[str, Attack] = {
    "expired": lambda it, _: it.create_token(exp=NOW - 60),
    "not yet valid": lambda it, _: it.create_token(nbf=NOW + 3600),
    "issued in the future": lambda it, _: it.create_token(iat=NOW + 3600),
    "no exp": lambda it, _: it.create_token(exp=None),
    "exp that is no number": lambda it, _: it.create_token(exp=[NOW]),
    "endless exp": lambda it, _: it.create_token(exp=float("inf")),
    "no iat": lambda it, _: it.create_token(iat=None),
    "wrong iss": lambda it, _: it.create_token(iss="https://example.com"),
    "iss that begins like the right one": lambda it, _: it.create_token(iss=it.issuer + ".example.com"),
    "iss of another provider": lambda it, other: it.create_token(iss=other.issuer),
    "iss that is a list": lambda it, _: it.create_token(iss=[it.issuer]),
    "no iss": lambda it, _: it.create_token(iss=None),
    "wrong aud": lambda it, _: it.create_token(aud="another-app"),
    "aud of another provider": lambda it, other: it.create_token(aud=other.audience),
    "no aud": lambda it, _: it.create_token(aud=None),
    "empty aud": lambda it, _: it.create_token(aud=[]),
    "aud and a stranger's": lambda it, _: it.create_token(aud=[it.audience, "another-app"]),
    "aud that is an object": lambda it, _: it.create_token(aud={it.audience: True}),
    "azp of a stranger": lambda it, _: it.create_token(azp="another-app"),
    "azp that is a list": lambda it, _: it.create_token(azp=[it.audience]),
    "no sub": lambda it, _: it.create_token(sub=None),
    "empty sub": lambda it, _: it.create_token(sub=""),
    "sub that is a number": lambda it, _: it.create_token(sub=7),
    "sub of absurd length": lambda it, _: it.create_token(sub="1" * 256),
    "sub with a line break": lambda it, _: it.create_token(sub="1\n"),
    "sub beyond ASCII": lambda it, _: it.create_token(sub="é"),
    "alg none": lambda it, _: create_unsigned(it),
    "alg none with a signature": lambda it, _: it.sign(it.create_claims(), alg="none"),
    "HS256 with the public key": lambda it, _: sign_hs256(it, to_pem(it)),
    "HS256 with the modulus": lambda it, _: sign_hs256(it, to_public_jwk(it.key, it.kid)["n"].encode()),
    "alg ES256": lambda it, _: it.sign(it.create_claims(), alg="ES256"),
    "alg RS512": lambda it, _: it.sign(it.create_claims(), alg="RS512"),
    "alg that is a list": lambda it, _: it.sign(it.create_claims(), alg=["RS256"]),
    "unknown kid": lambda it, _: it.sign(it.create_claims(), kid="unknown"),
    "unknown kid and key": lambda it, _: create_forged(it),
    "known kid, another key": lambda it, _: create_forged(it, kid=it.kid),
    "no kid": lambda it, _: it.sign(it.create_claims(), kid=None),
    "kid that is a list": lambda it, _: it.sign(it.create_claims(), kid=[it.kid]),
    "kid of another provider": lambda it, other: it.sign(it.create_claims(), kid=other.kid),
    "kid of a key for encryption": lambda it, _: it.sign(it.create_claims(), kid="other"),
    "another provider's token": lambda _, other: other.create_token(),
    "another provider's key": lambda it, other: other.sign(it.create_claims()),
    "jku": lambda it, _: create_forged(it, jku="http://127.0.0.1:9/stranger"),
    "x5u": lambda it, _: create_forged(it, x5u="http://127.0.0.1:9/stranger"),
    "jwk": lambda it, _: create_forged(it, jwk=OWN_KEY),
    "jwk under a known kid": lambda it, _: create_forged(it, jwk=OWN_KEY | {"kid": it.kid}, kid=it.kid),
    "critical extension": lambda it, _: it.sign(it.create_claims(), crit=["exp"], exp=0),
    "unencoded payload": lambda it, _: it.sign(it.create_claims(), crit=["b64"], b64=False),
    "tampered claims": lambda it, _: create_tampered(it),
    "cut signature": lambda it, _: it.create_token()[:-8],
    "no signature": lambda it, _: it.create_token().rpartition(".")[0] + ".",
    "claims that are a list": lambda it, _: it.sign([it.create_claims()]),
    "header that is nested deep": lambda *_: f"{to_base64url(b'[' * 5000)}.e30.AA",
    "empty": lambda *_: "",
    "dots": lambda *_: "..",
    "garbage": lambda *_: "a.b.c",
    "beyond ASCII": lambda *_: "é.💥.ü",
    "a surrogate": lambda *_: "\ud800.\ud800.\ud800",
    "line break at the end": lambda it, _: it.create_token() + "\n",
    "20 kB": lambda it, _: it.create_token(padding="x" * 20_000),
    "20 kB of garbage": lambda *_: "x" * 20_000,
    "five segments": lambda it, _: it.create_token() + ".a.b",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("name", PROVIDERS)
async def test_every_invalid_token_is_refused(
    providers: Providers, social: SocialSignIn, name: Provider, attack: Attack
) -> None:
    token = attack(get_provider(providers, name), get_provider(providers, ANOTHER[name]))
    with pytest.raises(InvalidSocialToken) as refusal:
        await social.verify(name, token, nonce=None)
    assert (refusal.value.status, refusal.value.code) == (401, "invalid_social_token")
    assert refusal.value.detail.endswith(".")
    assert refusal.value.__cause__ is None


async def test_a_key_url_in_a_token_is_never_requested(providers: Providers, social: SocialSignIn) -> None:
    for header in ("jku", "x5u"):
        token = create_forged(providers.google, **{header: f"{providers.url}/stranger"})
        with pytest.raises(InvalidSocialToken):
            await social.verify("google", token, nonce=None)
    assert not [target for target in providers.targets if "stranger" in target]


async def test_a_published_key_that_is_too_short_is_not_used(providers: Providers) -> None:
    weak = get_private_key("weak", 1024)
    published = json.dumps({"keys": [to_public_jwk(weak, "weak")]}).encode()
    token = sign_jws({"alg": "RS256", "kid": "weak"}, providers.google.create_claims(), weak)
    with providers.google.jwks.answer_with(200, published):
        async with open_social_sign_in(providers) as social:
            with pytest.raises(InvalidSocialToken):
                await social.verify("google", token, nonce=None)


NONCE = "n-0S6_WzA2Mj"
HASHED = hashlib.sha256(NONCE.encode()).hexdigest()


@pytest.mark.parametrize("claimed", [NONCE, HASHED])
@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_nonce_is_accepted_plain_or_hashed(
    providers: Providers, social: SocialSignIn, name: Provider, claimed: str
) -> None:
    await social.verify(name, get_provider(providers, name).create_token(nonce=claimed), nonce=NONCE)


@pytest.mark.parametrize(
    ("claimed", "sent"),
    [
        pytest.param("another", NONCE, id="another nonce"),
        pytest.param(NONCE, HASHED, id="hashed by the app, not by the SDK"),
        pytest.param(HASHED, HASHED, id="the hash that the token shows"),
        pytest.param(HASHED.upper(), NONCE, id="upper-case hash"),
        pytest.param(HASHED.upper(), HASHED.upper(), id="the upper-case hash that the token shows"),
        pytest.param(NONCE, None, id="not sent"),
        pytest.param(NONCE, "", id="sent empty"),
        pytest.param(None, NONCE, id="not in the token"),
        pytest.param("", NONCE, id="empty in the token"),
        pytest.param([NONCE], NONCE, id="a list"),
        pytest.param(7, "7", id="a number"),
        pytest.param("\ud800", "\ud801", id="surrogates"),
        pytest.param("é", "e", id="beyond ASCII"),
    ],
)
@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_wrong_nonce_is_refused(
    providers: Providers, social: SocialSignIn, name: Provider, claimed: Any, sent: str | None
) -> None:
    token = get_provider(providers, name).create_token(nonce=claimed)
    with pytest.raises(InvalidSocialToken, match="nonce"):
        await social.verify(name, token, nonce=sent)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_provider_without_client_ids_is_disabled(providers: Providers, name: Provider) -> None:
    variables = {"google_client_ids": (), "apple_client_ids": (), "facebook_app_id": ""}
    async with open_social_sign_in(providers, **variables) as social:
        with pytest.raises(ProviderNotConfigured) as refusal:
            await social.verify(name, get_provider(providers, name).create_token(), nonce=None)
    assert (refusal.value.status, refusal.value.code) == (422, "provider_not_configured")
    assert refusal.value.extra["errors"][0]["pointer"] == "#/provider"
