"""`python -m gateway` starts Envoy from the environment alone, as its image does."""

import asyncio
import os
import ssl
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from shared.clock import utc_now

from deploy.local.processes import ROOT
from gateway.tests.envoy import choose_free_port, find_binary
from gateway.tests.stand_in import StandIn


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Write a certificate of 127.0.0.1 that signs itself, and its key next to it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    address = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    builder = builder.add_extension(address, critical=True)
    builder = builder.not_valid_before(utc_now() - timedelta(days=1))
    signed = builder.not_valid_after(utc_now() + timedelta(days=1)).sign(key, hashes.SHA256())
    path, plain = tmp_path / "tls.crt", serialization.NoEncryption()
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pkcs8 = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.with_suffix(".key").write_bytes(pkcs8)
    return path


def build_variables(folder: Path, certificate: Path, storage: StandIn) -> dict[str, str]:
    (folder / "bin").mkdir()
    (folder / "bin" / "envoy").symlink_to(find_binary())
    return {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(choose_free_port()),
        "GATEWAY_METRICS_PORT": str(choose_free_port()),
        "GATEWAY_ADMIN_SOCKET": str(folder / "run" / "admin.sock"),
        "TLS_CERTIFICATE_FILE": str(certificate),
        "TLS_KEY_FILE": str(certificate.with_suffix(".key")),
        "RECORDINGS_PORT": str(choose_free_port()),
        "S3_HOST": "127.0.0.1",
        "S3_PORT": str(storage.port),
    }


async def answer(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """Return the first response: Envoy needs a moment to start."""
    for _ in range(150):
        try:
            return await client.get(url)
        except httpx.ConnectError:
            await asyncio.sleep(0.1)
    raise TimeoutError(url)


async def test_clients_and_recordings_are_served_with_tls(
    tmp_path: Path, certificate: Path, storage: StandIn
) -> None:
    environment = build_variables(tmp_path, certificate, storage)
    command = (sys.executable, "-m", "gateway")
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        async with httpx.AsyncClient(verify=context) as client:
            health = await answer(client, f"https://localhost:{environment['GATEWAY_PORT']}/health")
            recordings = f"https://localhost:{environment['RECORDINGS_PORT']}"
            recording = await client.get(f"{recordings}/parley-audio/speeches/1.mp3?X-Amz-Signature=1")
            others = [
                await client.get(f"{recordings}/another-bucket/1.mp3"),
                await client.put(f"{recordings}/parley-audio/speeches/1.mp3"),
            ]
    finally:
        process.terminate()
        await process.wait()
    assert health.status_code == 200
    assert recording.status_code == 200
    assert [response.status_code for response in others] == [404, 404]
    assert [request.target for request in storage.requests] == [
        "/parley-audio/speeches/1.mp3?X-Amz-Signature=1"
    ]
    assert storage.requests[0].list_values("host") == [f"localhost:{environment['RECORDINGS_PORT']}"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TLS_KEY_FILE", "/nowhere/tls.key", "No such file or directory: '/nowhere/tls.key'"),
        ("TLS_KEY_FILE", "", "set both TLS_CERTIFICATE_FILE and TLS_KEY_FILE, or neither"),
        ("TOKEN_ISSUER", "a'b", "quotes and line breaks cannot be rendered: TOKEN_ISSUER"),
    ],
)
def test_an_unusable_setting_is_named_in_one_line(
    name: str, value: str, message: str, tmp_path: Path, certificate: Path
) -> None:
    environment = build_variables(tmp_path, certificate, StandIn("s3")) | {name: value}
    command = [sys.executable, "-m", "gateway"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)  # noqa: S603 - our own
    assert result.returncode == 1
    assert result.stderr.startswith("the gateway cannot start: ")
    assert result.stderr.strip().endswith(message)
    assert result.stderr.count("\n") == 1
