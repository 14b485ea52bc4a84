import pytest
from auth.tokens import opaque_tokens
from cryptography.fernet import InvalidToken


def test_a_token_has_256_random_bits() -> None:
    tokens = {opaque_tokens.generate_token() for _ in range(100)}
    assert {len(token) for token in tokens} == {43}
    assert len(tokens) == 100


def test_only_the_spent_token_unseals_its_successor() -> None:
    spent, successor = opaque_tokens.generate_token(), opaque_tokens.generate_token()
    sealed = opaque_tokens.seal(successor, under=spent)
    assert successor not in sealed
    assert opaque_tokens.unseal(sealed, under=spent) == successor
    with pytest.raises(InvalidToken):
        opaque_tokens.unseal(sealed, under=successor)
