import asyncio
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from auth.commands.emails import request_email
from auth.emails.mailers import FolderMailer, SmtpMailer, create_mailer
from auth.emails.sender import CLAIM_TTL, RETRY_DELAYS, EmailSender
from auth.models import EmailRequest, OneTimeToken, User
from auth.settings import EmailSettings
from auth.tokens.opaque_tokens import digest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from shared.data.db import Database
from sqlalchemy import select
from structlog.testing import capture_logs

URL = "https://parley.example.com/account"


class Post:
    """What a mail server has taken in; `reply` makes it refuse."""

    def __init__(self) -> None:
        self.emails: list[tuple[list[str], EmailMessage]] = []
        self.reply = "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        email: Any = BytesParser(policy=default).parsebytes(envelope.original_content or b"")
        self.emails.append((envelope.rcpt_tos, email))
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's key and its certificate, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")]), datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(address, critical=False)
    signed = made.sign(key, SHA256()).public_bytes(Encoding.PEM)
    file = tmp_path_factory.mktemp("mail") / "certificate.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed)
    return file


@pytest.fixture
def server(post: Post, certificate: Path) -> Iterator[Controller]:
    """Takes emails after STARTTLS and a password, as providers of mail do."""

    def known(*arguments: Any) -> AuthResult:
        credentials = arguments[-1]
        return AuthResult(success=(credentials.login, credentials.password) == (b"parley", b"s3cret"))

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    controller = Controller(
        post,
        "127.0.0.1",
        free_port(),
        tls_context=tls,
        require_starttls=True,
        authenticator=known,
        auth_required=True,
    )
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def plain_server(post: Post) -> Iterator[Controller]:
    """Takes whatever comes, as the one of a developer does."""
    controller = Controller(post, "127.0.0.1", free_port())
    controller.start()
    yield controller
    controller.stop()


def settings_for(port: int, **different: Any) -> EmailSettings:
    usual = {
        "environment": "test",
        "account_url": URL,
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_username": "parley",
        "smtp_password": SecretStr("s3cret"),
    }
    return EmailSettings.model_validate({**usual, **different})


PLAIN = {"smtp_tls": "none", "smtp_username": "", "smtp_password": SecretStr("")}


def sender_for(database: Database, port: int, **different: Any) -> EmailSender:
    mailer = SmtpMailer(settings_for(port, **different))
    return EmailSender(database, mailer, sender="Parley <no-reply@example.com>", account_url=URL)


@pytest.fixture
def sender(database: Database, server: Controller, certificate: Path) -> EmailSender:
    return sender_for(database, server.port, smtp_ca_file=str(certificate))


@pytest.fixture
async def asked(database: Database, user: User) -> User:
    async with database.transaction() as session:
        request_email(session, "reset_password", str(user.email_key))
    return user


async def waiting(database: Database) -> list[EmailRequest]:
    async with database.transaction() as session:
        return list(await session.scalars(select(EmailRequest)))


async def test_an_email_reaches_its_reader(
    sender: EmailSender, post: Post, database: Database, asked: User
) -> None:
    with capture_logs() as logged:
        assert await sender.send_next()
    assert not await sender.send_next()
    ((recipients, email),) = post.emails
    assert (recipients, email["To"], email["From"]) == (
        [asked.email],
        asked.email,
        "Parley <no-reply@example.com>",
    )
    assert f"{URL}/reset#token=" in email.get_content()
    assert email["Date"]
    assert email["Message-ID"]
    assert str(asked.email) not in str(logged)
    assert "token=" not in str(logged)


async def test_a_server_that_is_away_is_tried_again_later(
    post: Post, database: Database, asked: User
) -> None:
    now, port = datetime.now(UTC), free_port()
    sender = sender_for(database, port, **PLAIN)
    with capture_logs() as logged:
        assert await sender.send_next(now=now)
    assert not await sender.send_next(now=now + timedelta(seconds=1))
    assert [line["event"] for line in logged] == ["email_not_sent"]
    assert str(asked.email) not in str(logged)
    controller = Controller(post, "127.0.0.1", port)
    controller.start()
    try:
        assert await sender.send_next(now=now + RETRY_DELAYS[0])
    finally:
        controller.stop()
    assert len(post.emails) == 1
    assert await waiting(database) == []


async def test_a_worker_that_dies_while_sending_loses_nothing(
    plain_server: Controller, post: Post, database: Database, asked: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, sender = datetime.now(UTC), sender_for(database, plain_server.port, **PLAIN)

    async def die(*_: object, **__: object) -> None:
        raise SystemError

    with monkeypatch.context() as dying:
        dying.setattr("auth.emails.sender._settle", die)
        with pytest.raises(SystemError):
            await sender.send_next(now=now)
    assert not await sender.send_next(now=now)
    assert await sender.send_next(now=now + CLAIM_TTL)
    assert await waiting(database) == []
    first, second = (email.get_content().partition("#token=")[2].split()[0] for _, email in post.emails)
    async with database.transaction() as session:
        assert [row.digest for row in await session.scalars(select(OneTimeToken))] == [digest(second)]
    assert first != second


async def test_an_email_that_nobody_takes_is_given_up(database: Database, asked: User) -> None:
    sender, now = sender_for(database, free_port()), datetime.now(UTC)
    tries = 0
    while await sender.send_next(now=now):
        tries += 1
        now += max(RETRY_DELAYS)
    assert tries == len(RETRY_DELAYS) + 1
    assert await waiting(database) == []


@pytest.mark.parametrize(("reply", "kept"), [("550 no such mailbox", 0), ("451 try again", 1)])
async def test_a_refused_recipient_is_only_tried_again_if_that_may_help(
    sender: EmailSender, post: Post, database: Database, asked: User, reply: str, kept: int
) -> None:
    post.reply = reply
    assert await sender.send_next()
    assert len(await waiting(database)) == kept


async def test_a_wrong_password_at_the_server_loses_nothing(
    server: Controller, certificate: Path, post: Post, database: Database, asked: User
) -> None:
    wrong = {"smtp_ca_file": str(certificate), "smtp_password": SecretStr("wrong")}
    with capture_logs() as logged:
        await sender_for(database, server.port, **wrong).send_next()
    assert "wrong" not in str(logged)
    assert (post.emails, len(await waiting(database))) == ([], 1)


async def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for(
    plain_server: Controller, post: Post, database: Database, asked: User
) -> None:
    await sender_for(database, plain_server.port).send_next()
    assert (post.emails, len(await waiting(database))) == ([], 1)


async def test_a_server_that_cannot_prove_its_name_gets_nothing(
    server: Controller, post: Post, database: Database, asked: User
) -> None:
    await sender_for(database, server.port).send_next()
    assert (post.emails, len(await waiting(database))) == ([], 1)


async def test_a_server_that_says_nothing_does_not_hold_up_for_ever(
    database: Database, asked: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.emails.mailers.SEND_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await sender_for(database, silent.getsockname()[1]).send_next()
    assert len(await waiting(database)) == 1


async def test_an_email_to_nobody_is_not_written(sender: EmailSender, post: Post, database: Database) -> None:
    async with database.transaction() as session:
        request_email(session, "reset_password", "nobody@example.com")
    assert await sender.send_next()
    assert (post.emails, await waiting(database)) == ([], [])


async def test_two_workers_send_each_email_once(
    plain_server: Controller, post: Post, committed_database: Database, open_account: Any
) -> None:
    users = [await open_account(committed_database) for _ in range(12)]
    async with committed_database.transaction() as session:
        for user in users:
            request_email(session, "reset_password", user.email_key)

    async def work() -> None:
        sender = sender_for(committed_database, plain_server.port, **PLAIN)
        while await sender.send_next():
            pass

    await asyncio.gather(work(), work(), work())
    assert sorted(recipients[0] for recipients, _ in post.emails) == sorted(user.email for user in users)


def test_the_settings_choose_the_mailer(tmp_path: Path) -> None:
    assert isinstance(create_mailer(settings_for(25)), SmtpMailer)
    assert isinstance(create_mailer(settings_for(25, smtp_host="", email_folder=tmp_path)), FolderMailer)
