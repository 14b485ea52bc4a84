from auth.tokens import opaque_tokens


def test_a_token_has_256_random_bits() -> None:
    tokens = {opaque_tokens.generate_token() for _ in range(100)}
    assert {len(token) for token in tokens} == {43}
    assert len(tokens) == 100


def test_a_successor_is_derived_from_both_its_predecessor_and_the_salt() -> None:
    used_token, salt = opaque_tokens.generate_token(), opaque_tokens.generate_salt()
    successor = opaque_tokens.derive_successor(used_token, salt)
    assert successor == opaque_tokens.derive_successor(used_token, salt)
    others = {
        opaque_tokens.derive_successor(opaque_tokens.generate_token(), salt),
        opaque_tokens.derive_successor(used_token, opaque_tokens.generate_salt()),
    }
    assert successor not in others
    assert {len(token) for token in (successor, *others)} == {43}
