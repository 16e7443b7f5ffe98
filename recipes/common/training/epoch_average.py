"""The mean of the weights after the last epochs of a training, from one file for each epoch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from recipes.common.files import link_or_copy
from recipes.common.protocol import StepFailed

_FILE = re.compile(r"epoch-([0-9a-f]{16})-(\d+)\.safetensors")


@dataclass(frozen=True)
class EpochAverage:
    """The weights after each epoch of one request, in files of the folder with its checkpoints.

    The end of a training counts as the end of its last epoch, which `max_steps` may have cut. A file is written before
    the checkpoint of its step, so that a resumed training finds the files of all epochs before it.
    """

    folder: Path
    fingerprint: str
    count: int
    """Number of the last epochs whose weights are averaged."""
    steps_per_epoch: int

    def steps(self, step: int) -> list[int]:
        """The steps whose weights are averaged if the training ends after `step`: at most `count`."""
        return [*range(self.steps_per_epoch, step, self.steps_per_epoch), step][-self.count :]

    def save(self, step: int, weights: Mapping[str, Tensor], checkpoints: Iterable[int]) -> None:
        """Write the weights after an epoch that ended at `step`. Removes files that no resume needs: not one from any
        of the steps with `checkpoints`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "epoch.partial"
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, partial)
        partial.replace(self._file(step))
        epochs = min([step, *checkpoints]) // self.steps_per_epoch
        for file in self.folder.iterdir():
            match = _FILE.fullmatch(file.name)
            if match and match[1] == self.fingerprint[:16]:
                needed = int(match[2]) > (epochs - self.count) * self.steps_per_epoch
                if not needed:
                    file.unlink()

    def mean(self, name: str, step: int) -> Tensor:
        """Mean of the tensor `name` over `steps(step)`, in fp32. One tensor at a time is in memory."""
        total: Tensor | None = None
        steps = self.steps(step)
        for each in steps:
            file = self._file(each)
            if not file.is_file():
                raise StepFailed(
                    "resume-incomplete",
                    f"cannot average the weights: {file.name} with the weights after step {each} is missing",
                    "Remove the work folder of the step. The training then starts again.",
                )
            with safe_open(file, "pt") as opened:
                tensor = opened.get_tensor(name).to(torch.float32)
            total = tensor if total is None else total + tensor
        assert total is not None
        return total / len(steps)

    def _file(self, step: int) -> Path:
        return self.folder / f"epoch-{self.fingerprint[:16]}-{step:08d}.safetensors"


def adopt_epochs(earlier: Path, folder: Path) -> None:
    """Link the files of epochs of a paused training into `folder`. They are never written to again."""
    for file in earlier.iterdir() if earlier.is_dir() else ():
        if _FILE.fullmatch(file.name) and not (folder / file.name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            link_or_copy(file, folder / file.name)
