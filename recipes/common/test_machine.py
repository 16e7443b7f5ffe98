"""Tests of the available memory."""

from __future__ import annotations

from pathlib import Path

from recipes.common.machine import group_memory


def _group(folder: Path, limit: str, used: int, cached: int = 0) -> None:
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon {used - cached}\ninactive_file {cached}\n")


def test_the_smallest_rest_of_the_group_and_its_parents_counts(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("1:cpu:/other\n0::/job/step\n")
    root = tmp_path / "root"
    _group(root / "job" / "step", "max", 500)
    assert group_memory(root, membership, 10_000) == 10_000
    (root / "job" / "memory.max").write_text("4000\n")
    (root / "job" / "memory.current").write_text("1500\n")
    (root / "job" / "memory.stat").write_text("inactive_file 200\n")
    assert group_memory(root, membership, 10_000) == 2_700
    (root / "job" / "step" / "memory.max").write_text("600\n")
    assert group_memory(root, membership, 10_000) == 100


def test_memory_without_a_readable_limit_is_unlimited(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    assert group_memory(tmp_path, membership, 7) == 7
    membership.write_text("0::/\n")
    assert group_memory(tmp_path, membership, 7) == 7
    _group(tmp_path / "full", "100", 150)
    membership.write_text("0::/full\n")
    assert group_memory(tmp_path, membership, 7) == 0
