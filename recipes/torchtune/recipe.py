"""torchtune's single-device LoRA recipe, made safe to rely on, for one GPU or several.

torchtune's own loop trains (`train` below only calls it); this class gives it models from a Hugging Face config, fp32
adapters over a 16-bit or 4-bit base or all weights, a seeded order, batches whose common prompt is computed once, and
adds what 0.6.1 lacks: a resume in the middle of an epoch, validation by loss and by generated answers, the best
checkpoint, early stopping, and an error instead of a NaN.

    PYTHONPATH=. tune run recipes/torchtune/recipe.py --config FILE
    PYTHONPATH=. tune run --nproc_per_node 2 recipes/torchtune/recipe.py --config FILE
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchtune
from omegaconf import DictConfig
from torch import Tensor, nn
from torchtune import config, training

from recipes.common.choice import Choice
from recipes.common.encode import pad_token
from recipes.common.history import Clock, History, not_finite
from recipes.common.protocol import StepFailed, write_json
from recipes.torchtune import ranks
from recipes.torchtune.building import build_model, is_adapting, plain_name
from recipes.torchtune.checkpoints import Checkpoints
from recipes.torchtune.config import check_config
from recipes.torchtune.data import Batches, accumulation_of
from recipes.torchtune.decoder import Layout
from recipes.torchtune.model import adapted_layers, read_shape
from recipes.torchtune.resume import fingerprint, optimizer_state, put_random_state, random_state
from recipes.torchtune.validation import Validation
from recipes.torchtune.watch import EachStep, Monitor, Silent, Stopped
from recipes.torchtune.weights import load_base, save_adapter, save_model


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
    """An adapter or all weights. `setup`, then `train`, then `save`."""

    def __init__(self, cfg: DictConfig, monitor: Monitor | None = None) -> None:
        check_config(cfg)
        ranks.join(cfg.device)
        super().__init__(cfg)
        self._log_every_n_steps = 1
        self._cfg = cfg
        self._monitor = monitor or Silent()
        self._shape = read_shape(json.loads(Path(cfg.model.hf_config).read_text()))
        self._adapting = is_adapting(cfg.model)
        self._checkpoints = Checkpoints(Path(cfg.output_dir) / "checkpoints", cfg.checkpoints.keep, fingerprint(cfg))
        self._choice = Choice(cfg.keep)
        self.history = History()
        self.stopped = "epochs"
        self.resumed_from: int | None = None

    def load_checkpoint(self, cfg_checkpointer: DictConfig) -> dict[str, Any]:
        """The base weights, from safetensors alone, in torchtune's form. Weights that are all trained are fp32."""
        dtype = self._dtype if self._adapting else torch.float32
        return {training.MODEL_KEY: load_base(Path(cfg_checkpointer.checkpoint_dir), self._shape, dtype)}

    def setup(self, cfg: DictConfig) -> None:
        """torchtune's set-up, then validation data and the newest checkpoint."""
        super().setup(cfg)
        self._metric_logger: EachStep = EachStep(self._metric_logger, self._after_step)
        self._validation = self._load_validation()
        self._resume()
        self._used_rate = self._optimizer.param_groups[0]["lr"]
        self._clock = Clock()

    def train(self) -> None:
        """torchtune's loop. Raises `Stopped` once the monitor asked for it."""
        whole = self.total_epochs * self._steps_per_epoch
        ended = self._should_end(self.epochs_run)
        if not ended and (self.global_step < self.total_steps or (self.total_steps == whole and not self._validated())):
            with suppress(_Finished):
                super().train()
        if self.total_steps < whole and self.global_step == self.total_steps:
            self.stopped = "max_steps"
            if not self._validated():
                self._validate()
        if self._cfg.keep != "last" and self._choice.weights is not None:
            self._put_weights(self._choice.weights)

    def save(self, folder: Path) -> None:
        """Write adapter/ in PEFT's form, or model/ as transformers reads it, and train.json. With several processes
        each calls it, and the first writes."""
        cfg = self._cfg
        weights = self._weights()
        if ranks.rank() == 0:
            if self._adapting:
                save_adapter(
                    folder / "adapter",
                    weights,
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
            else:
                save_model(folder / "model", Path(cfg.checkpointer.checkpoint_dir), weights, self._dtype)
            write_json(folder / "train.json", self._report())

    def _report(self) -> dict[str, Any]:
        total = sum(parameter.numel() for parameter in self._model.parameters())
        trainable = sum(parameter.numel() for parameter in self._trained.values())
        return self.history.report(
            steps=self.global_step,
            epochs=round(self.global_step / self._steps_per_epoch, 4),
            kept_step=self.global_step if self._cfg.keep == "last" else self._choice.step,
            kept_by=self._cfg.keep,
            parameters={"total": total, "trainable": trainable},
            stopped=self.stopped,
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
        """Our own model of the base's weights."""
        model = build_model(
            cfg_model,
            base_model_state_dict,
            seed=self._cfg.seed,
            device=self._device,
            checkpointing=enable_activation_checkpointing,
        )
        self._trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
        self.activations_handling_ctx = training.get_act_offloading_ctx_manager(model, enable_activation_offloading)
        return model

    def _setup_optimizer(
        self, cfg_optimizer: DictConfig, opt_state_dict: dict[str, Any] | None = None
    ) -> torch.optim.Optimizer:
        """An optimiser over what is trained. Of a whole model the norms and biases do not decay."""
        groups: list[dict[str, Any]] = [{"params": list(self._trained.values())}]
        if not self._adapting:
            groups = [
                {"params": [each for each in self._trained.values() if each.dim() > 1]},
                {"params": [each for each in self._trained.values() if each.dim() <= 1], "weight_decay": 0.0},
            ]
        optimizer: torch.optim.Optimizer = config.instantiate(cfg_optimizer, groups)
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
        accumulation = accumulation_of(len(examples), self._cfg.gradient_accumulation_steps, ranks.ranks())
        self._gradient_accumulation_steps = accumulation // ranks.ranks()
        return Batches(
            examples,
            batch_size,
            accumulation,
            pad_token(self._tokenizer),
            self._cfg.seed if shuffle else None,
            rank=ranks.rank(),
            ranks=ranks.ranks(),
        )

    def _load_validation(self) -> Validation | None:
        if not self._cfg.dataset_val:
            return None
        rows = config.instantiate(self._cfg.dataset_val, self._tokenizer)
        return Validation(rows, self._cfg.batch_size, pad_token(self._tokenizer), self._device) if rows else None

    def _loss_step(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean loss over the batch's trained tokens. With several processes the labels are those of all, as torchtune's
        loop counts them, and the mean of what they return here is the mean over all of their tokens."""
        self.history.tokens += int(batch["seen"])
        self.history.trained_tokens += batch["labels"].numel()
        own, trained = batch["answers"].numel(), batch["labels"].numel()
        loss = self._mean_loss(batch)
        return loss if own == trained else loss * (own * ranks.ranks() / trained)

    def _mean_loss(self, batch: dict[str, Tensor]) -> Tensor:
        layout = Layout(*batch["layout"].tolist())
        answers = batch["answers"]
        with self.activations_handling_ctx, self._precision():
            logits = self._model(batch["tokens"], layout=layout, answers=answers)
            loss: Tensor = self._loss_fn(logits, batch["labels"][:, : answers.numel()])
        return loss

    def _precision(self) -> AbstractContextManager[Any]:
        """16-bit products of fp32 weights, where all of them are trained; adapters see to theirs themselves."""
        if self._adapting or self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, self._dtype)

    def _after_step(self, loss: float) -> None:
        """After each optimiser step: refuse a broken loss, record, save, and end where an end is due."""
        step = self.global_step
        loss = ranks.mean(loss, self._device)
        if not math.isfinite(loss):
            raise self._not_finite(f"the loss is {loss} at step {step}")
        epoch = 1 + (step - 1) // self._steps_per_epoch
        rate, self._used_rate = self._used_rate, self._optimizer.param_groups[0]["lr"]
        self.history.loss.append({"step": step, "epoch": epoch, "loss": round(loss, 6), "learning_rate": rate})
        self._clock.tick(self.history)
        goal = min(self.total_steps, (self._cfg.pause_after_epochs or self.total_epochs) * self._steps_per_epoch)
        self._monitor.step(step, goal, loss, self.history.speed, self.history.seconds_left(step, goal))
        ended = step >= self.total_steps
        if not ended:
            self._stop_if_asked()
        if step % self._cfg.checkpoints.every_steps == 0 and not ended:
            self._save_state()
        if ended and step < self.total_epochs * self._steps_per_epoch:
            raise _Finished

    def _stop_if_asked(self) -> None:
        if ranks.agreed(self._monitor.stopping()):
            self._save_state()
            raise Stopped

    def save_checkpoint(self, epoch: int) -> None:
        """torchtune calls this at the end of an epoch. It would fold the adapter into the live base on the CPU; here
        the epoch is validated and the weights left alone."""
        self._clock.tick(self.history)
        self._validate()
        self._clock.tick(self.history)
        if self._should_end(epoch + 1):
            if self.stopped == "paused":
                self._save_state()
            raise _Finished

    def _should_end(self, epochs: int) -> bool:
        """Whether the training ends after so many epochs, though there would be more; says why."""
        patience, pause = self._cfg.patience, self._cfg.pause_after_epochs
        if epochs >= self.total_epochs:
            return False
        if patience is not None and self._choice.worse >= patience:
            self.stopped = "early_stopping"
        elif pause is not None and epochs >= pause:
            self.stopped = "paused"
        return self.stopped != "epochs"

    def _validated(self) -> bool:
        """Whether there is nothing to validate, or it is done for this step."""
        return self._validation is None or self.history.validated(self.global_step)

    @torch.no_grad()
    def _validate(self) -> None:
        """Mean loss over the trained tokens of the validation rows, and what they are answered; remembers the weights
        where they are the best."""
        if self._validation is None:
            return
        self._model.eval()
        loss = self._validation.loss(self._mean_loss)
        if not math.isfinite(loss):
            raise self._not_finite(f"the validation loss is {loss} after step {self.global_step}")
        at = {"epoch": math.ceil(self.global_step / self._steps_per_epoch), "step": self.global_step}
        scores, samples = self._answer(self._validation, at)
        self._model.train()
        entry = at | {"loss": round(loss, 6)} | scores
        self.history.validation.append(entry)
        self.history.samples += samples
        self._metric_logger.log_dict_only({f"validation_{name}": entry[name] for name in ("loss", *scores)})
        self._choice.consider(
            self.global_step, loss, scores, None if self._cfg.keep == "last" else lambda: self._weights(copy=True)
        )

    def _answer(self, validation: Validation, at: dict[str, int]) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Scores of what the model answers to the validation rows, where the best is chosen by one, and the samples."""
        if self._cfg.answers is None:
            return {}, []

        def between(chosen: Tensor) -> Tensor:
            self._stop_if_asked()
            return ranks.same(chosen)

        with self._precision():
            return validation.answer(
                self._model,
                self._tokenizer,
                self._cfg.answers,
                by=self._cfg.keep,
                at=at,
                between=between,
                say=self._monitor.say,
            )

    def _not_finite(self, what: str) -> StepFailed:
        kept = self._checkpoints.latest()
        return not_finite(what, None if kept is None else kept["step"])

    def _weights(self, *, copy: bool = False) -> dict[str, Tensor]:
        """Name -> trained tensor, whole; names as they are without activation checkpointing. A copy lies on the CPU."""
        weights = {}
        for name, parameter in self._trained.items():
            tensor = ranks.whole(parameter.detach())
            weights[plain_name(name)] = tensor.to("cpu", copy=True) if copy else tensor
        return weights

    def _put_weights(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self._trained.items():
            ranks.put(parameter, weights[plain_name(name)])

    def _save_state(self) -> None:
        """All that the next step depends on. The order of rows follows from seed, epoch and step."""
        state = {
            "weights": self._weights(),
            "optimizer": optimizer_state(self._optimizer),
            "scheduler": self._lr_scheduler.state_dict(),
            "random": random_state(self._device),
            "history": asdict(self.history),
            "choice": self._choice.state(),
        }
        if ranks.rank() == 0:
            self._checkpoints.save(self.global_step, state)

    def _resume(self) -> None:
        """Take up the newest checkpoint of the same config and data, if there is one. On another number of GPUs the
        dropout is drawn anew, and everything else goes on."""
        state = self._checkpoints.latest()
        if state is None:
            return
        self._put_weights(state["weights"])
        ranks.load_optimizer(self._optimizer, state["optimizer"])
        self._lr_scheduler.load_state_dict(state["scheduler"])
        put_random_state(state["random"], self._device, self._cfg.seed + state["step"])
        self.history = History(**state["history"])
        self._choice = Choice.of(state["choice"])
        self.global_step = self.resumed_from = state["step"]
        done, within = divmod(self.global_step, self._steps_per_epoch)
        if within == 0 and not self._validated():
            done, within = done - 1, self._steps_per_epoch
        self.epochs_run = done
        self._dataloader.skip = within * self._gradient_accumulation_steps


def _main(cfg: DictConfig) -> None:
    recipe = Recipe(cfg)
    recipe.setup(cfg)
    recipe.train()
    recipe.save(Path(cfg.output_dir))
    recipe.cleanup()
    ranks.leave()


if __name__ == "__main__":
    sys.exit(config.parse(_main)())
