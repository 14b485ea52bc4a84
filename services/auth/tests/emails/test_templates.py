from auth.emails.templates import compose_email


def test_names_of_all_the_world_can_be_addressed() -> None:
    email = compose_email(
        "verify_email", to="ada@bücher.example", name="Nguyễn\nBcc: x@example.com", sender="p@x.io", link="l"
    )
    assert email["To"] == "ada@xn--bcher-kva.example"
    assert set(email.keys()) & {"Bcc"} == set()
    assert "Hello Nguyễn Bcc: x@example.com," in email.get_content()
    email.as_bytes().decode("ascii")
