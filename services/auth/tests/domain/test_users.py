from auth.domain.users import to_canonical_email


def test_addresses_are_compared_without_case() -> None:
    assert to_canonical_email("Ada@Example.com") == to_canonical_email("ada@example.com")
