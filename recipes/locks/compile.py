"""Write the lock files from the .in files beside this one: `python recipes/locks/compile.py` (needs uv, network).

Every lock is universal (all platforms and Python versions by markers) and hash-checked. torch comes in two builds
under one version, which markers cannot tell apart, so a backend has two locks: `<backend>-cuda.lock` as the registry
resolves it, and `<backend>-cpu.lock`, the same without the packages that only the CUDA build needs and with the hashes
of the CPU wheels (`torch-cpu-wheels.txt`: "+cpu" for Linux, macOS has no other build) in place of torch's own.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CUDA_ONLY = re.compile(r"(nvidia|cuda)-|triton$")
OLDEST_PYTHON = "3.11"


def resolve(source: str, *more: str) -> str:
    """Lock text of one .in file."""
    command = ["uv", "pip", "compile", source, "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    options = ["--only-binary", ":all:", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"]
    if source == "bundled.in":
        options.append("--no-deps")
    done = subprocess.run([*command, *options, *more], cwd=FOLDER, check=True, capture_output=True, text=True)
    return done.stdout


def blocks(lock: str) -> dict[str, str]:
    """Package name -> its lines: requirement, marker and hashes. A package locked twice keeps both under one name."""
    found: dict[str, str] = {}
    for block in re.findall(r"^\S.*(?:\n[ ]+\S.*)*\n", lock, flags=re.MULTILINE):
        name = re.split(r"[=\s\[]", block, maxsplit=1)[0]
        found[name] = found.get(name, "") + block
    return found


def cpu_lock(cuda: str, wheels: str) -> str:
    """The lock for machines without an NVIDIA GPU, derived from the one for machines with it."""
    packages = {name: text for name, text in blocks(cuda).items() if not CUDA_ONLY.match(name)}
    version = packages["torch"].split("==")[1].split()[0]
    packages["torch"] = ""
    for build, system in ((f"{version}+cpu", "linux"), (version, "darwin")):
        hashes = [line.split()[0] for line in wheels.splitlines() if f"torch-{build}-" in line]
        lines = [f"torch=={build} ; sys_platform == '{system}'", *(f"    --hash=sha256:{digest}" for digest in hashes)]
        packages["torch"] += " \\\n".join(lines) + "\n"
    return "".join(packages.values())


def main() -> None:
    for name in ("uv", "bundled"):
        (FOLDER / f"{name}.lock").write_text(resolve(f"{name}.in"))
    for backend in sorted(path.stem for path in FOLDER.glob("*.in") if path.stem not in ("uv", "bundled", "dev")):
        cuda = resolve(f"{backend}.in")
        (FOLDER / f"{backend}-cuda.lock").write_text(cuda)
        (FOLDER / f"{backend}-cpu.lock").write_text(cpu_lock(cuda, (FOLDER / "torch-cpu-wheels.txt").read_text()))
    (FOLDER / "dev.lock").write_text(resolve("dev.in", "--constraints", "torchtune-cuda.lock"))


if __name__ == "__main__":
    main()
