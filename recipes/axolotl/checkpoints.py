"""Which checkpoints a training may resume from. The trainer writes a checkpoint file by file and resumes from the
newest folder, complete or not, so incomplete and foreign checkpoints are removed before it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from recipes.common.files import link_or_copy
from recipes.common.protocol import write_json
from recipes.common.training.epoch_average import adopt_epochs

MARK = "exp.json"
"""Written last into a checkpoint: the fingerprint of its request, and the size of each of its files."""


def mark(folder: Path, fingerprint: str, best: str | None) -> None:
    """Mark a checkpoint as complete. `best` is the name of the file with the best weights so far."""
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in _files(folder)}
    for file in _files(folder):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    write_json(folder / MARK, {"fingerprint": fingerprint, "files": sizes, "best": best})


def usable(out: Path, fingerprint: str) -> list[Path]:
    """Complete checkpoints of this request, newest first."""
    return [folder for folder in checkpoints(out) if _is_complete(folder, fingerprint)]


def adopt(earlier: Path, out: Path, fingerprint: str) -> None:
    """Link the newest checkpoint of a paused training into `out`, unless this training has one, and the weights of its
    epochs. The trainer never writes to the linked files again."""
    adopt_epochs(earlier, out)
    if usable(out, fingerprint) or not (found := usable(earlier, fingerprint)):
        return
    partial = out / "earlier.partial"
    shutil.rmtree(partial, ignore_errors=True)
    best = _read_mark(found[0])["best"]
    if best is not None:
        link_or_copy(earlier / best, out / best)
    for file in [*_files(found[0]), found[0] / MARK]:
        to = partial / file.relative_to(found[0])
        to.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(file, to)
    shutil.rmtree(out / found[0].name, ignore_errors=True)
    partial.replace(out / found[0].name)


def remove_from(out: Path, step: int) -> None:
    """Remove the checkpoints of `step` and later. A training that pauses at `step` must reach it, or it would not write
    the outputs of that step."""
    for folder in checkpoints(out):
        if step_of(folder) >= step:
            shutil.rmtree(folder)


def remove_unusable(out: Path, fingerprint: str) -> int | None:
    """Remove every checkpoint that the training must not resume from. Returns the step of the newest one left."""
    kept = usable(out, fingerprint)
    for folder in checkpoints(out):
        if folder not in kept:
            print(f"{folder.name} is incomplete or belongs to another request, and is removed")
            shutil.rmtree(folder)
    return step_of(kept[0]) if kept else None


def keep_newest(out: Path, fingerprint: str, count: int, best: str | None) -> None:
    """Remove all but the newest `count` checkpoints, and the best weights that none of them refers to."""
    complete = usable(out, fingerprint)
    for folder in complete[count:]:
        shutil.rmtree(folder)
    used = {_read_mark(folder).get("best") for folder in complete[:count]} | {best}
    for file in out.glob("best-*.safetensors"):
        if file.name not in used:
            file.unlink()


def checkpoints(out: Path) -> list[Path]:
    """Folders that the trainer regards as checkpoints, newest first."""
    if not out.is_dir():
        return []
    return sorted((path for path in out.iterdir() if re.fullmatch(r"checkpoint-\d+", path.name)), key=step_of)[::-1]


def step_of(folder: Path) -> int:
    """The optimiser step of a checkpoint."""
    return int(folder.name.rpartition("-")[2])


def _is_complete(folder: Path, fingerprint: str) -> bool:
    mark = _read_mark(folder)
    if mark.get("fingerprint") != fingerprint:
        return False
    best = mark["best"]
    return (best is None or (folder.parent / best).is_file()) and all(
        (folder / name).is_file() and (folder / name).stat().st_size == size for name, size in mark["files"].items()
    )


def _read_mark(folder: Path) -> dict[str, Any]:
    try:
        mark: dict[str, Any] = json.loads((folder / MARK).read_text())
        return mark
    except (OSError, ValueError):
        return {}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != MARK]
