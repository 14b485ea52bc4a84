from auth.domain.users import canonical_email


def test_addresses_are_compared_without_case() -> None:
    assert canonical_email("Ada@Example.com") == canonical_email("ada@example.com")
