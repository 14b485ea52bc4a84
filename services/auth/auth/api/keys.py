from fastapi import APIRouter
from starlette.responses import JSONResponse

from auth.api.dependencies import SigningKeyStoreDep
from auth.schemas.keys import PublicKeySet

CACHE_MAX_AGE_SECONDS = 300

router = APIRouter(tags=["Auth"])


@router.get(
    "/.well-known/jwks.json",
    response_description="The public keys.",
    responses={200: {"model": PublicKeySet}},
)
async def get_public_keys(keys: SigningKeyStoreDep) -> JSONResponse:
    """Return the public keys that verify access tokens, as a JWK set (RFC 7517).

    A key is published from ten minutes before its first use until the last token it signed has expired.
    """
    headers = {"Cache-Control": f"public, max-age={CACHE_MAX_AGE_SECONDS}"}
    return JSONResponse(keys.get_public_keys(), headers=headers)
