"""The plugin in axolotl's process. It rejects a configuration that axolotl would not follow, checks the rows that the
trainer received, and adds the callback that follows the training."""

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

from recipes.axolotl.callback import TrainingCallback
from recipes.axolotl.config import PLUGIN_SECTION, unknown_key
from recipes.axolotl.data import check_rows
from recipes.axolotl.keys import installed_keys, unknown_keys
from recipes.axolotl.noise import add_noise
from recipes.axolotl.trackio_callback import TrackioCallback
from recipes.common.files import read_rows
from recipes.common.models.four_bit import keep_packing
from recipes.common.protocol import StepFailed, is_out_of_memory, write_json
from recipes.common.training.failures import out_of_memory


class PluginSettings(BaseModel):
    """The plugin's section of the configuration, which config.py writes. axolotl removes keys without a value before
    the plugin reads the section again, so these have defaults."""

    model_config = ConfigDict(extra="forbid")

    rows: str
    validation: str | None = None
    work: str
    every_steps: int
    keep: int
    kept_by: str
    average: int | None = None
    patience: int | None = None
    neftune_alpha: float | None = None
    pause_after_epochs: int | None = None
    answers: dict[str, Any] | None = None
    cpu: bool
    trackio: bool = False
    fingerprint: str
    ends: list[int]
    pad: int
    tokenizer: str
    epochs: int


class Args(BaseModel):
    """The section that the plugin adds to axolotl's schema."""

    exp: PluginSettings


class Plugin(BasePlugin):  # type: ignore[misc]
    """Hooks in the order in which axolotl calls them."""

    def __init__(self) -> None:
        super().__init__()
        self._callback: TrainingCallback | None = None

    def register(self, cfg: Any) -> None:
        """Check the configuration before axolotl removes unknown keys from it."""
        settings = PluginSettings(**cfg[PLUGIN_SECTION])
        _end_with_parent()
        if settings.cpu:
            # transformers prefers the kernels of this package, which need a GPU, to its own functions.
            sys.modules["fla"] = None  # type: ignore[assignment]
        sys.excepthook = _record_failure(Path(settings.work))
        unknown = unknown_keys(
            {k: v for k, v in cfg.items() if k not in (PLUGIN_SECTION, "axolotl_config_path")}, installed_keys()
        )
        if unknown:
            raise unknown_key(unknown)

    def get_input_args(self) -> str:
        """Name of the schema of the plugin's section."""
        return "recipes.axolotl.plugin.Args"

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Arguments of the trainer. It accepts bf16 on the CPU only with `use_cpu`. `logging_nan_inf_filter` would
        replace a loss that is not finite in the log."""
        return {"use_cpu": bool(cfg.exp["cpu"]), "disable_tqdm": True, "logging_nan_inf_filter": False}

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """Load full weights in fp32: `bf16` then means products in bf16. With weights in bf16, updates that are smaller
        than half a rounding step would be lost. This is the only hook between the choice of the number format and its
        use; axolotl loads the rows itself."""
        # axolotl would load a model that also reads images as a whole, and read images with every row.
        cfg.is_multimodal = False
        if not cfg.adapter:
            cfg.torch_dtype = torch.float32

    def pre_model_load(self, cfg: Any) -> None:
        """Seed before the adapter's initial weights are drawn. axolotl seeds only after the model is built."""
        set_seed(int(cfg.seed))

    def post_model_load(self, cfg: Any, model: Any) -> None:
        """Protect 4-bit weights before the first product."""
        keep_packing(model)

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Check that the trainer received all rows unchanged, make the loss of an optimiser step a token mean, and add
        the noise of the embeddings."""
        check_rows(list(read_rows(Path(cfg.exp["rows"]))), trainer.train_dataset)
        weight_by_token(trainer)
        alpha = PluginSettings(**cfg.exp).neftune_alpha
        if alpha is not None:
            add_noise(trainer, _bare_model(trainer), alpha)

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[Any]:
        """Add the callback that follows the training, and Trackio's."""
        settings = PluginSettings(**cfg.exp)
        self._callback = TrainingCallback(settings.model_dump(), trainer)
        tracked = settings.trackio and trainer.is_world_process_zero()
        return [self._callback, *([TrackioCallback(Path(settings.work))] if tracked else [])]


def weight_by_token(trainer: Any) -> None:
    """Make the loss of an optimiser step the mean over its trained tokens, for any number of micro-batches.

    axolotl's trainer passes the number of tokens of a step to a model only if the model's `forward` names the argument
    `num_items_in_batch`. No decoder of transformers does: they take it among other keywords. The trainer would then
    average the means of the micro-batches, so that a token of a short answer would count more than one of a long one.
    Fails with `unsupported-model` for a model that rejects the number."""
    model = _bare_model(trainer)
    if not getattr(model, "accepts_loss_kwargs", True):
        raise StepFailed(
            "unsupported-model",
            f"axolotl cannot train {type(model).__name__}: its loss is not a mean over the tokens of a step",
            "Use a text-only model.",
        )
    trainer.model_accepts_loss_kwargs = True


def _bare_model(trainer: Any) -> Any:
    """The model of transformers, without the wrappers of peft and accelerate."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _record_failure(work: Path) -> Any:
    """An exception hook that writes the failure for the recipe, as well as the traceback to the log."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        if is_out_of_memory(error):
            failure = out_of_memory(error)
        elif isinstance(error, StepFailed):
            failure = error
        else:
            failure = StepFailed("trainer-failed", f"{kind.__name__}: {error}".splitlines()[0])
        values = {"code": failure.code, "message": failure.message, "help": failure.help}
        write_json(work / f"failure-{os.environ.get('RANK', '0')}.json", values)

    return hook


def _end_with_parent() -> None:
    """Kill this process once its stdin is closed: the recipe has ended."""
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
