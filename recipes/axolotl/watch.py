"""Follows axolotl's training from inside: progress, validation, which weights are the best, when to stop."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from recipes.axolotl.answers import answer_rows, mean_loss
from recipes.axolotl.best import best_name, count_parameters, put_best, save_best
from recipes.axolotl.checkpoints import checkpoints, keep_newest, mark, step_of
from recipes.axolotl.data import read_encoded
from recipes.common.answered import asked_rows, score_answers
from recipes.common.choice import Choice
from recipes.common.encode import IGNORE, load_tokenizer
from recipes.common.history import Clock, History, not_finite
from recipes.common.protocol import Step, StepFailed, write_json

OUTCOME = "outcome.json"


class Watch(TrainerCallback):
    """One training. With several processes each has one; the first writes."""

    def __init__(self, own: Mapping[str, Any], trainer: Any) -> None:
        self._own = own
        self._trainer = trainer
        self._work = Path(own["work"])
        self._out = self._work / "out"
        self._validation = read_encoded(Path(own["validation"])) if own["validation"] else []
        self._step = Step("train", {}, {}, {}, self._work, self._work, self._work / "progress.jsonl", 1)
        self._asked_to_stop = False
        self._save_later = False
        self._steps_per_epoch = 1
        self._stopped = "epochs"
        self._history = History()
        self._choice = Choice(own["best"])
        self._clock = Clock()
        self._count_tokens()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up what the checkpoint remembers; a validation that it was too early for is made up for."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._ask_to_stop)
        if state.global_step:
            known = json.loads((self._out / f"checkpoint-{state.global_step}" / "history.json").read_text())
            self._history, self._choice = History(**known["history"]), Choice.of(known["choice"])
        batches = len(kwargs["train_dataloader"])
        self._steps_per_epoch = max(1, math.ceil(batches / int(args.gradient_accumulation_steps)))
        self._clock.restart()
        if state.global_step and self._is_epoch_end(state):
            self._validate(state, control, kwargs["model"])

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After each optimiser step: refuse a broken loss, record, report."""
        logs = kwargs["logs"]
        if "loss" not in logs:
            return
        loss, done = float(logs["loss"]), state.global_step
        if not math.isfinite(loss):
            raise self._not_finite(f"the loss is {loss} at step {done}")
        history = self._history
        self._clock.tick(history)
        rate = logs["learning_rate"]
        history.loss.append({"step": done, "epoch": self._epoch(state), "loss": round(loss, 6), "learning_rate": rate})
        self._say(
            force=done == self._goal(state),
            done=done,
            total=self._goal(state),
            unit="steps",
            loss=round(loss, 4),
            tokens_per_second=round(history.speed, 1),
            seconds_left=round(history.seconds_left(done, self._goal(state)), 1),
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop where that was asked for, with a checkpoint to go on from. At the end of an epoch a checkpoint waits for
        the validation, so that it need not be made up for."""
        if self._should_stop() and state.global_step < state.max_steps:
            self._stopped = "interrupted"
            control.should_save = control.should_training_stop = True
        elif self._validation and (self._is_epoch_end(state) or state.global_step >= state.max_steps):
            self._save_later = control.should_save
            control.should_save = False

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Validate, also where max_steps ends in the middle of an epoch; pause where that is asked for, with a
        checkpoint to go on from."""
        if self._stopped != "interrupted":
            self._validate(state, control, kwargs["model"])
            control.should_save = control.should_save or self._save_later
            self._save_later = False
            if self._stopped == "epochs" and state.global_step == self._goal(state) < state.max_steps:
                self._stopped = "paused"
                control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The trainer has written a checkpoint: add what we remember, and say that it is whole."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if not state.is_world_process_zero:
            return
        folder = self._out / f"checkpoint-{state.global_step}"
        best = best_name(self._choice.step) if self._choice.step and self._own["best"] != "last" else None
        write_json(folder / "history.json", {"history": asdict(self._history), "choice": self._choice.state()})
        mark(folder, self._own["fingerprint"], best)
        keep_newest(self._out, self._own["fingerprint"], self._own["keep"], best)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the best weights in place before axolotl saves the model, and say how the training ended."""
        self._clock.tick(self._history)
        model = kwargs["model"]
        if self._stopped == "epochs" and state.global_step < self._epochs_steps():
            self._stopped = "max_steps"
        best = self._own["best"]
        if best != "last" and self._stopped != "interrupted":
            put_best(model, self._out, self._choice.step)
        if not state.is_world_process_zero:
            return
        report = self._history.report(
            steps=state.global_step,
            epochs=round(state.global_step / self._steps_per_epoch, 4),
            kept_step=state.global_step if best == "last" else self._choice.step,
            kept_by=best,
            parameters=count_parameters(model),
            stopped=self._stopped,
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
        """Mean loss over the trained tokens of the validation rows, and what they are answered; remembers the weights
        where they are the best."""
        if not self._validation or self._history.validated(state.global_step):
            return
        self._clock.tick(self._history)
        was_training = model.training
        model.eval()
        at = {"epoch": self._epoch(state), "step": int(state.global_step)}
        with torch.no_grad(), self._trainer.compute_loss_context_manager():
            loss = mean_loss(model, self._validation, self._trainer.args.per_device_train_batch_size, self._own["pad"])
            if not math.isfinite(loss):
                raise self._not_finite(f"the validation loss is {loss} after step {state.global_step}")
            scores = self._answer(model, at)
        model.train(was_training)
        self._history.validation.append(at | {"loss": round(loss, 6)} | scores)
        self._trainer.log(
            {"validation_loss": round(loss, 6), **{f"validation_{name}": scores[name] for name in scores}}
        )
        best = self._choice.consider(at["step"], loss, scores)
        if best and self._own["best"] != "last" and state.is_world_process_zero:
            save_best(model, self._out, at["step"])
        self._clock.tick(self._history)
        patience = self._own["patience"]
        if patience is not None and self._choice.worse >= patience and state.global_step < state.max_steps:
            self._stopped = "early_stopping"
            control.should_training_stop = True

    def _answer(self, model: Any, at: Mapping[str, int]) -> dict[str, float]:
        """Scores of the answers to the validation rows, where one chooses the best; keeps the samples."""
        asked, by = self._own["answers"], self._own["best"]
        if asked is None:
            return {}
        rows = self._validation[: asked_rows(len(self._validation), asked, by)]
        answers = answer_rows(model, rows, asked["max_new_tokens"], self._own["ends"], self._own["pad"])
        scores, samples = score_answers(
            answers,
            [(row["id"], row["target"]) for row in rows],
            load_tokenizer(Path(self._own["tokenizer"])),
            asked,
            by,
            at,
            lambda message: self._say(force=True, message=message),
        )
        self._history.samples += samples
        return scores

    def _count_tokens(self) -> None:
        """Counts each batch where the trainer takes it; a batch that is only fetched ahead is not trained."""
        inner = self._trainer.training_step

        def step(model: Any, inputs: Any, *args: Any, **more: Any) -> Any:
            counts = torch.stack([inputs["attention_mask"].sum(), (inputs["labels"] != IGNORE).sum()])
            if torch.distributed.is_initialized():
                torch.distributed.all_reduce(counts)
            self._history.tokens += int(counts[0])
            self._history.trained_tokens += int(counts[1])
            return inner(model, inputs, *args, **more)

        self._trainer.training_step = step

    def _ask_to_stop(self, _signal: int, _frame: object) -> None:
        self._asked_to_stop = True

    def _should_stop(self) -> bool:
        """Whether any of the processes was asked to stop: all must do it after the same step."""
        if not torch.distributed.is_initialized():
            return self._asked_to_stop
        asked = torch.tensor([int(self._asked_to_stop)], device=self._trainer.args.device)
        torch.distributed.all_reduce(asked)
        return bool(asked.item())

    def _epochs_steps(self) -> int:
        """Steps of all epochs that were asked for, whatever max_steps says."""
        return self._steps_per_epoch * int(self._own["epochs"])

    def _goal(self, state: Any) -> int:
        """The step after which the training ends, or pauses."""
        pause = self._own["pause_after_epochs"]
        most = int(state.max_steps)
        return most if pause is None else min(most, self._steps_per_epoch * int(pause))

    def _is_epoch_end(self, state: Any) -> bool:
        return int(state.global_step) % self._steps_per_epoch == 0

    def _epoch(self, state: Any) -> int:
        return max(1, math.ceil(int(state.global_step) / self._steps_per_epoch))

    def _say(self, **values: Any) -> None:
        if self._trainer.is_world_process_zero():
            self._step.progress(**values)

    def _not_finite(self, what: str) -> StepFailed:
        kept = checkpoints(self._out)
        return not_finite(what, step_of(kept[0]) if kept else None)
