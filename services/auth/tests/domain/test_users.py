from auth.domain.users import canonical_email


def test_addresses_are_told_apart_without_regard_to_case() -> None:
    assert canonical_email("Ada@Example.com") == canonical_email("ada@example.com")
