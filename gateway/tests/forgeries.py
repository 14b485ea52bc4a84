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
from shared.security.jwt import ACCESS_TOKEN, ALGORITHM, SigningKeys, create_signing_key

type Forge = Callable[[SigningKeys], str]

OWNER: ContextVar[Mapping[str, str]] = ContextVar("OWNER", default={})  # noqa: B039 - it is never changed
"""The `sub` and `sid` of forged tokens; an unknown user unless set.

A real user and session, otherwise a service that looks them up would refuse every forgery for that reason.
"""


def build_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token with changes; None omits a claim."""
    now = int(time.time())
    defaults = {
        "iss": "parley",
        "aud": "parley-api",
        "sub": str(uuid4()),
        "jti": uuid4().hex,
        "role": "admin",
    }
    claims = {**defaults, **OWNER.get(), "iat": now, "exp": now + 900, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def _forge_claims(**changes: Any) -> Forge:
    return lambda keys: keys.sign(build_claims(**changes), typ=ACCESS_TOKEN)


def _forge_times(**seconds: int) -> Forge:
    """Return a token with a valid signature and with times at these offsets from now."""

    def forge(keys: SigningKeys) -> str:
        now = int(time.time())
        return keys.sign(
            build_claims(**{name: now + offset for name, offset in seconds.items()}), typ=ACCESS_TOKEN
        )

    return forge


def _forge_header(**header: str) -> Forge:
    """Return a token with a valid signature and exactly this header; an empty `typ` is omitted."""

    def forge(keys: SigningKeys) -> str:
        # Only the key itself can sign what SigningKeys would not.
        key = next(iter(keys._keys.values())).key
        return jwt.encode(build_claims(), key, ALGORITHM, header)

    return forge


def _forge_type(typ: str) -> Forge:
    return lambda keys: _forge_header(typ=typ, kid=get_kid(keys))(keys)


def get_kid(keys: SigningKeys) -> str:
    """Return the id of the signing key."""
    return str(keys.public["keys"][0]["kid"])


def _to_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _encode_part(part: Mapping[str, Any]) -> str:
    return _to_base64url(json.dumps(part).encode())


def _sign_hs256(header: dict[str, str], key: bytes) -> str:
    signed = f"{_encode_part(header)}.{_encode_part(build_claims())}"
    return f"{signed}.{_to_base64url(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def _forge_shared_secret(secret: Callable[[dict[str, Any]], bytes]) -> Forge:
    """Return tokens signed as if a public part of our key were a shared secret."""

    def forge(keys: SigningKeys) -> str:
        header = {"alg": "HS256", "typ": ACCESS_TOKEN, "kid": get_kid(keys)}
        return _sign_hs256(header, secret(keys.public["keys"][0]))

    return forge


def _encode_public_key(encoding: Encoding) -> Callable[[dict[str, Any]], bytes]:
    return lambda jwk: bytes(jwt.PyJWK(jwk).key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo))


def _forge_unsigned(algorithm: str) -> Forge:
    def forge(keys: SigningKeys) -> str:
        header = {"alg": algorithm, "typ": ACCESS_TOKEN, "kid": get_kid(keys)}
        return f"{_encode_part(header)}.{_encode_part(build_claims())}."

    return forge


def _forge_foreign_key(**header: Any) -> Forge:
    """Return tokens signed with a key of the attacker."""

    def forge(keys: SigningKeys) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        return jwt.encode(
            build_claims(), key, ALGORITHM, {"typ": ACCESS_TOKEN, "kid": get_kid(keys), **header}
        )

    return forge


def _forge_embedded_key(keys: SigningKeys) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(build_claims(), key, ALGORITHM, {"typ": ACCESS_TOKEN, "jwk": jwk})


def _forge_role(keys: SigningKeys) -> str:
    header, _, signature = keys.sign(build_claims(role="learner"), typ=ACCESS_TOKEN).split(".")
    return f"{header}.{_encode_part(build_claims())}.{signature}"


FORGERIES: dict[str, Forge] = {
    "expired": _forge_times(exp=-60),
    "without expiry": _forge_claims(exp=None),
    "not valid yet": _forge_times(nbf=600),
    "another issuer": _forge_claims(iss="somebody"),
    "no issuer": _forge_claims(iss=None),
    "another audience": _forge_claims(aud="somebody"),
    "no audience": _forge_claims(aud=None),
    "alg none": _forge_unsigned("none"),
    "alg NoNe": _forge_unsigned("NoNe"),
    "no signature": _forge_unsigned(ALGORITHM),
    "HS256 over the public key, PEM": _forge_shared_secret(_encode_public_key(Encoding.PEM)),
    "HS256 over the public key, DER": _forge_shared_secret(_encode_public_key(Encoding.DER)),
    "HS256 over the public key, JWK": _forge_shared_secret(lambda jwk: json.dumps(jwk).encode()),
    "HS256 over the key's name": _forge_shared_secret(lambda jwk: str(jwk["kid"]).encode()),
    "a stranger's signature under our kid": _forge_foreign_key(),
    "an unknown kid": _forge_foreign_key(kid="unknown"),
    "a kid that is a path": _forge_foreign_key(kid="../../../../dev/null"),
    "jku": _forge_foreign_key(jku="http://127.0.0.1:1/jwks.json"),
    "x5u": _forge_foreign_key(x5u="http://127.0.0.1:1/chain.pem"),
    "brings its own key": _forge_embedded_key,
    "our kid, unpublished key": lambda keys: SigningKeys(
        {"keys": [create_signing_key() | {"kid": get_kid(keys)}]}
    ).sign(build_claims(), typ=ACCESS_TOKEN),
    "claims exchanged": _forge_role,
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "dots": lambda _: "..",
    "long": lambda _: "x" * 20_000,
}
"""Tokens that the gateway and every service refuse."""

MISUSED: dict[str, Forge] = {
    "issued in the future": _forge_times(iat=600),
    "typ JWT": _forge_type("JWT"),
    "typ of a receipt": _forge_type("receipt+jwt"),
    "no typ": _forge_type(""),
    "no kid": _forge_header(typ=ACCESS_TOKEN),
    "no subject": _forge_claims(sub=None),
    "no jti": _forge_claims(jti=None),
    "no role": _forge_claims(role=None),
    "no time of issue": _forge_claims(iat=None),
    "a subject that is no UUID": _forge_claims(sub="admin@example.com"),
    "an unknown role": _forge_claims(role="owner"),
    "several roles": _forge_claims(role=["learner", "admin"]),
}
"""Tokens signed with our own key that only the services refuse, by claims that the gateway does not check."""
