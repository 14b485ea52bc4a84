"""Google, Apple and Facebook as this service sees them: a server with real keys that signs real tokens."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from auth.settings import SocialSettings
from auth.social import SocialSignIn, UsedTokens
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import RSAAlgorithm

type Reply = tuple[int, bytes]


def as_json(document: Any, status: int = 200) -> Reply:
    """An answer as a provider writes it."""
    return status, json.dumps(document).encode()


def base64url(content: bytes) -> str:
    """As JOSE writes bytes."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@cache
def private_key(name: str, size: int = 2048) -> rsa.RSAPrivateKey:
    """The key of this name; made once, because making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def public_jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    """The public half of a key, as providers publish it."""
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwk | {"kid": kid, "alg": "RS256", "use": "sig"}


def signed(header: dict[str, Any], claims: Any, key: rsa.RSAPrivateKey) -> str:
    """A JWS with an RS256 signature; no library that would refuse to write nonsense."""
    content = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{content}.{base64url(key.sign(content.encode(), PKCS1v15(), SHA256()))}"


@dataclass
class Endpoint:
    """An address of a provider: counts who asks, and can be made to misbehave."""

    path: str
    requests: int = 0
    fault: Reply | None = None
    held: threading.Event | None = None
    drips: bool = False

    @contextmanager
    def answering(self, status: int, body: bytes) -> Iterator[None]:
        """It gives this answer, whatever the question."""
        self.fault = status, body
        try:
            yield
        finally:
            self.fault = None

    @contextmanager
    def hanging(self, *, dripping: bool = False) -> Iterator[None]:
        """It takes questions and does not answer, or sends one space after another."""
        self.held, self.drips = threading.Event(), dripping
        try:
            yield
        finally:
            self.held.set()
            self.held = None


@dataclass
class OpenIdProvider:
    """Publishes keys, and signs ID tokens with the first of them."""

    name: str
    issuer: str
    audience: str
    usual: dict[str, Any]
    jwks: Endpoint = field(init=False)
    generation: int = 0

    def __post_init__(self) -> None:
        self.jwks = Endpoint(f"/{self.name}/jwks")

    @property
    def kid(self) -> str:
        """The name of the key that signs now."""
        return f"{self.name}-{self.generation}"

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """The key that signs now."""
        return private_key(self.kid)

    def rotate(self) -> None:
        """Sign with a new key; the last one stays published for a while."""
        self.generation += 1

    def keys(self) -> dict[str, Any]:
        """The published set: beside what signs, a key that is for something else."""
        kids = {f"{self.name}-{max(0, self.generation - 1)}", self.kid}
        signing = [public_jwk(private_key(kid), kid) for kid in sorted(kids)]
        return {"keys": [{"kty": "OKP", "crv": "X25519", "kid": "other", "use": "enc"}, *signing]}

    def claims(self, **different: Any) -> dict[str, Any]:
        """The usual claims of a person, but for these; None leaves a claim out."""
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": self.audience, "iat": now, "exp": now + 3600, **self.usual}
        # No two tokens are the same: real ones hold a hash of their code, or an id.
        usual |= {"sub": secrets.token_hex(10), "jti": secrets.token_hex(10)}
        return {name: claim for name, claim in (usual | different).items() if claim is not None}

    def sign(self, claims: Any, **header: Any) -> str:
        """A token of these claims, under the current key whatever its header says."""
        return signed({"alg": "RS256", "typ": "JWT", "kid": self.kid, **header}, claims, self.key)

    def token(self, **claims: Any) -> str:
        """A token that differs from the usual one in these claims: `token(sub=..., email=..., nonce=...)`."""
        return self.sign(self.claims(**claims))


@dataclass
class Facebook(OpenIdProvider):
    """Limited Login, which is OpenID Connect, and what the Graph API tells of access tokens."""

    secret: str = "the-secret-of-the-app"
    debug_token: Endpoint = field(default_factory=lambda: Endpoint("/graph/v25.0/debug_token"))
    me: Endpoint = field(default_factory=lambda: Endpoint("/graph/v25.0/me"))
    inspected: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)

    def limited_token(self, **claims: Any) -> str:
        """An ID token of Limited Login."""
        return self.token(**claims)

    def access_token(
        self, *, user_id: str, name: Any = None, email: Any = None, picture: Any = None, **facts: Any
    ) -> str:
        """A user's access token; `facts` are what `debug_token` says of it."""
        token = f"EAA{secrets.token_urlsafe(96).replace('-', 'Z').replace('_', 'D')}"
        usual = {"app_id": self.audience, "type": "USER", "is_valid": True, "user_id": user_id}
        self.inspected[token] = {**usual, "expires_at": int(time.time()) + 3600, "scopes": ["email"], **facts}
        shown = {"id": user_id, "name": name, "email": email, "picture": picture}
        self.people[token] = {key: value for key, value in shown.items() if value is not None}
        return token

    def inspect(self, query: dict[str, str], bearer: str) -> Reply:
        """What Graph says of a token; only to the app itself."""
        if bearer != f"{self.audience}|{self.secret}":
            return _refusal(190, "Invalid OAuth access token signature.")
        error = {"code": 190, "message": "Invalid OAuth access token."}
        unknown = {"error": error, "is_valid": False, "scopes": []}
        return as_json({"data": self.inspected.get(query.get("input_token", ""), unknown)})

    def person(self, query: dict[str, str], bearer: str) -> Reply:
        """Whose a token is; only with the proof that the app asks."""
        if bearer not in self.people:
            return _refusal(190, "Invalid OAuth access token.")
        proof = hmac.digest(self.secret.encode(), bearer.encode(), hashlib.sha256).hex()
        if query.get("appsecret_proof") != proof:
            return _refusal(100, "Invalid appsecret_proof provided in the API argument")
        fields = query.get("fields", "id,name").split(",")
        return as_json({name: value for name, value in self.people[bearer].items() if name in fields})


def _refusal(code: int, message: str) -> Reply:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Axyz"}
    return as_json({"error": error}, 400)


def _facebook() -> Facebook:
    usual = {"name": "Ada Lovelace", "email": "ada@example.com"}
    return Facebook("facebook", "https://www.facebook.com", "465724596122029", usual)


def _google() -> OpenIdProvider:
    client = "1008719970978-web.apps.googleusercontent.com"
    usual = {"azp": client, "email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace"}
    return OpenIdProvider("google", "https://accounts.google.com", client, usual)


def _apple() -> OpenIdProvider:
    usual = {"email": "x7k2@privaterelay.appleid.com", "email_verified": "true", "is_private_email": "true"}
    return OpenIdProvider("apple", "https://appleid.apple.com", "com.example.parley", usual)


class Providers:
    """All three, behind one port."""

    def __init__(self) -> None:
        self.google, self.apple, self.facebook = _google(), _apple(), _facebook()
        self.targets: list[str] = []
        """Every path and query that was asked for."""
        self.forms: dict[str, tuple[Endpoint, Callable[[dict[str, str]], Reply]]] = {}
        """What answers to forms, by path."""
        self.server = _Server(self)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> Iterator["Providers"]:
        """Answer as long as the block runs."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        yield self
        self.server.shutdown()
        self.server.server_close()

    @property
    def settings(self) -> dict[str, Any]:
        """What SocialSettings needs to ask them."""
        return {
            "google_client_ids": (self.google.audience, "1008719970978-ios.apps.googleusercontent.com"),
            "environment": "test",
            "google_jwks_url": self.url + self.google.jwks.path,
            "apple_client_ids": (self.apple.audience, "com.example.parley.web"),
            "apple_jwks_url": self.url + self.apple.jwks.path,
            "facebook_app_id": self.facebook.audience,
            "facebook_app_secret": self.facebook.secret,
            "facebook_jwks_url": self.url + self.facebook.jwks.path,
            "facebook_graph_url": f"{self.url}/graph/v25.0",
        }

    def reply(self, target: str, bearer: str) -> tuple[Endpoint, Reply]:
        """What the address answers when nothing is wrong with it."""
        self.targets.append(target)
        parts = urlsplit(target)
        query, facebook = dict(parse_qsl(parts.query)), self.facebook
        for provider in (self.google, self.apple, facebook):
            if parts.path == provider.jwks.path:
                return provider.jwks, as_json(provider.keys())
        if parts.path == facebook.debug_token.path:
            return facebook.debug_token, facebook.inspect(query, bearer)
        if parts.path == facebook.me.path:
            return facebook.me, facebook.person(query, bearer)
        return Endpoint(parts.path), (404, b"")


@asynccontextmanager
async def signing_in(providers: Providers, **different: Any) -> AsyncIterator[SocialSignIn]:
    """The service's side, set up for these providers but for what differs."""
    settings = SocialSettings.model_validate({**providers.settings, **different})
    social = SocialSignIn(settings, UsedTokens("redis://127.0.0.1:1/0"))
    yield social
    await social.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, providers: Providers) -> None:
        self.providers = providers
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Ignore a client that has left: some tests disconnect on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self._answer(*self.server.providers.reply(self.path, bearer))

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        endpoint, answer = self.server.providers.forms[self.path]
        self._answer(endpoint, answer(dict(parse_qsl(content))))

    def _answer(self, endpoint: Endpoint, usual: Reply) -> None:
        endpoint.requests += 1
        status, body = endpoint.fault or usual
        self.send_response(status)
        if status in {301, 302}:
            self.send_header("Location", body.decode())
        if endpoint.held is not None:
            self._wait(endpoint.held, drips=endpoint.drips)
        self.end_headers()
        self.wfile.write(body)

    def _wait(self, held: threading.Event, *, drips: bool) -> None:
        if drips:
            self.end_headers()
        while not held.wait(0.05):
            if drips:
                self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        pass
