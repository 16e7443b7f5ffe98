"""Checkpoints on disk: complete files only, the newest ones kept, each with the fingerprint of its request."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from recipes.common.files import link_or_copy
from recipes.common.protocol import StepFailed
from recipes.common.training.epoch_average import adopt_epochs

_REQUIRED = ("optimizer", "scheduler", "random")
"""State besides the weights without which a resumed training would differ from an uninterrupted one."""


def adopt(earlier: Path, folder: Path) -> None:
    """Link the newest checkpoint of a paused training into `folder`, unless that has one, and the weights of its
    epochs. The files are never written to again."""
    adopt_epochs(earlier, folder)
    if newest(folder) or not (files := newest(earlier)):
        return
    folder.mkdir(parents=True, exist_ok=True)
    link_or_copy(files[0], folder / files[0].name)


def newest(folder: Path) -> list[Path]:
    """Complete checkpoints, newest first."""
    if not folder.is_dir():
        return []
    return sorted((f for f in folder.iterdir() if re.fullmatch(r"step-\d+\.pt", f.name)), reverse=True)


@dataclass(frozen=True)
class Checkpoints:
    """A folder of step-00000025.pt files. A file with another `fingerprint` belongs to another request and is
    ignored."""

    folder: Path
    keep: int
    fingerprint: str

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state of a step, flush it, rename it into place, and remove all but the newest `keep` files."""
        path = self.folder / f"step-{step:08d}.pt"
        partial = self.folder / "checkpoint.partial"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                torch.save({"fingerprint": self.fingerprint, "step": step, **state}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except (OSError, RuntimeError) as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise StepFailed(
                "checkpoint",
                f"cannot write checkpoint {path.name}: {error}",
                "Free disk space. The previous checkpoint is kept.",
            ) from error
        for old in newest(self.folder)[self.keep :]:
            old.unlink()
        return path

    def steps(self) -> list[int]:
        """The steps of all complete checkpoints, newest first."""
        return [int(file.stem.removeprefix("step-")) for file in newest(self.folder)]

    def latest(self) -> dict[str, Any] | None:
        """The newest readable state of this request. Only tensors and plain values are read, so that loading a file
        never runs code. The tensors are mapped, so that the ranks of a machine share the memory."""
        for path in newest(self.folder):
            try:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
                print(f"{path.name} is ignored because it cannot be read: {error}")
                continue
            if state.get("fingerprint") == self.fingerprint:
                missing = [part for part in _REQUIRED if part not in state]
                if missing:
                    raise StepFailed(
                        "resume-incomplete",
                        f"cannot resume from {path}: it lacks {', '.join(missing)}",
                        f"Remove {path.name}. The training then resumes from an earlier checkpoint or starts again.",
                    )
                return state
            print(f"{path.name} is ignored because it belongs to another request")
        return None
