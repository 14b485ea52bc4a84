from typing import get_args

import pytest
from auth.emails.templates import LINK_PATHS, compose_email
from auth.types import EmailKind


@pytest.mark.parametrize("kind", get_args(EmailKind))
def test_an_email_has_a_greeting_and_its_link(kind: EmailKind) -> None:
    link = "https://parley.example.com/account/x#token=y" if kind in LINK_PATHS else None
    email = compose_email(kind, recipient="ada@example.com", name="Ada", sender="p@x.io", link=link)
    text = email.get_content()
    assert email["Subject"]
    assert text.startswith("Hello Ada,\n")
    assert "_" not in text
    assert text.count("https://") == (1 if link else 0)


def test_an_email_accepts_international_names_and_domains() -> None:
    email = compose_email(
        "verify_email",
        recipient="ada@bücher.example",
        name="Nguyễn\nBcc: x@example.com",
        sender="p@x.io",
        link="l",
    )
    assert email["To"] == "ada@xn--bcher-kva.example"
    assert set(email.keys()) & {"Bcc"} == set()
    assert "Hello Nguyễn Bcc: x@example.com," in email.get_content()
    email.as_bytes().decode("ascii")
