from collections.abc import AsyncIterator

import pytest
from auth.social import SocialSignIn
from tests.providers import Providers, open_social_sign_in


@pytest.fixture(scope="module")
async def social(providers: Providers) -> AsyncIterator[SocialSignIn]:
    async with open_social_sign_in(providers) as social:
        yield social
