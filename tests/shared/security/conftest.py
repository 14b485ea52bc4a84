import pytest
from shared.security.current_user import AccessTokenVerifier
from shared.security.jwt import SigningKeys, StaticKeys, create_signing_key


@pytest.fixture(scope="module")
def keys() -> SigningKeys:
    return SigningKeys({"keys": [create_signing_key(), create_signing_key()]})


@pytest.fixture(scope="module")
def tokens(keys: SigningKeys) -> AccessTokenVerifier:
    return AccessTokenVerifier(StaticKeys(keys.public), issuer="parley", audience="parley-api")
