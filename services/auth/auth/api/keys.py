"""The public keys."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from auth.tokens.signing_keys import SigningKeyStore

CACHE_MAX_AGE_SECONDS = 300

router = APIRouter(tags=["Auth"])


@router.get("/.well-known/jwks.json")
async def get_public_keys(request: Request) -> JSONResponse:
    """The public keys that access tokens are signed with, as a JWK set (RFC 7517).

    A key is published ten minutes before it signs, and as long after as its tokens may be in use.
    """
    keys: SigningKeyStore = request.app.state.keys
    return JSONResponse(keys.public(), headers={"Cache-Control": f"public, max-age={CACHE_MAX_AGE_SECONDS}"})
