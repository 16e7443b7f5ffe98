"""torchtune's single-device LoRA recipe with the additions that a study needs, for one GPU or several.

torchtune's own loop trains: `Recipe.train` calls it. This class builds models from a Hugging Face config, with fp32
adapters over a 16-bit or 4-bit base, or for full fine-tuning. It orders rows by a seed and computes the common prompt
of a batch once. It adds what torchtune 0.6.1 lacks: resuming within an epoch, validation by loss and by generated
answers, selection of the best weights, early stopping, and an error for a loss of NaN.

    PYTHONPATH=. tune run recipes/torchtune/recipe.py --config FILE
    PYTHONPATH=. tune run --nproc_per_node 2 recipes/torchtune/recipe.py --config FILE
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchtune
from omegaconf import DictConfig
from torch import Tensor, nn
from torchtune import config, training

from recipes.common.adapters.config import AdapterSettings, adapted_layers, write_adapter
from recipes.common.encode import pad_token
from recipes.common.files import read_json
from recipes.common.protocol import StepFailed, write_json
from recipes.common.training.best_checkpoint import BestCheckpoint, is_selected
from recipes.common.training.epoch_average import EpochAverage
from recipes.common.training.failures import not_finite
from recipes.common.training.history import Clock, History, TrainingEnd, rounded_loss
from recipes.torchtune import distributed
from recipes.torchtune.activations import recompute_if_short
from recipes.torchtune.checkpoints import Checkpoints
from recipes.torchtune.config import check_config
from recipes.torchtune.data import Batches, Noise, accumulation_of
from recipes.torchtune.decoder import Layout
from recipes.torchtune.model_setup import build_model, has_adapter, plain_name
from recipes.torchtune.monitor import Monitor, Silent, StepHook, Stopped
from recipes.torchtune.shape import read_shape
from recipes.torchtune.training_state import fingerprint, optimizer_state, random_state, restore_random_state
from recipes.torchtune.validation import Validation
from recipes.torchtune.weights import Names, load_base, save_model


def _stock_recipe() -> Any:
    """torchtune's recipe class. torchtune ships its recipes as files next to the package, not as modules."""
    path = Path(torchtune.__file__).parent.parent / "recipes" / "lora_finetune_single_device.py"
    spec = importlib.util.spec_from_file_location("torchtune_lora_finetune_single_device", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.LoRAFinetuneRecipeSingleDevice


class _Finished(Exception):
    """The training ends before its last epoch."""


class Recipe(_stock_recipe()):  # type: ignore[misc]
    """Trains an adapter or all weights. Call `setup`, then `train`, then `save`."""

    def __init__(self, cfg: DictConfig, monitor: Monitor | None = None) -> None:
        check_config(cfg)
        distributed.join(cfg.device)
        super().__init__(cfg)
        self._log_every_n_steps = 1
        self._cfg = cfg
        self._monitor = monitor or Silent()
        self._shape = read_shape(read_json(Path(cfg.model.hf_config)))
        self._has_adapter = has_adapter(cfg.model)
        self._checkpoints = Checkpoints(Path(cfg.output_dir) / "checkpoints", cfg.checkpoints.keep, fingerprint(cfg))
        self._best = BestCheckpoint(cfg.kept_by)
        self.history = History()
        self.stopped: TrainingEnd = "epochs"
        self.resumed_from: int | None = None

    def load_checkpoint(self, cfg_checkpointer: DictConfig) -> dict[str, Any]:
        """The base weights under torchtune's names, from safetensors files alone. Full fine-tuning keeps them in fp32.
        With several ranks, `build_model` converts them after sharding, and all ranks of a machine share the mapped
        files."""
        dtype = self._dtype if self._has_adapter else None if distributed.world_size() > 1 else torch.float32
        return {training.MODEL_KEY: load_base(Path(cfg_checkpointer.checkpoint_dir), self._shape, dtype)}

    def setup(self, cfg: DictConfig) -> None:
        """Run torchtune's setup, then load the validation rows and the newest checkpoint."""
        super().setup(cfg)
        self._metric_logger: StepHook = StepHook(self._metric_logger, self._after_step)
        self._validation = self._load_validation()
        self._save_memory()
        self._average: EpochAverage | None = None
        if cfg.average is not None:
            folder, key = self._checkpoints.folder, self._checkpoints.fingerprint
            self._average = EpochAverage(folder, key, cfg.average, self._steps_per_epoch)
        self._resume()
        self._used_rate = self._optimizer.param_groups[0]["lr"]
        self._clock = Clock()

    def train(self) -> None:
        """Run torchtune's loop, then load the weights to keep. Raises `Stopped` after an interrupt."""
        all_epochs = self.total_epochs * self._steps_per_epoch
        validates = self.total_steps == all_epochs and not self._is_validated()
        if not self._should_end(self.epochs_run) and (self.global_step < self.total_steps or validates):
            with suppress(_Finished):
                super().train()
        if self.total_steps < all_epochs and self.global_step == self.total_steps:
            self.stopped = "max_steps"
            if not self._is_validated():
                self._validate()
        if is_selected(self._cfg.kept_by) and self._best.step:
            self._assign_weights(self._best.weights or {})
        if self._average is not None:
            self._assign_average(self._average)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write adapter/ in PEFT's form, or model/ as transformers reads it, and train.json; returns the content of
        train.json. Every rank must call this; rank 0 writes."""
        cfg = self._cfg
        weights = self._weights()
        report = self._report()
        if distributed.rank() != 0:
            return report
        if self._has_adapter:
            settings = AdapterSettings(
                rank=cfg.model.lora_rank,
                alpha=cfg.model.lora_alpha,
                dropout=cfg.model.lora_dropout,
                targets=list(cfg.model.targets),
                layers=adapted_layers(self._shape.layers, cfg.model.last_layers),
                use_dora=cfg.model.use_dora,
                use_rslora=cfg.model.use_rslora,
                root=self._shape.root,
            )
            names = Names(self._shape)
            tensors = {names.to_peft(name): tensor for name, tensor in weights.items()}
            base, revision = cfg.checkpointer.base_model, cfg.checkpointer.revision
            write_adapter(folder / "adapter", tensors, settings, base=base, revision=revision)
        else:
            base = Path(cfg.checkpointer.checkpoint_dir)
            save_model(folder / "model", base, self._shape, weights, self._dtype)
        write_json(folder / "train.json", report)
        return report

    def _report(self) -> dict[str, Any]:
        total = sum(parameter.numel() for parameter in self._model.parameters())
        trainable = sum(parameter.numel() for parameter in self._trained.values())
        return self.history.report(
            steps=self.global_step,
            epochs=round(self.global_step / self._steps_per_epoch, 4),
            kept_step=self._best.step if is_selected(self._cfg.kept_by) else self.global_step,
            kept_by=self._cfg.kept_by,
            parameters={"total": total, "trainable": trainable},
            stopped=self.stopped,
            averaged_steps=None if self._average is None else self._average.steps(self.global_step),
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
        """The model with the base's weights."""
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
        """An optimiser of the trained parameters. In full fine-tuning, norms and biases have no weight decay."""
        groups: list[dict[str, Any]] = [{"params": list(self._trained.values())}]
        if not self._has_adapter:
            groups = [
                {"params": [each for each in self._trained.values() if each.dim() > 1]},
                {"params": [each for each in self._trained.values() if each.dim() <= 1], "weight_decay": 0.0},
            ]
        optimizer: torch.optim.Optimizer = config.instantiate(cfg_optimizer, groups)
        return optimizer

    def _setup_lr_scheduler(
        self, cfg_lr_scheduler: DictConfig, num_training_steps: int, last_epoch: int
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """The schedule over the steps of this training, which `max_steps` may limit."""
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
        """The training batches. A step has at most as many micro-batches as there are rows."""
        examples = config.instantiate(cfg_dataset, self._tokenizer)
        ranks = distributed.world_size()
        accumulation = accumulation_of(len(examples), self._cfg.gradient_accumulation_steps, ranks)
        self._gradient_accumulation_steps = accumulation // ranks
        alpha = self._cfg.neftune_alpha
        return Batches(
            examples,
            batch_size,
            accumulation,
            pad_token(self._tokenizer),
            self._cfg.seed if shuffle else None,
            rank=distributed.rank(),
            ranks=ranks,
            noise=None if alpha is None else Noise(alpha, self._shape.dim, self._cfg.seed),
        )

    def _load_validation(self) -> Validation | None:
        if not self._cfg.dataset_val:
            return None
        rows = config.instantiate(self._cfg.dataset_val, self._tokenizer)
        return Validation(rows, self._cfg.batch_size, pad_token(self._tokenizer), self._device) if rows else None

    def _save_memory(self) -> None:
        """Recompute activations if memory is short. On a GPU `build_config` always does."""
        if self._device.type != "cpu" or self._cfg.enable_activation_checkpointing or distributed.world_size() > 1:
            return
        message = recompute_if_short(self._model, self._dataloader, self.total_epochs, self._mean_loss)
        if message is not None:
            self._monitor.show(message)

    def _loss_step(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean loss over the batch's trained tokens. With several ranks, `labels` holds the labels of all ranks,
        because torchtune's loop counts tokens there. The loss is scaled so that its mean over the ranks is the mean
        over all tokens."""
        self.history.tokens += int(batch["seen"])
        self.history.trained_tokens += batch["labels"].numel()
        own, trained = batch["answers"].numel(), batch["labels"].numel()
        loss = self._mean_loss(batch)
        return loss if own == trained else loss * (own * distributed.world_size() / trained)

    def _mean_loss(self, batch: dict[str, Tensor]) -> Tensor:
        layout = Layout(*batch["layout"].tolist())
        answers = batch["answers"]
        with self.activations_handling_ctx, self._precision():
            logits = self._model(batch["tokens"], layout=layout, answers=answers, noise=batch.get("noise"))
            if answers.numel() == 0:
                # The mean over no token is not a number. Zero has gradients, which other ranks wait for.
                nothing: Tensor = torch.cat(logits if isinstance(logits, list) else [logits]).sum()
                return nothing
            labels = batch["labels"][:, : answers.numel()]
            if "weights" in batch:
                return weighted_loss(logits, labels, batch["weights"])
            loss: Tensor = self._loss_fn(logits, labels)
        return loss

    def _precision(self) -> AbstractContextManager[Any]:
        """Autocast for full fine-tuning: products in 16 bit, weights in fp32. Adapter layers cast by themselves."""
        if self._has_adapter or self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, self._dtype)

    def _after_step(self, loss: float) -> None:
        """After each optimiser step: check the loss, record it, save a checkpoint, and end the training if it is
        over."""
        step = self.global_step
        loss = distributed.mean(loss, self._device)
        if not math.isfinite(loss):
            raise self._not_finite(f"the loss is {loss} at step {step}")
        epoch = 1 + (step - 1) // self._steps_per_epoch
        # torchtune has already advanced the schedule: the rate of this step is the previous one.
        rate, self._used_rate = self._used_rate, self._optimizer.param_groups[0]["lr"]
        self.history.add_step(step, epoch, loss, rate)
        self._clock.tick(self.history)
        self._monitor.after_step(step, self._last_step, loss, self.history)
        ended = step >= self.total_steps
        if self._average is not None and (ended or step % self._steps_per_epoch == 0):
            weights = self._weights()
            if distributed.rank() == 0:
                self._average.save(step, weights, self._checkpoints.steps())
        if not ended:
            self._stop_if_interrupted()
        if step % self._cfg.checkpoints.every_steps == 0 and not ended:
            self._save_state()
        if ended and step < self.total_epochs * self._steps_per_epoch:
            raise _Finished

    @property
    def _last_step(self) -> int:
        """The step after which the training ends or pauses."""
        epochs = self._cfg.pause_after_epochs or self.total_epochs
        steps: int = min(self.total_steps, epochs * self._steps_per_epoch)
        return steps

    def _stop_if_interrupted(self) -> None:
        if distributed.broadcast_flag(self._monitor.is_interrupted()):
            self._save_state()
            raise Stopped

    def save_checkpoint(self, epoch: int) -> None:
        """torchtune calls this at the end of an epoch. Its own method merges the adapter into the model in training on
        the CPU. This one validates and leaves the weights unchanged."""
        self._clock.tick(self.history)
        self._validate()
        self._clock.tick(self.history)
        if self._should_end(epoch + 1):
            if self.stopped == "paused":
                self._save_state()
            raise _Finished

    def _should_end(self, epochs: int) -> bool:
        """Whether the training ends after `epochs`, before its last epoch. Sets the reason."""
        patience, pause = self._cfg.patience, self._cfg.pause_after_epochs
        if epochs >= self.total_epochs:
            return False
        if patience is not None and self._best.validations_since >= patience:
            self.stopped = "early_stopping"
        elif pause is not None and epochs >= pause:
            self.stopped = "paused"
        return self.stopped != "epochs"

    def _is_validated(self) -> bool:
        """Whether no validation is due at this step."""
        return self._validation is None or self.history.is_validated(self.global_step)

    @torch.no_grad()
    def _validate(self) -> None:
        """Compute the mean loss over the trained tokens of the validation rows, and the scores of the answers to them.
        Keep a copy of the weights if they are the best."""
        if self._validation is None:
            return
        self._model.eval()
        # The ranks compute on their own devices. All must take the decisions that follow from the numbers of rank 0.
        loss = distributed.broadcast_object(self._validation.loss(self._mean_loss))
        if not math.isfinite(loss):
            raise self._not_finite(f"the validation loss is {loss} after step {self.global_step}")
        at = {"epoch": math.ceil(self.global_step / self._steps_per_epoch), "step": self.global_step}
        scores, samples = distributed.broadcast_object(self._answer(self._validation, at))
        self._model.train()
        entry = at | {"loss": rounded_loss(loss)} | scores
        self.history.validation.append(entry)
        self.history.samples += samples
        self._metric_logger.log_dict_only({f"validation_{name}": entry[name] for name in ("loss", *scores)})
        self._monitor.after_validation(self.global_step, self._last_step, loss)
        copy = (lambda: self._weights(copy=True)) if is_selected(self._cfg.kept_by) else None
        self._best.consider(self.global_step, loss, scores, copy)

    def _answer(self, validation: Validation, at: dict[str, int]) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Scores and samples of the model's answers to the validation rows."""
        if self._cfg.answers is None:
            return {}, []

        def between(chosen: Tensor) -> Tensor:
            self._stop_if_interrupted()
            return distributed.broadcast(chosen)

        with self._precision():
            return validation.answer(
                self._model,
                self._tokenizer,
                self._cfg.answers,
                by=self._cfg.kept_by,
                at=at,
                between=between,
                show=self._monitor.show,
            )

    def _not_finite(self, what: str) -> StepFailed:
        saved = self._checkpoints.latest()
        return not_finite(what, None if saved is None else saved["step"])

    def _weights(self, *, copy: bool = False) -> dict[str, Tensor]:
        """Plain name -> trained tensor: whole on rank 0, none on the others. With `copy`, copies on the CPU."""
        trained = ((plain_name(name), parameter.detach()) for name, parameter in self._trained.items())
        return distributed.collect(trained, copy=copy)

    def _assign_weights(self, weights: dict[str, Tensor]) -> None:
        """Load what `_weights` returned. The weights of rank 0 count."""
        for name, parameter in self._trained.items():
            distributed.assign(parameter, weights.get(plain_name(name)))

    def _assign_average(self, average: EpochAverage) -> None:
        """Load the mean of the weights of the last epochs, one tensor after the other."""
        for name, parameter in self._trained.items():
            mean = average.mean(plain_name(name), self.global_step) if distributed.rank() == 0 else None
            distributed.assign(parameter, mean)

    def _save_state(self) -> None:
        """Save a checkpoint with all that the next step depends on. The order of the rows is not stored: it follows
        from seed, epoch and step."""
        state = {
            "weights": self._weights(),
            "optimizer": optimizer_state(self._optimizer),
            "scheduler": self._lr_scheduler.state_dict(),
            "random": random_state(self._device),
            "history": asdict(self.history),
            "best": self._best.state(),
        }
        if distributed.rank() == 0:
            self._checkpoints.save(self.global_step, state)

    def _resume(self) -> None:
        """Load the newest checkpoint of the same config and data, if there is one. A different number of ranks changes
        nothing except the dropout masks."""
        state = self._checkpoints.latest()
        if state is None:
            return
        self._assign_weights(state["weights"])
        distributed.load_optimizer(self._optimizer, state["optimizer"])
        self._lr_scheduler.load_state_dict(state["scheduler"])
        restore_random_state(state["random"], self._device, self._cfg.seed + state["step"])
        self.history = History(**state["history"])
        self._best = BestCheckpoint.from_state(state["best"])
        self.global_step = self.resumed_from = state["step"]
        done, within = divmod(self.global_step, self._steps_per_epoch)
        if within == 0 and not self._is_validated():
            # The epoch's steps are done, but its validation is not: enter the epoch and skip all its batches.
            done, within = done - 1, self._steps_per_epoch
        self.epochs_run = done
        self._dataloader.skip = within * self._gradient_accumulation_steps


def weighted_loss(logits: Tensor | Sequence[Tensor], labels: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy [m] of labels [1, m], each times its weight [m], divided by m. `logits` [1, m, vocabulary] may be
    in chunks along m, of which one at a time is in fp32."""
    chunks = [logits] if isinstance(logits, Tensor) else logits
    sizes = [chunk.shape[1] for chunk in chunks]
    total = torch.zeros((), device=weights.device)
    for chunk, label, weight in zip(chunks, torch.split(labels[0], sizes), torch.split(weights, sizes), strict=True):
        losses = nn.functional.cross_entropy(chunk.reshape(-1, chunk.shape[-1]).float(), label, reduction="none")
        total = total + (losses * weight).sum()
    return total / weights.numel()


def _main(cfg: DictConfig) -> None:
    recipe = Recipe(cfg)
    recipe.setup(cfg)
    recipe.train()
    recipe.save(Path(cfg.output_dir))
    recipe.cleanup()
    distributed.leave()


if __name__ == "__main__":
    sys.exit(config.parse(_main)())
