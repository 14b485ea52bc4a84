"""Access, refresh and one-time tokens, and the keys that sign access tokens."""

from auth.tokens.access_tokens import AccessTokenIssuer
from auth.tokens.signing_keys import SigningKeysNotFound, SigningKeyStore

__all__ = ["AccessTokenIssuer", "SigningKeyStore", "SigningKeysNotFound"]
