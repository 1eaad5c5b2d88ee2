"""Builds the load generator from `native/`, once per change of its sources."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.errors import BenchError, CompilerMissing

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"


def loadgen_binary() -> Path:
    """The path of an up-to-date load generator; raises CompilerMissing or BenchError."""
    binary = BUILD / "loadgen"
    sources = sorted((HERE / "native").glob("*.[ch]"))
    if binary.exists() and binary.stat().st_mtime > max(s.stat().st_mtime for s in sources):
        return binary
    BUILD.mkdir(exist_ok=True)
    compile_to(binary, [s for s in sources if s.suffix == ".c"])
    return binary


def compile_to(binary: Path, sources: list[Path]) -> None:
    compiler = next((c for c in (os.environ.get("CC", "cc"), "gcc", "clang") if shutil.which(c)), None)
    if compiler is None:
        raise CompilerMissing(
            "The load generator is a C program and there is no C compiler here: "
            "apt-get install gcc libc6-dev (or set CC)."
        )
    fresh = binary.with_suffix(".new")
    command = [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(fresh), *map(str, sources)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if built.returncode != 0:
        raise BenchError(f"The load generator does not compile with {compiler}:\n{built.stderr}")
    fresh.replace(binary)
