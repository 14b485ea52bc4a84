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
def passwords() -> Iterator[PasswordHasher]:
    passwords = PasswordHasher(threads=1, queue_size=1)
    yield passwords
    passwords.close()


async def test_a_hash_is_argon2id_at_our_cost(password_hash: str) -> None:
    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_only_the_right_password_is_right(passwords: PasswordHasher, password_hash: str) -> None:
    assert await passwords.verify("Correct4Horse", password_hash) == (True, None)
    assert await passwords.verify("Correct4Horsf", password_hash) == (False, None)


async def test_a_bcrypt_hash_is_upgraded(passwords: PasswordHasher) -> None:
    old = bcrypt.hashpw(b"Correct4Horse", bcrypt.gensalt(4)).decode()
    right, upgraded = await passwords.verify("Correct4Horse", old)
    assert right
    assert upgraded is not None
    assert upgraded.startswith("$argon2id$")
    assert await passwords.verify("Correct4Horse", upgraded) == (True, None)
    assert await passwords.verify("Wrong4Horse", old) == (False, None)


async def test_bcrypt_does_not_forget_what_follows_72_bytes(passwords: PasswordHasher) -> None:
    password = "Aa1" + "x" * 69
    old = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    assert (await passwords.verify(password, old))[0]
    assert await passwords.verify(password + "y", old) == (False, None)


async def test_argon2_does_not_forget_what_follows_72_bytes(passwords: PasswordHasher) -> None:
    hashed = await passwords.hash("x" * 127 + "y")
    assert await passwords.verify("x" * 127 + "z", hashed) == (False, None)


@pytest.mark.parametrize("hashed", [None, "", "plain", "$unknown$"])
async def test_without_a_usable_hash_the_same_work_is_done(
    passwords: PasswordHasher, hashed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    def verify(self: object, password: str, hashed: str) -> bool:
        verified.append(hashed)
        return False

    monkeypatch.setattr(pwdlib.PasswordHash, "verify", verify)
    assert await passwords.verify("Correct4Horse", hashed) == (False, None)
    assert [hash.rpartition("$")[0].rpartition("$")[0] for hash in verified] == [
        "$argon2id$v=19$m=19456,t=2,p=1"
    ]


async def test_a_full_queue_refuses_at_once_and_recovers(
    passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = threading.Event()
    monkeypatch.setattr(pwdlib.PasswordHash, "hash", lambda self, password: ready.wait(5) and password)
    waiting = [asyncio.create_task(passwords.hash(name)) for name in ("running", "queued")]
    await asyncio.sleep(0)
    with pytest.raises(PasswordQueueFull):
        await passwords.hash("refused")
    waiting[1].cancel()
    ready.set()
    assert await waiting[0] == "running"
    assert list(await asyncio.gather(passwords.hash("a"), passwords.hash("b"))) == ["a", "b"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
async def test_hashing_threads_let_all_others_go_first(
    passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwdlib.PasswordHash, "hash", lambda self, password: str(os.nice(0)))
    before = os.nice(0)
    assert int(await passwords.hash("Correct4Horse")) == min(before + NICE_LEVEL, 19)
    assert os.nice(0) == before


async def test_the_loop_is_free_while_hashing(passwords: PasswordHasher) -> None:
    hashing = asyncio.create_task(passwords.hash("Correct4Horse"))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
