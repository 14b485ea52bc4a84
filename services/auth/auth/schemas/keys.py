from typing import Literal

from pydantic import BaseModel, Field


class PublicKey(BaseModel):
    """An EC key on P-256 (RFC 7518)."""

    kty: Literal["EC"] = Field(examples=["EC"])
    crv: Literal["P-256"] = Field(examples=["P-256"])
    x: str = Field(examples=["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"])
    y: str = Field(examples=["x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"])
    kid: str = Field(examples=["Zk2xq8Wn3bT0yLhP"])
    alg: Literal["ES256"] = Field(examples=["ES256"])
    use: Literal["sig"] = Field(examples=["sig"])


class PublicKeySet(BaseModel):
    """A JWK set (RFC 7517)."""

    keys: list[PublicKey]
