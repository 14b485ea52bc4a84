from typing import Any

import httpx
from shared.security.current_user import AccessTokenVerifier
from shared.security.jwt import StaticKeys

JWKS = "/.well-known/jwks.json"


async def test_the_published_keys_verify_access_tokens(
    client: httpx.AsyncClient, tokens: dict[str, Any]
) -> None:
    response = await client.get(JWKS)
    assert response.headers["cache-control"] == "public, max-age=300"
    jwks = response.json()
    assert len(jwks["keys"]) == 2
    assert not any("d" in key for key in jwks["keys"])
    verifier = AccessTokenVerifier(StaticKeys(jwks), issuer="parley", audience="parley-api")
    caller = await verifier.authenticate(tokens["access_token"])
    assert (str(caller.id), caller.role) == (tokens["user"]["id"], "learner")
