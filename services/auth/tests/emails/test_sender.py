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
from auth.emails.sender import CLAIM_TTL, MAX_SENDING_PER_DOMAIN, RETRY_DELAYS, EmailSender
from auth.models import EmailRequest, OneTimeToken, User
from auth.settings import EmailSettings
from auth.tokens.opaque_tokens import compute_digest
from auth.worker import CONCURRENT_EMAILS
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
    """E-mails that a mail server has accepted; `reply` can make it refuse."""

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


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's key and its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")]), datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(address, critical=False)
    signed = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    file = tmp_path_factory.mktemp("mail") / "certificate.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed)
    return file


@pytest.fixture
def server(post: Post, certificate: Path) -> Iterator[Controller]:
    """A mail server that requires STARTTLS and a password, like a provider's."""

    def authenticate(*arguments: Any) -> AuthResult:
        credentials = arguments[-1]
        return AuthResult(success=(credentials.login, credentials.password) == (b"parley", b"s3cret"))

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    controller = Controller(
        post,
        "127.0.0.1",
        find_free_port(),
        tls_context=tls,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def plain_server(post: Post) -> Iterator[Controller]:
    """A mail server without TLS and password, as in development."""
    controller = Controller(post, "127.0.0.1", find_free_port())
    controller.start()
    yield controller
    controller.stop()


def create_settings(port: int, **overrides: Any) -> EmailSettings:
    defaults = {
        "environment": "test",
        "account_url": URL,
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_username": "parley",
        "smtp_password": SecretStr("s3cret"),
    }
    return EmailSettings.model_validate({**defaults, **overrides})


PLAIN = {"smtp_tls": "none", "smtp_username": "", "smtp_password": SecretStr("")}


def create_sender(database: Database, port: int, **overrides: Any) -> EmailSender:
    mailer = SmtpMailer(create_settings(port, **overrides))
    return EmailSender(database, mailer, sender="Parley <no-reply@example.com>", account_url=URL)


@pytest.fixture
def sender(database: Database, server: Controller, certificate: Path) -> EmailSender:
    return create_sender(database, server.port, smtp_ca_file=str(certificate))


@pytest.fixture
async def requesting_user(database: Database, user: User) -> User:
    async with database.transaction() as session:
        request_email(session, "reset_password", str(user.email_key))
    return user


async def list_requests(database: Database) -> list[EmailRequest]:
    async with database.transaction() as session:
        return list(await session.scalars(select(EmailRequest)))


async def test_a_requested_email_is_delivered(
    sender: EmailSender, post: Post, database: Database, requesting_user: User
) -> None:
    with capture_logs() as logged:
        assert await sender.send_next()
    assert not await sender.send_next()
    ((recipients, email),) = post.emails
    assert (recipients, email["To"], email["From"]) == (
        [requesting_user.email],
        requesting_user.email,
        "Parley <no-reply@example.com>",
    )
    assert f"{URL}/reset#token=" in email.get_content()
    assert email["Date"]
    assert email["Message-ID"]
    assert str(requesting_user.email) not in str(logged)
    assert "token=" not in str(logged)


async def test_an_email_is_retried_when_the_server_is_unreachable(
    post: Post, database: Database, requesting_user: User
) -> None:
    now, port = datetime.now(UTC), find_free_port()
    sender = create_sender(database, port, **PLAIN)
    with capture_logs() as logged:
        assert await sender.send_next(now=now)
    assert not await sender.send_next(now=now + timedelta(seconds=1))
    assert [line["event"] for line in logged] == ["email_not_sent"]
    assert str(requesting_user.email) not in str(logged)
    controller = Controller(post, "127.0.0.1", port)
    controller.start()
    try:
        assert await sender.send_next(now=now + RETRY_DELAYS[0])
    finally:
        controller.stop()
    assert len(post.emails) == 1
    assert await list_requests(database) == []


async def test_an_email_is_sent_again_if_the_worker_dies_while_sending(
    plain_server: Controller,
    post: Post,
    database: Database,
    requesting_user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, sender = datetime.now(UTC), create_sender(database, plain_server.port, **PLAIN)

    async def die(*_: object, **__: object) -> None:
        raise SystemError

    with monkeypatch.context() as context:
        context.setattr("auth.emails.sender._store_outcome", die)
        with pytest.raises(SystemError):
            await sender.send_next(now=now)
    assert not await sender.send_next(now=now)
    assert await sender.send_next(now=now + CLAIM_TTL)
    assert await list_requests(database) == []
    first, second = (email.get_content().partition("#token=")[2].split()[0] for _, email in post.emails)
    async with database.transaction() as session:
        assert [row.digest for row in await session.scalars(select(OneTimeToken))] == [compute_digest(second)]
    assert first != second


async def test_an_undeliverable_email_is_dropped_after_the_last_retry(
    database: Database, requesting_user: User
) -> None:
    sender, now = create_sender(database, find_free_port()), datetime.now(UTC)
    attempts = 0
    while await sender.send_next(now=now):
        attempts += 1
        now += max(RETRY_DELAYS)
    assert attempts == len(RETRY_DELAYS) + 1
    assert await list_requests(database) == []


@pytest.mark.parametrize(("reply", "remaining"), [("550 no such mailbox", 0), ("451 try again", 1)])
async def test_a_refused_recipient_is_retried_only_after_a_temporary_error(
    sender: EmailSender, post: Post, database: Database, requesting_user: User, reply: str, remaining: int
) -> None:
    post.reply = reply
    assert await sender.send_next()
    assert len(await list_requests(database)) == remaining


async def test_an_email_is_retried_after_a_wrong_smtp_password(
    server: Controller, certificate: Path, post: Post, database: Database, requesting_user: User
) -> None:
    wrong = {"smtp_ca_file": str(certificate), "smtp_password": SecretStr("wrong")}
    with capture_logs() as logged:
        await create_sender(database, server.port, **wrong).send_next()
    assert "wrong" not in str(logged)
    assert (post.emails, len(await list_requests(database))) == ([], 1)


async def test_no_email_is_sent_to_a_server_without_tls(
    plain_server: Controller, post: Post, database: Database, requesting_user: User
) -> None:
    await create_sender(database, plain_server.port).send_next()
    assert (post.emails, len(await list_requests(database))) == ([], 1)


async def test_no_email_is_sent_to_a_server_with_an_untrusted_certificate(
    server: Controller, post: Post, database: Database, requesting_user: User
) -> None:
    await create_sender(database, server.port).send_next()
    assert (post.emails, len(await list_requests(database))) == ([], 1)


async def test_a_request_to_an_unresponsive_server_times_out(
    database: Database, requesting_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.emails.mailers.SEND_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await create_sender(database, silent.getsockname()[1]).send_next()
    assert len(await list_requests(database)) == 1


async def test_an_address_without_an_account_receives_no_email(
    sender: EmailSender, post: Post, database: Database
) -> None:
    async with database.transaction() as session:
        request_email(session, "reset_password", "nobody@example.com")
    assert await sender.send_next()
    assert (post.emails, await list_requests(database)) == ([], [])


async def test_two_workers_send_each_email_once(
    plain_server: Controller, post: Post, committed_database: Database, open_account: Any
) -> None:
    users = [await open_account(committed_database) for _ in range(12)]
    async with committed_database.transaction() as session:
        for user in users:
            request_email(session, "reset_password", user.email_key)

    async def work() -> None:
        sender = create_sender(committed_database, plain_server.port, **PLAIN)
        while await sender.send_next():
            pass

    await asyncio.gather(work(), work(), work())
    assert sorted(recipients[0] for recipients, _ in post.emails) == sorted(user.email for user in users)


class SlowMailer:
    """Accepts e-mails to slow.example only after it has accepted `others` of the rest."""

    def __init__(self, others: int) -> None:
        self.released, self._others = asyncio.Event(), others
        self.started, self.sent = list[str](), list[str]()

    async def send(self, message: EmailMessage, *, link: str | None) -> None:
        self.started.append(message["To"])
        if message["To"].endswith("@slow.example"):
            await self.released.wait()
        self.sent.append(message["To"])
        if len(self.sent) == self._others:
            self.released.set()


async def test_a_slow_domain_does_not_delay_the_emails_to_others(
    committed_database: Database, open_account: Any
) -> None:
    slow = [await open_account(committed_database, email=f"{number}@slow.example") for number in range(6)]
    others = [await open_account(committed_database) for _ in range(6)]
    async with committed_database.transaction() as session:
        for user in (*slow, *others):
            request_email(session, "reset_password", user.email_key)
            await session.flush()
    mailer = SlowMailer(len(others))
    sender = EmailSender(committed_database, mailer, sender="no-reply@example.com", account_url=URL)

    async def work() -> None:
        while await sender.send_next():
            pass

    async with asyncio.timeout(60):
        await asyncio.gather(*(work() for _ in range(CONCURRENT_EMAILS)))
    assert set(mailer.sent[: len(others)]) == {user.email for user in others}
    assert mailer.started[:MAX_SENDING_PER_DOMAIN] == [user.email for user in slow[:MAX_SENDING_PER_DOMAIN]]
    assert sorted(mailer.sent) == sorted(user.email for user in (*slow, *others))


def test_the_mailer_is_selected_by_the_settings(tmp_path: Path) -> None:
    assert isinstance(create_mailer(create_settings(25)), SmtpMailer)
    assert isinstance(create_mailer(create_settings(25, smtp_host="", email_folder=tmp_path)), FolderMailer)
