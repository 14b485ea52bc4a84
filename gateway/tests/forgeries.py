"""Forged tokens, made with the keys that sign valid ones."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from shared.security.jwt import ACCESS_TOKEN, ALGORITHM, SigningKeys, new_signing_key

type Forge = Callable[[SigningKeys], str]

OWNER: ContextVar[Mapping[str, str]] = ContextVar("OWNER", default={})  # noqa: B039 - it is never changed
"""The `sub` and `sid` of forged tokens; an unknown user unless set.

Somebody real, or a service that looks the caller up would refuse even what it should have refused before.
"""


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token with changes; None leaves a claim out."""
    now = int(time.time())
    usual = {"iss": "parley", "aud": "parley-api", "sub": str(uuid4()), "jti": uuid4().hex, "role": "admin"}
    said = {**usual, **OWNER.get(), "iat": now, "exp": now + 900, **changes}
    return {name: value for name, value in said.items() if value is not None}


def _claiming(**changes: Any) -> Forge:
    return lambda keys: keys.sign(claims(**changes), typ=ACCESS_TOKEN)


def _dated(**seconds: int) -> Forge:
    """Return a token with a valid signature and with times at these offsets from now."""

    def forge(keys: SigningKeys) -> str:
        now = int(time.time())
        return keys.sign(claims(**{name: now + each for name, each in seconds.items()}), typ=ACCESS_TOKEN)

    return forge


def _under(**header: str) -> Forge:
    """Return a token with a valid signature and exactly this header; an empty `typ` is left out."""

    def forge(keys: SigningKeys) -> str:
        # Only the key itself can sign what SigningKeys would not.
        key = next(iter(keys._keys.values())).key
        return jwt.encode(claims(), key, ALGORITHM, header)

    return forge


def _of_type(typ: str) -> Forge:
    return lambda keys: _under(typ=typ, kid=kid_of(keys))(keys)


def kid_of(keys: SigningKeys) -> str:
    """Return the id of the signing key."""
    return str(keys.public["keys"][0]["kid"])


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _hs256(header: dict[str, str], key: bytes) -> str:
    signed = f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(claims()).encode())}"
    return f"{signed}.{_base64url(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def _keyed_with(secret: Callable[[dict[str, Any]], bytes]) -> Forge:
    """Return tokens signed as if a public part of our key were a shared secret."""

    def forge(keys: SigningKeys) -> str:
        header = {"alg": "HS256", "typ": ACCESS_TOKEN, "kid": kid_of(keys)}
        return _hs256(header, secret(keys.public["keys"][0]))

    return forge


def _public(encoding: Encoding) -> Callable[[dict[str, Any]], bytes]:
    return lambda jwk: bytes(jwt.PyJWK(jwk).key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo))


def _unsigned(algorithm: str) -> Forge:
    def forge(keys: SigningKeys) -> str:
        header = {"alg": algorithm, "typ": ACCESS_TOKEN, "kid": kid_of(keys)}
        return f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(claims()).encode())}."

    return forge


def _of_a_stranger(**header: Any) -> Forge:
    """Return tokens signed with a key of the attacker."""

    def forge(keys: SigningKeys) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        return jwt.encode(claims(), key, ALGORITHM, {"typ": ACCESS_TOKEN, "kid": kid_of(keys), **header})

    return forge


def _with_its_own_key(keys: SigningKeys) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(claims(), key, ALGORITHM, {"typ": ACCESS_TOKEN, "jwk": jwk})


def _tampered(keys: SigningKeys) -> str:
    header, _, signature = keys.sign(claims(role="learner"), typ=ACCESS_TOKEN).split(".")
    return f"{header}.{_base64url(json.dumps(claims()).encode())}.{signature}"


FORGERIES: dict[str, Forge] = {
    "expired": _dated(exp=-60),
    "without expiry": _claiming(exp=None),
    "not valid yet": _dated(nbf=600),
    "another issuer": _claiming(iss="somebody"),
    "no issuer": _claiming(iss=None),
    "another audience": _claiming(aud="somebody"),
    "no audience": _claiming(aud=None),
    "alg none": _unsigned("none"),
    "alg NoNe": _unsigned("NoNe"),
    "no signature": _unsigned(ALGORITHM),
    "HS256 over the public key, PEM": _keyed_with(_public(Encoding.PEM)),
    "HS256 over the public key, DER": _keyed_with(_public(Encoding.DER)),
    "HS256 over the public key, JWK": _keyed_with(lambda jwk: json.dumps(jwk).encode()),
    "HS256 over the key's name": _keyed_with(lambda jwk: str(jwk["kid"]).encode()),
    "a stranger's signature under our kid": _of_a_stranger(),
    "an unknown kid": _of_a_stranger(kid="nobody"),
    "a kid that is a path": _of_a_stranger(kid="../../../../dev/null"),
    "jku": _of_a_stranger(jku="http://127.0.0.1:1/jwks.json"),
    "x5u": _of_a_stranger(x5u="http://127.0.0.1:1/chain.pem"),
    "brings its own key": _with_its_own_key,
    "our kid, unpublished key": lambda keys: SigningKeys(
        {"keys": [new_signing_key() | {"kid": kid_of(keys)}]}
    ).sign(claims(), typ=ACCESS_TOKEN),
    "claims exchanged": _tampered,
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "dots": lambda _: "..",
    "long": lambda _: "x" * 20_000,
}
"""Tokens that the gateway and every service refuse."""

MISUSED: dict[str, Forge] = {
    "issued in the future": _dated(iat=600),
    "typ JWT": _of_type("JWT"),
    "typ of a receipt": _of_type("receipt+jwt"),
    "no typ": _of_type(""),
    "no kid": _under(typ=ACCESS_TOKEN),
    "no subject": _claiming(sub=None),
    "no jti": _claiming(jti=None),
    "no role": _claiming(role=None),
    "no time of issue": _claiming(iat=None),
    "a subject that is no UUID": _claiming(sub="admin@example.com"),
    "an unknown role": _claiming(role="owner"),
    "several roles": _claiming(role=["learner", "admin"]),
}
"""Tokens signed with our own key that only the services refuse, by claims that the gateway does not check."""
