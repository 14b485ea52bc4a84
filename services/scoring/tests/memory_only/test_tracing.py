"""The trace finds every way in which a program can write its memory to a disk."""

import sys
from pathlib import Path

import pytest
from tests.system_calls import Trace, is_finding, trace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")

LEAKS = (
    ("write", "os.write(file, DATA)"),
    ("pwrite64", "os.pwrite(file, DATA, 5)"),
    ("writev", "os.writev(file, [DATA, DATA])"),
    ("pwritev2", "os.pwritev(file, [DATA], 0)"),
    ("mmap", "os.ftruncate(file, 4096); mmap.mmap(file, 4096)[:4] = DATA[:4]"),
    ("sendfile", "os.sendfile(file, source, 0, 4096)"),
    ("copy_file_range", "os.copy_file_range(source, file, 4096)"),
    ("splice", "into, out = os.pipe(); os.write(out, DATA); os.splice(into, file, len(DATA))"),
    ("openat", "tempfile.TemporaryFile().write(DATA)"),
    ("openat", "tempfile.mkstemp()"),
    ("write", "tempfile.SpooledTemporaryFile(max_size=1).write(DATA * 9999)"),
    ("openat", "open('/dev/shm/parley-leak', 'wb').close(); os.unlink('/dev/shm/parley-leak')"),
    ("mkdir", "os.mkdir(path + DATA.decode())"),
    ("symlink", "os.symlink(DATA.decode(), path + '-link')"),
    ("setxattr", "os.setxattr(path, 'user.voice', DATA)"),
    ("sendto", "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(DATA, '/dev/log')"),
    ("write", "thread = threading.Thread(target=os.write, args=(file, DATA)); thread.start(); thread.join()"),
    ("write", "os.close(1); os.dup2(file, 1); subprocess.run(['cat'], input=DATA)"),
)
INNOCENT = {
    "memory": "os.write(os.memfd_create('x'), DATA)",
    "pipe": "into, out = os.pipe(); os.write(out, DATA)",
    "output": "print(DATA, flush=True)",
    "socket": "a, b = socket.socketpair(); a.send(DATA); a.sendmsg([DATA])",
    "nothing": "open(os.devnull, 'wb').write(DATA)",
    "reading": "open(sys.executable, 'rb').read()",
    "private mapping": "mmap.mmap(source, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)",
}
SETUP = """
import mmap, os, socket, subprocess, sys, tempfile, threading
DATA, path = b"voice", sys.argv[1]
tempfile.tempdir = os.path.dirname(path)
source = os.open(sys.executable, os.O_RDONLY)
"""
LEAKING = (
    SETUP
    + """
file = os.open(path, os.O_RDWR | os.O_CREAT)
try:
    {}
except OSError:
    pass
"""
)


def trace_script(script: str, folder: Path) -> Trace:
    with trace([sys.executable, "-B", "-c", script, str(folder / "leak")], folder=folder) as tracer:
        tracer.strace.wait(timeout=60)
    return tracer.read()


@pytest.mark.parametrize(("call", "leak"), LEAKS)
def test_a_leak_is_detected(call: str, leak: str, tmp_path: Path) -> None:
    trace = trace_script(LEAKING.format(leak), tmp_path)
    calls = [finding.split()[1].partition("(")[0] for finding in trace.findings]
    calls.remove("openat")  # of the file that most of them write to
    assert call in calls, trace.findings


@pytest.mark.parametrize("line", INNOCENT)
def test_data_that_stays_in_memory_is_not_a_leak(line: str, tmp_path: Path) -> None:
    trace = trace_script(SETUP + INNOCENT[line], tmp_path)
    assert trace.findings == []
    assert trace.calls["mmap"] > 10


def test_io_uring_is_refused(tmp_path: Path) -> None:
    script = "import ctypes; print(ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120)))"
    with trace([sys.executable, "-c", script], folder=tmp_path) as tracer:
        assert tracer.strace.stdout
        printed = tracer.strace.stdout.read()
    assert printed.strip() == b"-1"
    assert tracer.read().calls["io_uring_setup"] == 1


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("write", '7</tmp/a (deleted)>, ""..., 5) = 5'),
        ("write", '7, ""..., 5) = 5'),
        ("pwritev2", '7</tmp/a>, [{iov_base=""..., iov_len=5}], 1, 0, 0) = 5'),
        ("open", '"/tmp/a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = -1 EACCES (Permission denied)'),
        ("openat", 'AT_FDCWD</>, "/tmp", O_RDWR|O_TMPFILE, 0600) = 3</tmp/#12 (deleted)>'),
        ("creat", '"/tmp/a", 0644) = 3</tmp/a>'),
        ("mmap", "NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</tmp/a>, 0) = 0x7f"),
        ("io_uring_setup", "8, {flags=0}) = 3<anon_inode:[io_uring]>"),
        ("io_submit", "0x7f, 1, [{aio_data=0}]) = 1"),
        ("shmget", "IPC_PRIVATE, 4096, IPC_CREAT|0600) = 1"),
    ],
)
def test_system_calls_are_classified(name: str, arguments: str) -> None:
    assert is_finding(name, arguments)
