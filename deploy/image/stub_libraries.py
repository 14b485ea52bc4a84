"""Replaces the libraries for video and TLS in PyAV's wheel with stubs: `python stub_libraries.py av.libs`.

Two thirds of the wheel's libraries encode video or read screens and TLS streams. FFmpeg is linked to them,
but does not call them while it decodes audio in memory. A stub exports the same symbols, so that FFmpeg
still loads; calling one ends the process. `check_audio.py` decodes every supported format afterwards.
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

REAL = ("libav", "libsw", "libopus")
"""FFmpeg's own libraries and the Opus decoder."""

type Symbols = dict[str, str]
"""The version of each symbol, by name; the empty text if it has none."""


def main(folder: Path) -> None:
    libraries = list(folder.glob("*.so*"))
    real = [library for library in libraries if library.name.startswith(REAL)]
    linked = {name for library in real for name in list_needed(library)}
    undefined: Symbols = {}
    for library in real:
        undefined |= list_symbols(library, "--undefined-only")
    for library in set(libraries) - set(real):
        exported = list_symbols(library, "--defined-only").keys() & undefined.keys()
        library.unlink()
        if library.name in linked:
            build_stub(library, {name: undefined[name] for name in exported})


def list_symbols(library: Path, which: str) -> Symbols:
    lines = run("nm", "--dynamic", "--with-symbol-versions", which, library).splitlines()
    symbols = (line.split()[-1].partition("@") for line in lines)
    return {name: version.lstrip("@") for name, _, version in symbols}


def list_needed(library: Path) -> list[str]:
    lines = run("readelf", "--dynamic", "--wide", library).splitlines()
    return [line.partition("[")[2].rstrip("]") for line in lines if "(NEEDED)" in line]


def build_stub(library: Path, symbols: Symbols) -> None:
    """Build a library whose symbols all refer to a few zeros that cannot be executed."""
    versions = defaultdict[str, list[str]](list)
    for name, version in sorted(symbols.items()):
        versions[version].append(name)
    with TemporaryDirectory() as folder:
        source, compiled, script = (Path(folder, name) for name in ("stub.s", "stub.o", "versions"))
        labels = "".join(f".global {name}\n{name}:\n" for name in sorted(symbols))
        source.write_text(f'.section .note.GNU-stack,"",%progbits\n.data\n{labels}.zero 64\n')
        script.write_text(
            "".join(f"{name} {{ {'; '.join(members)}; }};\n" for name, members in versions.items() if name)
        )
        run("as", "-o", compiled, source)
        options = [f"--version-script={script}"] if any(versions) else []
        run("ld", "-shared", "-soname", library.name, *options, "-o", library, compiled)


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - our own


if __name__ == "__main__":
    main(Path(sys.argv[1]))
