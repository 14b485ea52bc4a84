import pytest
from auth.models import User
from auth.panel import routers
from fastapi import FastAPI
from shared.panel.hostile import CSRF, attack, attack_route
from shared.testing import TokenFor, api_client
from starlette.routing import Route

pytestmark = pytest.mark.long

SIGN_ON = [
    (method, route.path)
    for router in routers
    for route in router.routes
    if isinstance(route, Route)
    for method in sorted({"GET", "POST"} & (route.methods or set()))
]


async def test_bad_input_causes_no_server_error_and_no_repeated_change(
    app: FastAPI, token_for: TokenFor, admin_user: User, user: User
) -> None:
    async with api_client(app, token=token_for(admin_user.id, "admin", csrf=CSRF)) as browser:
        assert await attack(app, browser, rows={"learners": user.id}) == []


@pytest.mark.parametrize(("method", "path"), SIGN_ON)
async def test_bad_input_at_the_sign_on_causes_no_server_error(app: FastAPI, method: str, path: str) -> None:
    async with api_client(app) as browser:
        assert await attack_route(browser, method, path, fields=("email", "password", "next")) == []
