import pytest
from auth.tokens import refresh_tokens
from cryptography.fernet import InvalidToken


def test_a_token_has_256_random_bits() -> None:
    tokens = {refresh_tokens.new_token() for _ in range(100)}
    assert {len(token) for token in tokens} == {43}
    assert len(tokens) == 100


def test_only_the_spent_token_unseals_its_successor() -> None:
    spent, successor = refresh_tokens.new_token(), refresh_tokens.new_token()
    sealed = refresh_tokens.seal(successor, under=spent)
    assert successor not in sealed
    assert refresh_tokens.unseal(sealed, under=spent) == successor
    with pytest.raises(InvalidToken):
        refresh_tokens.unseal(sealed, under=successor)
