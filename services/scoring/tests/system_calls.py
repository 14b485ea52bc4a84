"""Runs a program under strace, and finds every call in its trace that can move data out of its memory."""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

OPENING = ("open", "openat", "openat2", "creat", "open_by_handle_at")
WRITING = {
    "write": 0, "pwrite64": 0, "writev": 0, "pwritev": 0, "pwritev2": 0, "vmsplice": 0,
    "sendfile": 0, "copy_file_range": 1, "splice": 1, "tee": 1,
    "ftruncate": 0, "fallocate": 0, "fsetxattr": 0,
}  # fmt: skip
"""The position of the descriptor to which each call writes."""
MAKING = (
    *("mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat"),
    *("rename", "renameat", "renameat2", "truncate", "setxattr", "lsetxattr"),
)
MAPPING = ("mmap",)
ADDRESSING = ("connect", "sendto", "sendmsg", "sendmmsg")
"""Calls that may name another process of the machine, such as a log daemon, that writes files itself."""
HIDING = (
    *(
        "io_submit",
        "process_vm_writev",
        "ptrace",
        "shmget",
        "msgget",
        "mq_open",
        "add_key",
        "mount",
        "syslog",
    ),
    *("swapon", "kexec_load"),
)
"""Calls by which data leaves without a write, or outlives the process."""
REFUSED = ("io_uring_setup",)
"""With a ring, the kernel would write files without a call. Libraries work without it when it is refused."""
STARTING = ("execve", "execveat", "memfd_create")

TRACED = (*OPENING, *WRITING, *MAKING, *MAPPING, *ADDRESSING, *HIDING, *REFUSED, *STARTING)
HARMLESS = ("/dev/null", "/memfd:")
"""A memfd is memory: it has no name and no file system that is on a disk, and ends with its process."""

CALL = re.compile(r"(\w+)\((.*)", re.DOTALL)
DESCRIPTOR = re.compile(r"(?:\b\d+|AT_FDCWD)<((?:[^<>\\]|\\.)*)>")
OPENED_TO_WRITE = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
FAILED = re.compile(r"= -1 E")
PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass
class Trace:
    """System calls of traced processes. `findings` are the calls that reach a file or another program."""

    findings: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    programs: set[str] = field(default_factory=set)
    processes: set[int] = field(default_factory=set)

    def add(self, process: int, lines: Sequence[str]) -> None:
        self.processes.add(process)
        for line in lines:
            if (match := CALL.match(line)) is None:
                continue
            name, arguments = match.groups()
            self.calls[name] += 1
            if name == "execve" and not FAILED.search(arguments):
                self.programs.add(Path(PATH.findall(arguments)[0]).name)
            if is_finding(name, arguments):
                self.findings.append(f"{process} {line}")


def is_finding(name: str, arguments: str) -> bool:
    """Decide on one call. What fails counts too, unless there is nothing that it could have written to."""
    if name in OPENING:
        return (name == "creat" or OPENED_TO_WRITE.search(arguments) is not None) and not _is_harmless(
            PATH.findall(arguments)[0]
        )
    if name in WRITING:
        return _writes_to_file(arguments, WRITING[name])
    if name in MAPPING:
        shared = "MAP_SHARED" in arguments and "PROT_WRITE" in arguments and "MAP_ANONYMOUS" not in arguments
        return shared and _writes_to_file(arguments, 0)
    if name in ADDRESSING:
        return "AF_UNIX" in arguments
    if name in REFUSED:
        return not FAILED.search(arguments)
    return name in MAKING or name in HIDING


def _writes_to_file(arguments: str, position: int) -> bool:
    targets = DESCRIPTOR.findall(arguments)
    if len(targets) <= position:
        # The descriptor is not open, or strace has not recorded it.
        return not FAILED.search(arguments)
    target = targets[position]
    return target.startswith("/") and not _is_harmless(target)


def _is_harmless(path: str) -> bool:
    return path == HARMLESS[0] or path.startswith(HARMLESS[1])


class Tracer:
    """A program under strace. Its trace is complete when the block ends."""

    def __init__(self, strace: subprocess.Popen[bytes], folder: Path) -> None:
        self.strace, self._folder = strace, folder

    @property
    def program(self) -> psutil.Process:
        return psutil.Process(self.strace.pid).children()[0]

    def read(self) -> Trace:
        """Read the trace of all processes and threads. Raises AssertionError while they still run."""
        assert self.strace.returncode is not None
        trace = Trace()
        for path in sorted(self._folder.glob("calls.*")):
            trace.add(int(path.suffix[1:]), path.read_text(errors="replace").splitlines())
        return trace


@contextmanager
def trace(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Tracer]:
    """Run a command with all its threads and children under strace, and end it with the block."""
    strace = subprocess.Popen(  # noqa: S603 - a command of the tests
        [*_make_command(folder), "--seccomp-bpf", "--", *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Tracer(strace, folder)
    finally:
        _end(strace)


@contextmanager
def attach(process: int, *, folder: Path) -> Iterator[Tracer]:
    """Follow a running process and its threads until the block ends. Raises PermissionError."""
    command = [*_make_command(folder), "-p", str(process)]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE)  # noqa: S603 - as above
    assert strace.stderr
    try:
        # The first line shows whether strace has attached.
        if b"attached" not in (line := strace.stderr.readline()):
            raise PermissionError(line.decode())
        yield Tracer(strace, folder)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate(timeout=60)


def _make_command(folder: Path) -> list[str]:
    calls = ",".join(f"?{name}" for name in TRACED)
    refuse = [word for name in REFUSED for word in ("-e", f"inject={name}:error=ENOSYS")]
    # A file per thread, so that no call is split. File names are complete, contents are omitted.
    options = ["-ff", "-y", "-s", "0", "-o", str(folder / "calls"), "-e", f"trace={calls}", *refuse]
    return ["strace", *options]


def _end(strace: subprocess.Popen[bytes]) -> None:
    # End the program and not strace, without which it would continue untraced.
    for process in psutil.Process(strace.pid).children() if strace.poll() is None else []:
        process.send_signal(signal.SIGTERM)
    strace.wait(timeout=60)
    if strace.stdout:
        strace.stdout.close()
