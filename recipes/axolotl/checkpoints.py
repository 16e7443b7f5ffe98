"""Which checkpoints a training may go on from: the trainer writes file by file and picks the newest folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from recipes.common.links import link_or_copy
from recipes.common.protocol import write_json

MARK = "exp.json"
"""Written last into a checkpoint: what it belongs to, and the size of each of its files."""


def mark(folder: Path, fingerprint: str, best: str | None) -> None:
    """Say that a checkpoint is whole. `best` names the file beside it that holds the best weights so far."""
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in _files(folder)}
    for file in _files(folder):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    write_json(folder / MARK, {"fingerprint": fingerprint, "files": sizes, "best": best})


def usable(out: Path, fingerprint: str) -> list[Path]:
    """Checkpoints that are whole and of this very request, newest first."""
    return [folder for folder in checkpoints(out) if _is_whole(folder, fingerprint)]


def take_over(earlier: Path, out: Path, fingerprint: str) -> None:
    """Give a training the newest checkpoint of one that paused, unless it has one of its own. Files are linked: the
    trainer writes to none of them again."""
    if usable(out, fingerprint) or not (good := usable(earlier, fingerprint)):
        return
    partial = out / "earlier.partial"
    shutil.rmtree(partial, ignore_errors=True)
    best = _mark_of(good[0])["best"]
    if best is not None:
        link_or_copy(earlier / best, out / best)
    for file in [*_files(good[0]), good[0] / MARK]:
        to = partial / file.relative_to(good[0])
        to.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(file, to)
    shutil.rmtree(out / good[0].name, ignore_errors=True)
    partial.replace(out / good[0].name)


def drop_from(out: Path, step: int) -> None:
    """Remove checkpoints from a step on: a training that pauses there must come to it by itself."""
    for folder in checkpoints(out):
        if step_of(folder) >= step:
            shutil.rmtree(folder)


def keep_usable(out: Path, fingerprint: str) -> int | None:
    """Remove every checkpoint that a training must not go on from; returns the step of the newest that is left."""
    good = usable(out, fingerprint)
    for folder in checkpoints(out):
        if folder not in good:
            print(f"{folder.name} is torn or belongs to another request and is left aside")
            shutil.rmtree(folder)
    return step_of(good[0]) if good else None


def keep_newest(out: Path, fingerprint: str, count: int, best: str | None) -> None:
    """Remove all but the newest checkpoints, and best weights that none of them names."""
    good = usable(out, fingerprint)
    for folder in good[count:]:
        shutil.rmtree(folder)
    named = {_mark_of(folder).get("best") for folder in good[:count]} | {best}
    for file in out.glob("best-*.safetensors"):
        if file.name not in named:
            file.unlink()


def checkpoints(out: Path) -> list[Path]:
    """Folders that the trainer takes for checkpoints, newest first."""
    if not out.is_dir():
        return []
    return sorted((path for path in out.iterdir() if re.fullmatch(r"checkpoint-\d+", path.name)), key=step_of)[::-1]


def step_of(folder: Path) -> int:
    """The optimiser step of a checkpoint."""
    return int(folder.name.rpartition("-")[2])


def _is_whole(folder: Path, fingerprint: str) -> bool:
    known = _mark_of(folder)
    if known.get("fingerprint") != fingerprint:
        return False
    best = known["best"]
    return (best is None or (folder.parent / best).is_file()) and all(
        (folder / name).is_file() and (folder / name).stat().st_size == size for name, size in known["files"].items()
    )


def _mark_of(folder: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads((folder / MARK).read_text())
        return known
    except (OSError, ValueError):
        return {}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != MARK]
