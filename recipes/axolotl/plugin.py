"""Our part inside axolotl's process: it refuses a configuration that axolotl would read otherwise, checks the rows that
the trainer was given, and follows the training."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from pydantic import BaseModel, ConfigDict
from transformers import set_seed

from recipes.axolotl.config import OWN_SECTION
from recipes.axolotl.data import check_rows, read_encoded
from recipes.axolotl.keys import installed_keys, unknown_keys
from recipes.axolotl.watch import Watch
from recipes.common.four_bits import keep_layout
from recipes.common.protocol import StepFailed, write_json


class Own(BaseModel):
    """What the recipe asks of the plugin; config.py fills it in. axolotl drops keys without a value on the way."""

    model_config = ConfigDict(extra="forbid")

    rows: str
    validation: str | None = None
    work: str
    every_steps: int
    keep: int
    best: str
    patience: int | None = None
    pause_after_epochs: int | None = None
    answers: dict[str, Any] | None = None
    cpu: bool
    fingerprint: str
    ends: list[int]
    pad: int
    tokenizer: str
    epochs: int


class Args(BaseModel):
    """The key that this plugin adds to axolotl's."""

    exp: Own


class Plugin(BasePlugin):  # type: ignore[misc]
    """axolotl calls these in the order in which they stand."""

    def __init__(self) -> None:
        super().__init__()
        self._watch: Watch | None = None

    def register(self, cfg: Any) -> None:
        """The configuration as it was written, before axolotl drops what it does not know."""
        own = Own(**cfg[OWN_SECTION])
        _end_with_parent()
        sys.excepthook = _answer_with(Path(own.work))
        unknown = unknown_keys(
            {k: v for k, v in cfg.items() if k not in (OWN_SECTION, "axolotl_config_path")}, installed_keys()
        )
        if unknown:
            raise StepFailed(
                "unknown-key", f"axolotl has no key {', '.join(unknown)}; it would ignore it", "Remove it."
            )

    def get_input_args(self) -> str:
        """Where axolotl finds the model of our key."""
        return "recipes.axolotl.plugin.Args"

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Without a GPU the trainer takes bf16 only once it is told that the CPU is meant; and a loss that is not
        finite is shown as it is."""
        return {"use_cpu": bool(cfg.exp["cpu"]), "disable_tqdm": True, "logging_nan_inf_filter": False}

    def pre_model_load(self, cfg: Any) -> None:
        """axolotl seeds once the model is made: too late for the adapter that a training begins with."""
        set_seed(int(cfg.seed))

    def post_model_load(self, cfg: Any, model: Any) -> None:
        """With its adapter, before anything is multiplied."""
        keep_layout(model)

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Nothing was filtered, cut, merged or dropped."""
        check_rows(read_encoded(Path(cfg.exp["rows"])), trainer.train_dataset)

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[Any]:
        """Who follows the training."""
        self._watch = Watch(Own(**cfg.exp).model_dump(), trainer)
        return [self._watch]


def _answer_with(work: Path) -> Any:
    """An exception hook that leaves the cause where the recipe looks for it, beside the traceback in the log."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        answer = {"code": "trainer-failed", "message": f"{kind.__name__}: {error}".splitlines()[0], "help": None}
        if isinstance(error, StepFailed):
            answer = {"code": error.code, "message": error.message, "help": error.help}
        elif isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            answer |= {
                "code": "out-of-memory",
                "message": f"the device ran out of memory: {str(error).splitlines()[0]}",
            }
            answer["help"] = "Halve train.batch_size and double train.gradient_accumulation."
        write_json(work / f"failure-{os.environ.get('RANK', '0')}.json", answer)

    return hook


def _end_with_parent() -> None:
    """End once the recipe's end of stdin is closed: it has died."""
    if os.environ.get("EXP_WATCHED") != "1":
        return

    def watch() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
