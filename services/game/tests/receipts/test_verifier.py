import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from game.receipts import ReceiptVerifier
from shared.security.jwt import SigningKeys, create_signing_key

type NewReceipt = Callable[..., str]

OTHER_KEYS = SigningKeys({"keys": [create_signing_key()]})


@pytest.fixture
def verifier(receipt_keys: SigningKeys, tmp_path: Path) -> ReceiptVerifier:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(receipt_keys.public))
    return ReceiptVerifier.from_file(path)


async def test_a_valid_receipt_returns_its_claims(
    verifier: ReceiptVerifier, learner: UUID, new_receipt: NewReceipt
) -> None:
    receipt = new_receipt(learner, text="Hi.", score=87.5, recognized_text="hi", scorer="new-2")
    claims = await verifier.verify(receipt, user_id=learner)
    assert claims is not None
    assert (claims.sub, claims.pronunciation_score, claims.recognized_text) == (learner, 87.5, "hi")
    assert claims.scorer == "new-2"


async def test_a_receipt_without_a_scorer_is_valid(
    verifier: ReceiptVerifier, learner: UUID, new_receipt: NewReceipt
) -> None:
    claims = await verifier.verify(new_receipt(learner, text="Hi.", score=87.5), user_id=learner)
    assert claims is not None
    assert claims.scorer is None


@pytest.mark.parametrize(
    "claims",
    [
        {"keys": OTHER_KEYS},
        {"sub": str(uuid4())},
        {"exp": 1},
        {"aud": "parley-api"},
        {"iss": "parley"},
        {"score": "high"},
        {"score": 101},
        {"scorer": 2},
        {"scorer": "x" * 65},
    ],
    ids=lambda claims: "-".join(claims),
)
async def test_an_invalid_or_foreign_receipt_is_refused(
    verifier: ReceiptVerifier, learner: UUID, new_receipt: NewReceipt, claims: dict[str, Any]
) -> None:
    receipt = new_receipt(learner, **{"text": "Hi.", "score": 87.5, **claims})
    assert await verifier.verify(receipt, user_id=learner) is None


@pytest.mark.parametrize("content", ["", "{}", '{"keys": [{"kty": "EC"}]}'])
def test_a_file_without_keys_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises((ValueError, KeyError)):
        ReceiptVerifier.from_file(path)
    with pytest.raises(OSError, match="No such file"):
        ReceiptVerifier.from_file(tmp_path / "missing.json")
