import json
from typing import Any

import httpx
import pytest

REGISTER, LOGIN = "/api/v1/auth/register", "/api/v1/auth/login"
REFRESH, LOGOUT, ME = "/api/v1/auth/refresh", "/api/v1/auth/logout", "/api/v1/users/me"
ADA = {"email": "ada@example.com", "password": "Correct4Horse", "name": "Ada"}
SOCIAL, FORGOT = "/api/v1/auth/social", "/api/v1/auth/password/forgot"
RESET, VERIFY = "/api/v1/auth/password/reset", "/api/v1/auth/email/verify"
REJECT = "/api/v1/auth/email/reject"
GOOD: dict[str, dict[str, Any]] = {
    REGISTER: ADA,
    LOGIN: {"email": "ada@example.com", "password": "Correct4Horse"},
    SOCIAL: {"provider": "google", "token": "x"},
    RESET: {"token": "x" * 43, "password": "Correct4Horse"},
    VERIFY: {"token": "x" * 43},
    f"{ME}/email": {"new_email": "ada@example.com"},
    f"{ME}/password": {"current_password": "Correct4Horse", "new_password": "Brandnew4Password"},
    f"{ME}/identities": {"provider": "google", "token": "x"},
}

EDGES: list[Any] = ["", "x" * 10_000, "\ud800", "a\x00b", ["x"], {"x": "y"}, 7, 1e400, True]
OWN_EDGES: dict[str, list[Any]] = {
    "email": [
        None,
        " ",
        "שלום",
        "\u202eabc@example.com",
        "🙂@example.com",
        "a@b",
        "' OR 1=1 --",
        "E <e@example.com>",
        "x" * 65 + "@example.com",
    ],
    "password": [None, "Aa1\ud800xxxxxxx"],
    "name": [
        None,
        " ",
        "a" + "\u0301" * 31,
        "Ada\nBcc: x",
        "Ada\tL",
        "A\u2028B",
        "\u202egnat",
        "A\u2067da",
        "A\u200fB",
    ],
    "avatar_url": [
        " ",
        "javascript:alert(1)",
        "data:text/html,x",
        "/me.png",
        "https://",
        "https://example.com/" + "a" * 2048,
        "http://example.com/me.png",
        "https://me@example.com/me.png",
        "https://me:secret@example.com/me.png",
        "https://localhost/me.png",
        "https://me.LOCALHOST./me.png",
        "https://router/me.png",
        "https://printer.local/me.png",
        "https://wiki.internal/me.png",
        "https://127.0.0.1/me.png",
        "https://2130706433/me.png",
        "https://0x7f.1/me.png",
        "https://10.0.0.7:8443/me.png",
        "https://169.254.169.254/latest",
        "https://[::1]/me.png",
        "https://[::ffff:192.168.0.1]/me.png",
        "https://[fd00::1]/me.png",
    ],
    "refresh_token": [None, "שלום", "🙂"],
    "token": [None, "שלום", "🙂", "a b\n"],
    "provider": [None, "myspace", "Google", "google "],
    "nonce": ["שלום", "🙂"],
    "current_password": [None, "Aa1\ud800xxxxxxx"],
    "new_password": [None, "Aa1\ud800xxxxxxx"],
}
OWN_EDGES["new_email"] = OWN_EDGES["email"]
FIELDS = [
    ("POST", REGISTER, "email"),
    ("POST", REGISTER, "password"),
    ("POST", REGISTER, "name"),
    ("POST", LOGIN, "email"),
    ("POST", LOGIN, "password"),
    ("POST", REFRESH, "refresh_token"),
    ("POST", LOGOUT, "refresh_token"),
    ("POST", SOCIAL, "provider"),
    ("POST", SOCIAL, "token"),
    ("POST", SOCIAL, "nonce"),
    ("POST", SOCIAL, "name"),
    ("POST", FORGOT, "email"),
    ("POST", RESET, "token"),
    ("POST", RESET, "password"),
    ("POST", VERIFY, "token"),
    ("POST", VERIFY, "password"),
    ("POST", REJECT, "token"),
    ("PUT", f"{ME}/email", "new_email"),
    ("PUT", f"{ME}/email", "password"),
    ("PUT", f"{ME}/password", "current_password"),
    ("PUT", f"{ME}/password", "new_password"),
    ("POST", f"{ME}/identities", "provider"),
    ("POST", f"{ME}/identities", "token"),
    ("POST", f"{ME}/identities", "nonce"),
    ("PUT", ME, "name"),
    ("PUT", ME, "avatar_url"),
]


@pytest.mark.parametrize(("method", "path", "field"), FIELDS)
async def test_bad_input_names_its_field(
    user_client: httpx.AsyncClient, method: str, path: str, field: str
) -> None:
    valid = GOOD.get(path, {})
    for edge in [*EDGES, *OWN_EDGES[field]]:
        if edge is None and (path, field) in {
            (SOCIAL, "name"),
            (VERIFY, "password"),
            (f"{ME}/email", "password"),
        }:
            continue  # optional there
        body = json.dumps({**valid, field: edge})
        response = await user_client.request(
            method, path, content=body, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 422, (edge, response.text)
        assert {error["pointer"] for error in response.json()["errors"]} == {f"#/{field}"}, edge


@pytest.mark.parametrize("name", ["שלום עולם", "👩‍👩‍👧", "O'Brien; DROP TABLE users --", "x" * 100, "Nguyễn"])
async def test_international_names_are_accepted_unchanged(user_client: httpx.AsyncClient, name: str) -> None:
    assert (await user_client.put(ME, json={"name": name})).json()["name"] == name
