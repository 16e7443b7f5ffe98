"""Write the lock files from the .in files beside this one: `recipes/locks/compile.py [NAME…]` (needs uv and network).

Every lock is universal (all platforms and Python versions by markers) and hash-checked. torch comes in two builds
under one version, which markers cannot tell apart, so a backend has two locks: `<backend>-cuda.lock` as the registry
resolves it, and `<backend>-cpu.lock`, the same without the packages that only the CUDA build needs and with the hashes
of the CPU wheels (`torch-cpu-wheels.txt`: "+cpu" for Linux, macOS has no other build) in place of torch's own.

Wheels only, but for the packages that an .in file names by `--no-binary`: they are in no registry as a wheel. The lock
keeps these lines, and the installer builds them last, from the hash-checked archive, with the locked setuptools.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CUDA_ONLY = re.compile(r"(nvidia|cuda)-|triton$")
OLDEST_PYTHON = "3.11"
CUDA_ALONE = ("vllm",)
"""Environments that serve GPUs alone: they have no lock for the CPU."""


def resolve(source: str, *more: str) -> str:
    """Lock text of one .in file."""
    built = from_source((FOLDER / source).read_text())
    if not built:
        return _compile(source, "--only-binary", ":all:", *more)
    # uv takes no exception from ":all:": the packages are learnt first, then all others are named.
    wheels = [name for name in blocks(_compile(source, *more)) if name not in built]
    lock = _compile(source, *(word for name in wheels for word in ("--only-binary", name)), *more)
    return "".join(f"--no-binary {name}\n" for name in built) + lock


def from_source(text: str) -> list[str]:
    """Packages that a .in or .lock file says are built from source."""
    return re.findall(r"^--no-binary (\S+)$", text, flags=re.MULTILINE)


def _compile(source: str, *more: str) -> str:
    command = ["uv", "pip", "compile", source, "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    options = ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"]
    if source == "bundled.in":
        options.append("--no-deps")
    done = subprocess.run([*command, *options, *more], cwd=FOLDER, check=True, capture_output=True, text=True)
    return done.stdout


def blocks(lock: str) -> dict[str, str]:
    """Package name -> its lines: requirement, marker and hashes. A package locked twice keeps both under one name."""
    found: dict[str, str] = {}
    for block in re.findall(r"^[^\s-].*(?:\n[ ]+\S.*)*\n", lock, flags=re.MULTILINE):
        name = re.split(r"[=\s\[]", block, maxsplit=1)[0]
        found[name] = found.get(name, "") + block
    return found


def cpu_lock(cuda: str, wheels: str, source: str) -> str:
    """The lock for machines without an NVIDIA GPU, derived from the one for machines with it: without the packages that
    only the CUDA build needs, unless the .in file names them."""
    packages = {name: text for name, text in blocks(cuda).items() if not is_cuda_only(name, source)}
    version = packages["torch"].split("==")[1].split()[0]
    packages["torch"] = ""
    for build, system in ((f"{version}+cpu", "linux"), (version, "darwin")):
        hashes = [line.split()[0] for line in wheels.splitlines() if f"torch-{build}-" in line]
        lines = [f"torch=={build} ; sys_platform == '{system}'", *(f"    --hash=sha256:{digest}" for digest in hashes)]
        packages["torch"] += " \\\n".join(lines) + "\n"
    built = "".join(f"--no-binary {name}\n" for name in from_source(cuda) if name in packages)
    return built + "".join(packages.values())


def is_cuda_only(name: str, source: str) -> bool:
    """Whether a package serves the CUDA build alone: by its name, unless the .in file asks for it."""
    return bool(CUDA_ONLY.match(name)) and name not in source.splitlines()


def main(names: list[str]) -> None:
    """Write the locks of these .in files, or of all."""
    checks = {"dev": "torchtune", "dev-axolotl": "axolotl"}
    wheels = (FOLDER / "torch-cpu-wheels.txt").read_text()
    for name in sorted(path.stem for path in FOLDER.glob("*.in") if not names or path.stem in names):
        if name in ("uv", "bundled"):
            (FOLDER / f"{name}.lock").write_text(resolve(f"{name}.in"))
        elif name not in checks:
            cuda = resolve(f"{name}.in")
            (FOLDER / f"{name}-cuda.lock").write_text(cuda)
            if name in CUDA_ALONE:
                continue
            cpu = cpu_lock(cuda, wheels, (FOLDER / f"{name}.in").read_text())
            (FOLDER / f"{name}-cpu.lock").write_text(cpu)
    for name, environment in checks.items():
        if not names or name in names:
            lock = resolve(f"{name}.in", "--constraints", f"{environment}-cuda.lock")
            (FOLDER / f"{name}.lock").write_text(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
