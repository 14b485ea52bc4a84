import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import bcrypt
import pwdlib
import pytest
from auth.errors import PasswordQueueFull
from auth.passwords.hasher import NICE_LEVEL, PasswordHasher


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    hasher = PasswordHasher(threads=1, queue_size=1)
    yield hasher
    hasher.close()


async def test_a_hash_is_argon2id_with_the_chosen_cost(password_hash: str) -> None:
    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_only_the_correct_password_matches(hasher: PasswordHasher, password_hash: str) -> None:
    assert await hasher.verify("Correct4Horse", password_hash) == (True, None)
    assert await hasher.verify("Correct4Horsf", password_hash) == (False, None)


async def test_a_bcrypt_hash_is_upgraded(hasher: PasswordHasher) -> None:
    old = bcrypt.hashpw(b"Correct4Horse", bcrypt.gensalt(4)).decode()
    right, upgraded = await hasher.verify("Correct4Horse", old)
    assert right
    assert upgraded is not None
    assert upgraded.startswith("$argon2id$")
    assert await hasher.verify("Correct4Horse", upgraded) == (True, None)
    assert await hasher.verify("Wrong4Horse", old) == (False, None)


async def test_bcrypt_rejects_passwords_that_differ_after_72_bytes(hasher: PasswordHasher) -> None:
    password = "Aa1" + "x" * 69
    old = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    assert (await hasher.verify(password, old))[0]
    assert await hasher.verify(password + "y", old) == (False, None)


async def test_argon2_rejects_passwords_that_differ_after_72_bytes(hasher: PasswordHasher) -> None:
    hashed = await hasher.hash("x" * 127 + "y")
    assert await hasher.verify("x" * 127 + "z", hashed) == (False, None)


@pytest.mark.parametrize("hashed", [None, "", "plain", "$unknown$"])
async def test_verifying_without_a_usable_hash_takes_the_same_time(
    hasher: PasswordHasher, hashed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    def verify(self: object, password: str, hashed: str) -> bool:
        verified.append(hashed)
        return False

    monkeypatch.setattr(pwdlib.PasswordHash, "verify", verify)
    assert await hasher.verify("Correct4Horse", hashed) == (False, None)
    assert [hash.rpartition("$")[0].rpartition("$")[0] for hash in verified] == [
        "$argon2id$v=19$m=19456,t=2,p=1"
    ]


async def test_a_full_queue_refuses_immediately_and_recovers(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = threading.Event()
    monkeypatch.setattr(pwdlib.PasswordHash, "hash", lambda self, password: ready.wait(5) and password)
    waiting = [asyncio.create_task(hasher.hash(name)) for name in ("running", "queued")]
    await asyncio.sleep(0)
    with pytest.raises(PasswordQueueFull):
        await hasher.hash("refused")
    waiting[1].cancel()
    ready.set()
    assert await waiting[0] == "running"
    assert list(await asyncio.gather(hasher.hash("a"), hasher.hash("b"))) == ["a", "b"]


async def test_one_address_cannot_fill_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = threading.Event()
    monkeypatch.setattr(pwdlib.PasswordHash, "hash", lambda self, password: ready.wait(5) and password)
    hasher = PasswordHasher(threads=1, queue_size=3, max_queued_per_address=2)
    waiting = [asyncio.create_task(hasher.for_address("203.0.113.7").hash(name)) for name in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(PasswordQueueFull):
        await hasher.for_address("203.0.113.7").hash("c")
    waiting.append(asyncio.create_task(hasher.for_address("203.0.113.8").hash("d")))
    await asyncio.sleep(0)
    ready.set()
    assert await asyncio.gather(*waiting) == ["a", "b", "d"]
    again = hasher.for_address("203.0.113.7")
    assert list(await asyncio.gather(again.hash("e"), again.hash("f"))) == ["e", "f"]
    hasher.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
async def test_hashing_threads_have_a_lower_priority(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwdlib.PasswordHash, "hash", lambda self, password: str(os.nice(0)))
    before = os.nice(0)
    assert int(await hasher.hash("Correct4Horse")) == min(before + NICE_LEVEL, 19)
    assert os.nice(0) == before


async def test_hashing_does_not_block_the_event_loop(hasher: PasswordHasher) -> None:
    hashing = asyncio.create_task(hasher.hash("Correct4Horse"))
    iterations = 0
    while not hashing.done():
        iterations += 1
        await asyncio.sleep(0)
    assert iterations > 10
