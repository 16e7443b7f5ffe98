"""The committed lock files are complete, have hashes, and differ only by the CUDA packages."""

from __future__ import annotations

import re

import pytest

from recipes.locks.compile import CUDA_ALONE, FOLDER, blocks, cpu_lock, from_source, is_cuda_only

LOCKS = sorted(FOLDER.glob("*.lock"))
PAIRED = [path for path in sorted(FOLDER.glob("*-cuda.lock")) if not path.name.startswith(CUDA_ALONE)]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_with_hashes_and_names_no_registry(path: object) -> None:
    text = (FOLDER / str(path)).read_text()
    assert "://" not in text and "index-url" not in text
    packages = blocks(text)
    assert packages
    for name, block in packages.items():
        assert re.match(rf"{re.escape(name)}==\S+", block), block
        assert block.count("--hash=sha256:") >= 1, name


@pytest.mark.parametrize("cuda", PAIRED, ids=lambda path: path.name)
def test_a_cpu_lock_is_the_cuda_lock_without_cuda_packages(cuda: object) -> None:
    path = FOLDER / str(cuda)
    wheels = (FOLDER / "torch-cpu-wheels.txt").read_text()
    cpu = path.with_name(path.name.replace("-cuda", "-cpu")).read_text()
    source = path.with_name(path.name.replace("-cuda.lock", ".in")).read_text()
    assert cpu == cpu_lock(path.read_text(), wheels, source)
    assert not [name for name in blocks(cpu) if is_cuda_only(name, source)]
    assert not {"nvidia-cublas", "cuda-toolkit"} & set(blocks(cpu))
    version = re.match(r"torch==([^+\s]+)", blocks(cpu)["torch"])
    assert version and all(f"torch-{version[1]}" in line for line in wheels.splitlines())


@pytest.mark.parametrize("path", [*FOLDER.glob("*-cuda.lock"), *FOLDER.glob("*-cpu.lock")], ids=lambda path: path.name)
def test_packages_from_source_match_the_in_file_and_setuptools_is_locked(path: object) -> None:
    lock = (FOLDER / str(path)).read_text()
    named = from_source((FOLDER / f"{FOLDER.joinpath(str(path)).stem.rpartition('-')[0]}.in").read_text())
    assert from_source(lock) == named
    assert set(named) <= set(blocks(lock))
    assert not named or "setuptools" in blocks(lock)


@pytest.mark.parametrize(("checks", "backend"), [("dev", "torchtune"), ("dev-axolotl", "axolotl")])
def test_dev_locks_agree_with_their_environment(checks: str, backend: str) -> None:
    environment = blocks((FOLDER / f"{backend}-cuda.lock").read_text())
    tools = blocks((FOLDER / f"{checks}.lock").read_text())
    shared = tools.keys() & environment.keys()
    assert shared

    def pins(of: dict[str, str]) -> dict[str, str]:
        return {name: of[name].split(" ", 1)[0] for name in shared}

    assert pins(tools) == pins(environment)
