"""Encryption of tokens that must be readable later, with keys from the environment."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


class TokenVault:
    """The first key encrypts and all decrypt, so that keys can be replaced."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises ValueError unless the keys are Fernet keys: 32 bytes as URL-safe base64."""
        self._keys = [Fernet(key) for key in keys]

    def seal(self, token: str) -> str:
        return MultiFernet(self._keys).encrypt(token.encode()).decode()

    def unseal(self, sealed_token: str) -> str:
        """Raises InvalidToken if no key decrypts it."""
        return MultiFernet(self._keys).decrypt(sealed_token).decode()

    def reseal(self, sealed_token: str) -> str:
        return MultiFernet(self._keys).rotate(sealed_token).decode()
