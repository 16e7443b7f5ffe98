"""The trainer callback in axolotl's process: progress, validation, best weights, checkpoints, and early ends."""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from recipes.axolotl.best_weights import (
    best_name,
    count_parameters,
    load_average,
    load_best,
    save_best,
    save_epoch,
)
from recipes.axolotl.checkpoints import checkpoints, keep_newest, mark, step_of
from recipes.axolotl.validation import answer_rows, mean_loss
from recipes.common.encode import IGNORE, load_tokenizer
from recipes.common.files import read_json, read_rows
from recipes.common.protocol import Step, StepFailed, write_json
from recipes.common.training.best_checkpoint import BestCheckpoint, is_selected
from recipes.common.training.epoch_average import EpochAverage
from recipes.common.training.failures import not_finite
from recipes.common.training.history import Clock, History, TrainingEnd, rounded_loss, validation_progress
from recipes.common.training.validation_answers import count_answered, score_answers

OUTCOME = "outcome.json"
"""The last file that the callback writes, with the report of the training."""


class TrainingCallback(TrainerCallback):
    """Follows one training. Each process has a callback; that of rank 0 writes files and progress."""

    def __init__(self, settings: Mapping[str, Any], trainer: Any) -> None:
        self._settings = settings
        self._trainer = trainer
        self._work = Path(settings["work"])
        self._out = self._work / "out"
        self._validation = list(read_rows(Path(settings["validation"]))) if settings["validation"] else []
        self._step = Step("train", {}, {}, {}, self._work, self._work, self._work / "progress.jsonl", 1)
        self._interrupted = False
        self._save_after_validation = False
        self._steps_per_epoch = 1
        self._stopped: TrainingEnd = "epochs"
        self._history = History()
        self._best = BestCheckpoint(settings["kept_by"])
        self._clock = Clock()
        self._count_tokens()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Restore the history from the checkpoint, and make up for a validation that was due at its step."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._on_signal)
        if state.global_step:
            stored = read_json(self._out / f"checkpoint-{state.global_step}" / "history.json")
            self._history = History(**stored["history"])
            self._best = BestCheckpoint.from_state(stored["best"])
        batches = len(kwargs["train_dataloader"])
        self._steps_per_epoch = max(1, math.ceil(batches / int(args.gradient_accumulation_steps)))
        self._clock.restart()
        if state.global_step and self._is_epoch_end(state):
            self._validate(state, control, kwargs["model"])

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After each optimiser step: check the loss, record it, and report progress."""
        logs = kwargs["logs"]
        if "loss" not in logs:
            return
        loss, done = float(logs["loss"]), state.global_step
        if not math.isfinite(loss):
            raise self._not_finite(f"the loss is {loss} at step {done}")
        self._clock.tick(self._history)
        self._history.add_step(done, self._epoch(state), loss, logs["learning_rate"])
        last = self._last_step(state)
        self._progress(force=done == last, **self._history.progress(done, last, loss))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After an interrupt: save a checkpoint and stop. At the end of an epoch: save its weights if they will be
        averaged, and delay the checkpoint until after the validation, so that a resumed training does not repeat the
        validation."""
        average, step = self._average(), int(state.global_step)
        ends = self._is_epoch_end(state) or step >= state.max_steps
        if average is not None and ends and state.is_world_process_zero:
            save_epoch(kwargs["model"], average, step, [step_of(each) for each in checkpoints(self._out)])
        if self._is_interrupted() and state.global_step < state.max_steps:
            self._stopped = "interrupted"
            control.should_save = control.should_training_stop = True
        elif self._validation and ends:
            self._save_after_validation = control.should_save
            control.should_save = False

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Validate; the last epoch may be partial if max_steps ends the training. Pause with a checkpoint after
        pause_after_epochs."""
        if self._stopped != "interrupted":
            self._validate(state, control, kwargs["model"])
            control.should_save = control.should_save or self._save_after_validation
            self._save_after_validation = False
            if self._stopped == "epochs" and state.global_step == self._last_step(state) < state.max_steps:
                self._stopped = "paused"
                control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After the trainer wrote a checkpoint: add the history and mark the checkpoint as complete."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if not state.is_world_process_zero:
            return
        folder = self._out / f"checkpoint-{state.global_step}"
        best = best_name(self._best.step) if self._best.step and is_selected(self._settings["kept_by"]) else None
        write_json(folder / "history.json", {"history": asdict(self._history), "best": self._best.state()})
        mark(folder, self._settings["fingerprint"], best)
        keep_newest(self._out, self._settings["fingerprint"], self._settings["keep"], best)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Load the best weights before axolotl saves the model, and write the report."""
        self._clock.tick(self._history)
        model = kwargs["model"]
        if self._stopped == "epochs" and state.global_step < self._steps_of_all_epochs():
            self._stopped = "max_steps"
        kept_by = self._settings["kept_by"]
        average = self._average()
        if self._stopped != "interrupted":
            if is_selected(kept_by):
                load_best(model, self._out, self._best.step)
            elif average is not None:
                if torch.distributed.is_initialized():
                    torch.distributed.barrier()
                load_average(model, average, int(state.global_step))
        if not state.is_world_process_zero:
            return
        report = self._history.report(
            steps=state.global_step,
            epochs=round(state.global_step / self._steps_per_epoch, 4),
            kept_step=self._best.step if is_selected(kept_by) else state.global_step,
            kept_by=kept_by,
            parameters=count_parameters(model),
            stopped=self._stopped,
            averaged_steps=None if average is None else average.steps(int(state.global_step)),
        )
        device = next(model.parameters()).device
        write_json(
            self._work / OUTCOME,
            {
                "report": report,
                "max_steps": state.max_steps,
                "seconds": self._history.seconds,
                "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
                "peak_gpu_memory": torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None,
            },
        )

    def _validate(self, state: Any, control: Any, model: Any) -> None:
        """Compute the mean loss over the trained tokens of the validation rows, and the scores of the answers to them.
        Save the weights if they are the best, and stop if patience is exhausted."""
        if not self._validation or self._history.is_validated(state.global_step):
            return
        self._clock.tick(self._history)
        was_training = model.training
        model.eval()
        at = {"epoch": self._epoch(state), "step": int(state.global_step)}
        batch_size = self._trainer.args.per_device_train_batch_size
        with torch.no_grad(), self._trainer.compute_loss_context_manager():
            loss = mean_loss(model, self._validation, batch_size, self._settings["pad"])
            if not math.isfinite(loss):
                raise self._not_finite(f"the validation loss is {loss} after step {state.global_step}")
            scores = self._answer(model, at)
        model.train(was_training)
        self._history.validation.append(at | {"loss": rounded_loss(loss)} | scores)
        self._trainer.log(
            {"validation_loss": rounded_loss(loss), **{f"validation_{name}": scores[name] for name in scores}}
        )
        self._progress(force=True, **validation_progress(at["step"], self._last_step(state), loss))
        is_best = self._best.consider(at["step"], loss, scores)
        if is_best and is_selected(self._settings["kept_by"]) and state.is_world_process_zero:
            save_best(model, self._out, at["step"])
        self._clock.tick(self._history)
        patience = self._settings["patience"]
        exhausted = patience is not None and self._best.validations_since >= patience
        if exhausted and state.global_step < state.max_steps:
            self._stopped = "early_stopping"
            control.should_training_stop = True

    def _answer(self, model: Any, at: Mapping[str, int]) -> dict[str, float]:
        """Answer validation rows; returns the scores, and adds the samples to the history."""
        answers, kept_by = self._settings["answers"], self._settings["kept_by"]
        if answers is None:
            return {}
        rows = self._validation[: count_answered(len(self._validation), answers, kept_by)]
        generated = answer_rows(model, rows, answers["max_new_tokens"], self._settings["ends"], self._settings["pad"])
        scores, samples = score_answers(
            generated,
            [(row["id"], row["target"]) for row in rows],
            load_tokenizer(Path(self._settings["tokenizer"])),
            answers,
            kept_by,
            at,
            lambda message: self._progress(force=True, message=message),
        )
        self._history.samples += samples
        return scores

    def _average(self) -> EpochAverage | None:
        """The files with the weights of epochs; None if they are not averaged."""
        count = self._settings["average"]
        if count is None:
            return None
        return EpochAverage(self._out, self._settings["fingerprint"], int(count), self._steps_per_epoch)

    def _count_tokens(self) -> None:
        """Count the tokens of each batch when the trainer trains on it. Counting in the data loader would include
        batches that are only prefetched."""
        inner = self._trainer.training_step

        def step(model: Any, inputs: Any, *args: Any, **more: Any) -> Any:
            counts = torch.stack([inputs["attention_mask"].sum(), (inputs["labels"] != IGNORE).sum()])
            if torch.distributed.is_initialized():
                torch.distributed.all_reduce(counts)
            self._history.tokens += int(counts[0])
            self._history.trained_tokens += int(counts[1])
            return inner(model, inputs, *args, **more)

        self._trainer.training_step = step

    def _on_signal(self, _signal: int, _frame: object) -> None:
        self._interrupted = True

    def _is_interrupted(self) -> bool:
        """Whether any process was interrupted. All processes must stop after the same step."""
        if not torch.distributed.is_initialized():
            return self._interrupted
        interrupted = torch.tensor([int(self._interrupted)], device=self._trainer.args.device)
        torch.distributed.all_reduce(interrupted)
        return bool(interrupted.item())

    def _steps_of_all_epochs(self) -> int:
        """Steps of all epochs of the request, without the limit of max_steps."""
        return self._steps_per_epoch * int(self._settings["epochs"])

    def _last_step(self, state: Any) -> int:
        """The step after which the training ends or pauses."""
        pause = self._settings["pause_after_epochs"]
        steps = int(state.max_steps)
        return steps if pause is None else min(steps, self._steps_per_epoch * int(pause))

    def _is_epoch_end(self, state: Any) -> bool:
        return int(state.global_step) % self._steps_per_epoch == 0

    def _epoch(self, state: Any) -> int:
        return max(1, math.ceil(int(state.global_step) / self._steps_per_epoch))

    def _progress(self, **values: Any) -> None:
        if self._trainer.is_world_process_zero():
            self._step.progress(**values)

    def _not_finite(self, what: str) -> StepFailed:
        saved = checkpoints(self._out)
        return not_finite(what, step_of(saved[0]) if saved else None)
