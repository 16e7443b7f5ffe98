"""What a resume needs, on disk: whole files only, the newest ones kept, tied to the request that wrote them."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from recipes.common.links import link_or_copy
from recipes.common.protocol import StepFailed

_NEEDED = ("optimizer", "scheduler", "random")
"""What a training that goes on must have beside the weights, to be the training that was interrupted."""


def take_over(earlier: Path, folder: Path) -> None:
    """Give a training the newest state of one that paused, unless it has a state of its own. The file is linked, for it
    is never written to again."""
    if newest(folder) or not (files := newest(earlier)):
        return
    folder.mkdir(parents=True, exist_ok=True)
    link_or_copy(files[0], folder / files[0].name)


def newest(folder: Path) -> list[Path]:
    """Whole checkpoints, newest first."""
    if not folder.is_dir():
        return []
    return sorted((f for f in folder.iterdir() if re.fullmatch(r"step-\d+\.pt", f.name)), reverse=True)


@dataclass(frozen=True)
class Checkpoints:
    """A folder of step-00000025.pt files. `fingerprint` names configuration and data: a file with another one is not
    ours to continue."""

    folder: Path
    keep: int
    fingerprint: str

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state of a step, flush it, give it its name, and drop the oldest files beyond `keep`."""
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
                "checkpoint", f"cannot write {path}: {error}", "Free some space; the last whole checkpoint is kept."
            ) from error
        for old in newest(self.folder)[self.keep :]:
            old.unlink()
        return path

    def latest(self) -> dict[str, Any] | None:
        """The newest state that is whole and ours. Tensors and plain values are read, never code."""
        for path in newest(self.folder):
            try:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
                print(f"{path.name} cannot be read and is left aside: {error}")
                continue
            if state.get("fingerprint") == self.fingerprint:
                lacking = [part for part in _NEEDED if part not in state]
                if lacking:
                    raise StepFailed(
                        "resume-incomplete",
                        f"{path} lacks {', '.join(lacking)}: a training that went on from it would be another one",
                        f"Remove {path.name}; the training then goes on from an earlier state, or anew.",
                    )
                return state
            print(f"{path.name} belongs to another request and is left aside")
        return None
