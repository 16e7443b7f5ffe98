"""torchtune's single-device LoRA recipe, made safe to rely on.

torchtune's own loop trains (`train` below only calls it); this class gives it models from a Hugging Face config, fp32
adapters over a 16-bit base, a seeded order, batches whose common prompt is computed once, and adds what 0.6.1 lacks:
a resume in the middle of an epoch, validation, the best checkpoint, early stopping, and an error instead of a NaN.

    PYTHONPATH=. tune run recipes/torchtune/recipe.py --config FILE
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchtune
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torchtune import config, modules, training, utils
from torchtune.models.qwen2 import Qwen2RotaryPositionalEmbeddings
from torchtune.modules.peft import get_adapter_params, set_trainable_params

from recipes.common.encode import pad_token
from recipes.common.protocol import StepFailed, write_json
from recipes.torchtune.adapters import DoRA, LoRA
from recipes.torchtune.checkpoints import Checkpoints
from recipes.torchtune.config import check_config
from recipes.torchtune.data import Batches
from recipes.torchtune.decoder import Layout
from recipes.torchtune.model import adapted_layers, read_shape
from recipes.torchtune.watch import EachStep, History, Monitor, Silent, Stopped
from recipes.torchtune.weights import load_base, put_base, save_adapter


def _stock_recipe() -> Any:
    """torchtune ships its recipes as files beside the package, not as modules."""
    path = Path(torchtune.__file__).parent.parent / "recipes" / "lora_finetune_single_device.py"
    spec = importlib.util.spec_from_file_location("torchtune_lora_finetune_single_device", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.LoRAFinetuneRecipeSingleDevice


class _Finished(Exception):
    """The training ends before its last epoch does."""


class Recipe(_stock_recipe()):  # type: ignore[misc]
    """LoRA or DoRA on one device. `setup`, then `train`, then `save`."""

    def __init__(self, cfg: DictConfig, monitor: Monitor | None = None) -> None:
        check_config(cfg)
        super().__init__(cfg)
        self._log_every_n_steps = 1
        self._cfg = cfg
        self._monitor = monitor or Silent()
        self._shape = read_shape(json.loads(Path(cfg.model.hf_config).read_text()))
        self._checkpoints = Checkpoints(Path(cfg.output_dir) / "checkpoints", cfg.checkpoints.keep, _fingerprint(cfg))
        self._best: dict[str, Tensor] | None = None
        self._best_loss = math.inf
        self._best_step = 0
        self._worse = 0
        self.history = History()
        self.stopped = "epochs"
        self.resumed_from: int | None = None

    def load_checkpoint(self, cfg_checkpointer: DictConfig) -> dict[str, Any]:
        """The base weights, from safetensors alone, in torchtune's form."""
        return {training.MODEL_KEY: load_base(Path(cfg_checkpointer.checkpoint_dir), self._shape, self._dtype)}

    def setup(self, cfg: DictConfig) -> None:
        """torchtune's set-up, then validation data and the newest checkpoint."""
        super().setup(cfg)
        self._metric_logger: EachStep = EachStep(self._metric_logger, self._after_step)
        self._validation = self._load_validation()
        self._resume()
        self._used_rate = self._optimizer.param_groups[0]["lr"]
        self._clock = time.perf_counter()

    def train(self) -> None:
        """torchtune's loop. Raises `Stopped` once the monitor asked for it."""
        try:
            if self.global_step < self.total_steps:
                super().train()
        except _Finished:
            pass
        if self.stopped == "max_steps":
            self._validate()
        if self._cfg.keep == "best" and self._best is not None:
            self._put_adapter(self._best)

    def save(self, folder: Path) -> None:
        """Write adapter/ in PEFT's form and train.json."""
        cfg = self._cfg
        save_adapter(
            folder / "adapter",
            self._adapter(),
            base=cfg.checkpointer.base_model,
            revision=cfg.checkpointer.revision,
            rank=cfg.model.lora_rank,
            alpha=cfg.model.lora_alpha,
            dropout=cfg.model.lora_dropout,
            targets=tuple(cfg.model.targets),
            layers=adapted_layers(self._shape.layers, cfg.model.last_layers),
            of_layers=self._shape.layers,
            rslora=cfg.model.use_rslora,
        )
        total = sum(parameter.numel() for parameter in self._model.parameters())
        trainable = sum(parameter.numel() for parameter in self.adapter_params.values())
        report = asdict(self.history)
        del report["seconds"]
        write_json(
            folder / "train.json",
            report
            | {
                "steps": self.global_step,
                "epochs": round(self.global_step / self._steps_per_epoch, 4),
                "kept_step": self._best_step if self._cfg.keep == "best" else self.global_step,
                "parameters": {"total": total, "trainable": trainable},
                "stopped": self.stopped,
            },
        )

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole training."""
        steps: int = self.total_epochs * self._steps_per_epoch
        return steps if self._cfg.max_steps is None else min(steps, self._cfg.max_steps)

    def _setup_model(
        self,
        cfg_model: DictConfig,
        enable_activation_checkpointing: bool,
        enable_activation_offloading: bool,
        compile_model: bool,
        base_model_state_dict: dict[str, Tensor],
        lora_weights_state_dict: dict[str, Tensor] | None = None,
    ) -> nn.Module:
        """The model: made on no device, given the files' tensors without a copy, adapters in fp32."""
        with torch.device("meta"):
            model: nn.Module = config.instantiate(cfg_model)
        self.adapter_params = get_adapter_params(model)
        set_trainable_params(model, self.adapter_params)
        put_base(model, {name: tensor.to(self._device) for name, tensor in base_model_state_dict.items()})
        for module in model.modules():
            if isinstance(module, (LoRA, DoRA)):
                _fill_adapter(module, self._device)
            elif isinstance(module, Qwen2RotaryPositionalEmbeddings):
                with self._device:
                    module.rope_init()
        self.adapter_params = get_adapter_params(model)
        self._is_dora = bool(cfg_model.use_dora)
        if enable_activation_checkpointing:
            training.set_activation_checkpointing(model, auto_wrap_policy={modules.TransformerSelfAttentionLayer})
        self.activations_handling_ctx = training.get_act_offloading_ctx_manager(model, enable_activation_offloading)
        return model

    def _setup_optimizer(
        self, cfg_optimizer: DictConfig, opt_state_dict: dict[str, Any] | None = None
    ) -> torch.optim.Optimizer:
        """An optimiser over the adapters alone."""
        optimizer: torch.optim.Optimizer = config.instantiate(cfg_optimizer, list(self.adapter_params.values()))
        return optimizer

    def _setup_lr_scheduler(
        self, cfg_lr_scheduler: DictConfig, num_training_steps: int, last_epoch: int
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """The schedule over the steps that will be made, which `max_steps` may cut."""
        scheduler: torch.optim.lr_scheduler.LRScheduler = config.instantiate(
            cfg_lr_scheduler, self._optimizer, num_training_steps=self.total_steps, last_epoch=-1
        )
        return scheduler

    def _setup_data(
        self,
        cfg_dataset: DictConfig,
        shuffle: bool,
        batch_size: int,
        collate_fn: str,
        dataloader_state_dict: dict[str, Any] | None = None,
    ) -> Batches:
        """Our own batches; the number of micro-batches in a step is lowered to the number of rows."""
        examples = config.instantiate(cfg_dataset, self._tokenizer)
        accumulation: int = self._cfg.gradient_accumulation_steps
        self._gradient_accumulation_steps = max(1, min(accumulation, len(examples)))
        pad = pad_token(self._tokenizer)
        return Batches(examples, batch_size, accumulation, pad, self.seed if shuffle else None)

    def _load_validation(self) -> Batches | None:
        if not self._cfg.dataset_val:
            return None
        examples = config.instantiate(self._cfg.dataset_val, self._tokenizer)
        return Batches(examples, self._cfg.batch_size, 1, pad_token(self._tokenizer), None) if examples else None

    def _loss_step(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean loss over the batch's trained tokens."""
        if self._model.training:
            self.history.tokens += int(batch["seen"])
            self.history.trained_tokens += batch["labels"].numel()
        layout = Layout(*batch["layout"].tolist())
        with self.activations_handling_ctx:
            logits = self._model(batch["tokens"], layout=layout, answers=batch["answers"])
        loss: Tensor = self._loss_fn(logits, batch["labels"])
        return loss

    def _after_step(self, loss: float) -> None:
        """After each optimiser step: refuse a broken loss, record, save, and end where an end is due."""
        step = self.global_step
        if not math.isfinite(loss):
            raise self._not_finite(f"the loss is {loss} at step {step}")
        epoch = 1 + (step - 1) // self._steps_per_epoch
        rate, self._used_rate = self._used_rate, self._optimizer.param_groups[0]["lr"]
        self.history.loss.append({"step": step, "epoch": epoch, "loss": round(loss, 6), "learning_rate": rate})
        self._tick()
        speed = self.history.tokens / max(self.history.seconds, 1e-9)
        left = self.history.seconds / step * (self.total_steps - step)
        self._monitor.step(step, self.total_steps, loss, speed, left)
        ended = step >= self.total_steps
        if self._monitor.stopping() and not ended:
            self._save_state()
            raise Stopped
        if step % self._cfg.checkpoints.every_steps == 0 and not ended:
            self._save_state()
        if ended and step < self.total_epochs * self._steps_per_epoch:
            self.stopped = "max_steps"
            raise _Finished

    def save_checkpoint(self, epoch: int) -> None:
        """torchtune calls this at the end of an epoch. It would fold the adapter into the live base on the CPU; here
        the epoch is validated and the adapter left alone."""
        self._tick()
        self._validate()
        self._tick()
        patience = self._cfg.patience
        if patience is not None and self._worse >= patience and epoch + 1 < self.total_epochs:
            self.stopped = "early_stopping"
            raise _Finished

    @torch.no_grad()
    def _validate(self) -> None:
        """Mean loss over the trained tokens of the validation rows; remembers the adapter where it is the best."""
        if self._validation is None:
            return
        self._model.eval()
        total, count = 0.0, 0
        for batch in self._validation:
            utils.batch_to_device(batch, self._device)
            tokens = batch["labels"].numel()
            total += float(self._loss_step(batch)) * tokens
            count += tokens
        self._model.train()
        loss = total / count
        if not math.isfinite(loss):
            raise self._not_finite(f"the validation loss is {loss} after step {self.global_step}")
        epoch = math.ceil(self.global_step / self._steps_per_epoch)
        self.history.validation.append({"epoch": epoch, "step": self.global_step, "loss": round(loss, 6)})
        if loss < self._best_loss:
            self._best_loss, self._best_step, self._worse = loss, self.global_step, 0
            self._best = {name: tensor.detach().clone() for name, tensor in self._adapter().items()}
        else:
            self._worse += 1

    def _not_finite(self, what: str) -> StepFailed:
        kept = self._checkpoints.latest()
        where = f"The state of step {kept['step']} is kept." if kept else "No earlier state was saved."
        return StepFailed("loss-not-finite", f"{what}. {where}", "Lower train.learning_rate, or use precision: fp32.")

    def _adapter(self) -> dict[str, Tensor]:
        """Name -> trained tensor; names as they are without activation checkpointing."""
        return {name.replace("_checkpoint_wrapped_module.", ""): p for name, p in self.adapter_params.items()}

    @torch.no_grad()
    def _put_adapter(self, adapter: dict[str, Tensor]) -> None:
        for name, parameter in self._adapter().items():
            parameter.copy_(adapter[name])

    def _tick(self) -> None:
        now = time.perf_counter()
        self.history.seconds += now - self._clock
        self._clock = now

    def _save_state(self) -> None:
        """All that the next step depends on. The order of rows follows from seed, epoch and step."""
        random = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self._device)
        self._checkpoints.save(
            self.global_step,
            {
                "adapter": {name: tensor.detach() for name, tensor in self._adapter().items()},
                "optimizer": self._optimizer.state_dict(),
                "scheduler": self._lr_scheduler.state_dict(),
                "random": random,
                "history": asdict(self.history),
                "best": {
                    "adapter": self._best,
                    "loss": self._best_loss,
                    "step": self._best_step,
                    "worse": self._worse,
                },
            },
        )

    def _resume(self) -> None:
        """Take up the newest checkpoint of the same config and data, if there is one."""
        state = self._checkpoints.latest()
        if state is None:
            return
        self._put_adapter(state["adapter"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._lr_scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["random"]["cpu"])
        if "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"], self._device)
        self.history = History(**state["history"])
        best = state["best"]
        self._best, self._best_loss = best["adapter"], best["loss"]
        self._best_step, self._worse = best["step"], best["worse"]
        self.global_step = self.resumed_from = state["step"]
        validated = any(entry["step"] == self.global_step for entry in self.history.validation)
        done, within = divmod(self.global_step, self._steps_per_epoch)
        if within == 0 and not validated and self._validation is not None:
            done, within = done - 1, self._steps_per_epoch
        self.epochs_run = done
        self._dataloader.skip = within * self._gradient_accumulation_steps


def _fill_adapter(module: Any, device: torch.device) -> None:
    """Give an adapter its fp32 tensors on a device and their starting values."""
    for part in (module.lora_a, module.lora_b):
        part.to_empty(device=device)
    module.initialize_parameters()
    if hasattr(module, "initialize_dora_magnitude"):
        module.magnitude = nn.Parameter(torch.empty(module.out_dim, device=device))
        module.initialize_dora_magnitude()


def _fingerprint(cfg: DictConfig) -> str:
    """Digest of what a checkpoint depends on: the config without this machine's paths, the model's shape, the rows."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    paths = [plain["model"].pop("hf_config"), plain["dataset"].pop("file")]
    if plain["dataset_val"]:
        paths.append(plain["dataset_val"].pop("file"))
    plain["checkpointer"].pop("checkpoint_dir")
    plain["tokenizer"].pop("model_dir")
    for key in ("output_dir", "checkpoints", "metric_logger"):
        plain.pop(key)
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    return hashlib.sha256(json.dumps([plain, digests], sort_keys=True).encode()).hexdigest()


def _main(cfg: DictConfig) -> None:
    recipe = Recipe(cfg)
    recipe.setup(cfg)
    recipe.train()
    recipe.save(Path(cfg.output_dir))
    recipe.cleanup()


if __name__ == "__main__":
    sys.exit(config.parse(_main)())
