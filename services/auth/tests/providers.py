"""Google, Apple and Facebook as one local server, which signs real tokens with real keys."""

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


def to_json_reply(document: Any, status: int = 200) -> Reply:
    """Return a provider's response in JSON."""
    return status, json.dumps(document).encode()


def to_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@cache
def get_private_key(name: str, size: int = 2048) -> rsa.RSAPrivateKey:
    """Return the key of this name, cached because generating one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def to_public_jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    """Return the public key as providers publish it."""
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwk | {"kid": kid, "alg": "RS256", "use": "sig"}


def sign_jws(header: dict[str, Any], claims: Any, key: rsa.RSAPrivateKey) -> str:
    """Sign a JWS with RS256, without a library, which would refuse invalid content."""
    content = ".".join(to_base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{content}.{to_base64url(key.sign(content.encode(), PKCS1v15(), SHA256()))}"


@dataclass
class Endpoint:
    """A URL of a provider: counts requests, and can be made to misbehave."""

    path: str
    requests: int = 0
    fault: Reply | None = None
    release_event: threading.Event | None = None
    drips: bool = False

    @contextmanager
    def answer_with(self, status: int, body: bytes) -> Iterator[None]:
        """Return this response to every request inside the block."""
        self.fault = status, body
        try:
            yield
        finally:
            self.fault = None

    @contextmanager
    def hang(self, *, dripping: bool = False) -> Iterator[None]:
        """Accept requests inside the block without answering, or send one space after another."""
        self.release_event, self.drips = threading.Event(), dripping
        try:
            yield
        finally:
            self.release_event.set()
            self.release_event = None


@dataclass
class OpenIdProvider:
    """A provider that publishes keys, and signs ID tokens with the newest one."""

    name: str
    issuer: str
    audience: str
    default_claims: dict[str, Any]
    jwks: Endpoint = field(init=False)
    generation: int = 0

    def __post_init__(self) -> None:
        self.jwks = Endpoint(f"/{self.name}/jwks")

    @property
    def kid(self) -> str:
        """The id of the current key."""
        return f"{self.name}-{self.generation}"

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """The current key."""
        return get_private_key(self.kid)

    def rotate(self) -> None:
        """Sign with a new key; the previous one stays published until the next rotation."""
        self.generation += 1

    def list_keys(self) -> dict[str, Any]:
        """Return the published set: the signing keys, and one for encryption."""
        kids = {f"{self.name}-{max(0, self.generation - 1)}", self.kid}
        signing = [to_public_jwk(get_private_key(kid), kid) for kid in sorted(kids)]
        return {"keys": [{"kty": "OKP", "crv": "X25519", "kid": "other", "use": "enc"}, *signing]}

    def create_claims(self, **overrides: Any) -> dict[str, Any]:
        """Return the usual claims with these changes; None removes a claim."""
        now = int(time.time())
        defaults = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now,
            "exp": now + 3600,
            **self.default_claims,
        }
        # Every token is different, as real ones contain an id or a hash of their code.
        defaults |= {"sub": secrets.token_hex(10), "jti": secrets.token_hex(10)}
        return {name: claim for name, claim in (defaults | overrides).items() if claim is not None}

    def sign(self, claims: Any, **header: Any) -> str:
        """Sign these claims with the current key, regardless of the header."""
        return sign_jws({"alg": "RS256", "typ": "JWT", "kid": self.kid, **header}, claims, self.key)

    def create_token(self, **claims: Any) -> str:
        """Sign the usual claims with changes: `create_token(sub=..., email=..., nonce=...)`."""
        return self.sign(self.create_claims(**claims))


@dataclass
class Facebook(OpenIdProvider):
    """Limited Login, which is OpenID Connect, and the Graph API for access tokens."""

    secret: str = "the-secret-of-the-app"
    debug_token: Endpoint = field(default_factory=lambda: Endpoint("/graph/v25.0/debug_token"))
    me: Endpoint = field(default_factory=lambda: Endpoint("/graph/v25.0/me"))
    inspected: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)

    def create_limited_token(self, **claims: Any) -> str:
        """Create an ID token of Limited Login."""
        return self.create_token(**claims)

    def create_access_token(
        self, *, user_id: str, name: Any = None, email: Any = None, picture: Any = None, **facts: Any
    ) -> str:
        """Create a user's access token; `facts` change its entry at `debug_token`."""
        token = f"EAA{secrets.token_urlsafe(96).replace('-', 'Z').replace('_', 'D')}"
        defaults = {"app_id": self.audience, "type": "USER", "is_valid": True, "user_id": user_id}
        self.inspected[token] = {
            **defaults,
            "expires_at": int(time.time()) + 3600,
            "scopes": ["email"],
            **facts,
        }
        profile = {"id": user_id, "name": name, "email": email, "picture": picture}
        self.people[token] = {key: value for key, value in profile.items() if value is not None}
        return token

    def inspect_token(self, query: dict[str, str], bearer: str) -> Reply:
        """Handle `debug_token`, which requires the app's credentials."""
        if bearer != f"{self.audience}|{self.secret}":
            return _create_refusal(190, "Invalid OAuth access token signature.")
        error = {"code": 190, "message": "Invalid OAuth access token."}
        unknown = {"error": error, "is_valid": False, "scopes": []}
        return to_json_reply({"data": self.inspected.get(query.get("input_token", ""), unknown)})

    def get_person(self, query: dict[str, str], bearer: str) -> Reply:
        """Handle `me`, which returns the token's owner and requires the app's proof."""
        if bearer not in self.people:
            return _create_refusal(190, "Invalid OAuth access token.")
        proof = hmac.digest(self.secret.encode(), bearer.encode(), hashlib.sha256).hex()
        if query.get("appsecret_proof") != proof:
            return _create_refusal(100, "Invalid appsecret_proof provided in the API argument")
        fields = query.get("fields", "id,name").split(",")
        return to_json_reply({name: value for name, value in self.people[bearer].items() if name in fields})


def _create_refusal(code: int, message: str) -> Reply:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Axyz"}
    return to_json_reply({"error": error}, 400)


def _create_facebook() -> Facebook:
    defaults = {"name": "Ada Lovelace", "email": "ada@example.com"}
    return Facebook("facebook", "https://www.facebook.com", "465724596122029", defaults)


def _create_google() -> OpenIdProvider:
    client = "1008719970978-web.apps.googleusercontent.com"
    defaults = {"azp": client, "email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace"}
    return OpenIdProvider("google", "https://accounts.google.com", client, defaults)


def _create_apple() -> OpenIdProvider:
    defaults = {
        "email": "x7k2@privaterelay.appleid.com",
        "email_verified": "true",
        "is_private_email": "true",
    }
    return OpenIdProvider("apple", "https://appleid.apple.com", "com.example.parley", defaults)


class Providers:
    """All three providers on one port."""

    def __init__(self) -> None:
        self.google, self.apple, self.facebook = _create_google(), _create_apple(), _create_facebook()
        self.targets: list[str] = []
        """Path and query of every GET request."""
        self.forms: dict[str, tuple[Endpoint, Callable[[dict[str, str]], Reply]]] = {}
        """Endpoint and handler of forms, by path."""
        self.server = _Server(self)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def run(self) -> Iterator["Providers"]:
        """Serve requests inside the block."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        yield self
        self.server.shutdown()
        self.server.server_close()

    @property
    def settings(self) -> dict[str, Any]:
        """Values of SocialSettings that lead to this server."""
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

    def get_reply(self, target: str, bearer: str) -> tuple[Endpoint, Reply]:
        """Return the endpoint, and its response without a fault."""
        self.targets.append(target)
        parts = urlsplit(target)
        query, facebook = dict(parse_qsl(parts.query)), self.facebook
        for provider in (self.google, self.apple, facebook):
            if parts.path == provider.jwks.path:
                return provider.jwks, to_json_reply(provider.list_keys())
        if parts.path == facebook.debug_token.path:
            return facebook.debug_token, facebook.inspect_token(query, bearer)
        if parts.path == facebook.me.path:
            return facebook.me, facebook.get_person(query, bearer)
        return Endpoint(parts.path), (404, b"")


@asynccontextmanager
async def open_social_sign_in(providers: Providers, **overrides: Any) -> AsyncIterator[SocialSignIn]:
    """Open the service's SocialSignIn for these providers, with other settings if passed."""
    settings = SocialSettings.model_validate({**providers.settings, **overrides})
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
        """Ignore disconnected clients: some tests disconnect on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self._answer(*self.server.providers.get_reply(self.path, bearer))

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        endpoint, response = self.server.providers.forms[self.path]
        self._answer(endpoint, response(dict(parse_qsl(content))))

    def _answer(self, endpoint: Endpoint, defaults: Reply) -> None:
        endpoint.requests += 1
        status, body = endpoint.fault or defaults
        self.send_response(status)
        if status in {301, 302}:
            self.send_header("Location", body.decode())
        if endpoint.release_event is not None:
            self._wait(endpoint.release_event, drips=endpoint.drips)
        self.end_headers()
        self.wfile.write(body)

    def _wait(self, release_event: threading.Event, *, drips: bool) -> None:
        if drips:
            self.end_headers()
        while not release_event.wait(0.05):
            if drips:
                self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        pass
