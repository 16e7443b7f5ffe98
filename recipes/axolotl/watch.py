"""Follows axolotl's training from inside: progress, validation, which weights are the best, when to stop."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from recipes.axolotl.answers import answer_rows, mean_loss
from recipes.axolotl.checkpoints import keep_newest, mark
from recipes.axolotl.data import read_encoded
from recipes.common.encode import IGNORE, load_tokenizer
from recipes.common.protocol import Step, StepFailed, write_json
from recipes.common.scoring import METRICS, labels_of

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
        self._history: dict[str, Any] = {
            **{"loss": [], "validation": [], "samples": [], "tokens": 0, "trained_tokens": 0, "seconds": 0.0},
            **{"best_score": None, "best_step": 0, "worse": 0},
        }
        self._clock = time.perf_counter()
        self._count_tokens()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up what the checkpoint remembers; a validation that it was too early for is made up for."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._ask_to_stop)
        if state.global_step:
            self._history = json.loads((self._out / f"checkpoint-{state.global_step}" / "history.json").read_text())
        batches = len(kwargs["train_dataloader"])
        self._steps_per_epoch = max(1, math.ceil(batches / int(args.gradient_accumulation_steps)))
        self._clock = time.perf_counter()
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
        self._tick()
        history = self._history
        entry = {
            "step": done,
            "epoch": self._epoch(state),
            "loss": round(loss, 6),
            "learning_rate": logs["learning_rate"],
        }
        history["loss"].append(entry)
        seconds = max(history["seconds"], 1e-9)
        self._say(
            force=done == self._goal(state),
            done=done,
            total=self._goal(state),
            unit="steps",
            loss=round(loss, 4),
            tokens_per_second=round(history["tokens"] / seconds, 1),
            seconds_left=round(seconds / done * (self._goal(state) - done), 1),
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
        best = self._best_file() if self._history["best_step"] and self._own["best"] != "last" else None
        write_json(folder / "history.json", self._history)
        mark(folder, self._own["fingerprint"], best)
        keep_newest(self._out, self._own["fingerprint"], self._own["keep"], best)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the best weights in place before axolotl saves the model, and say how the training ended."""
        self._tick()
        model = kwargs["model"]
        if self._stopped == "epochs" and state.global_step < self._epochs_steps():
            self._stopped = "max_steps"
        best = self._own["best"]
        if best != "last" and self._stopped != "interrupted":
            self._put(model, load_file(self._out / self._best_file()))
        if not state.is_world_process_zero:
            return
        history = {key: self._history[key] for key in ("loss", "validation", "samples", "tokens", "trained_tokens")}
        total = sum(_size(parameter) for parameter in model.parameters())
        report = history | {
            "steps": state.global_step,
            "epochs": round(state.global_step / self._steps_per_epoch, 4),
            "kept_step": state.global_step if best == "last" else self._history["best_step"],
            "kept_by": best,
            "parameters": {"total": total, "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad)},
            "stopped": self._stopped,
        }
        device = next(model.parameters()).device
        write_json(
            self._work / OUTCOME,
            {
                "report": report,
                "max_steps": state.max_steps,
                "seconds": self._history["seconds"],
                "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
                "peak_gpu_memory": torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None,
            },
        )

    def _validate(self, state: Any, control: Any, model: Any) -> None:
        """Mean loss over the trained tokens of the validation rows, and what they are answered; remembers the weights
        where they are the best."""
        if not self._validation or any(entry["step"] == state.global_step for entry in self._history["validation"]):
            return
        self._tick()
        was_training = model.training
        model.eval()
        with torch.no_grad(), self._trainer.compute_loss_context_manager():
            loss = mean_loss(model, self._validation, self._trainer.args.per_device_train_batch_size, self._own["pad"])
            if not math.isfinite(loss):
                raise self._not_finite(f"the validation loss is {loss} after step {state.global_step}")
            scores = self._answer(state, model)
        model.train(was_training)
        entry = {"epoch": self._epoch(state), "step": state.global_step, "loss": round(loss, 6)} | scores
        self._history["validation"].append(entry)
        self._trainer.log({f"validation_{name}": entry[name] for name in ("loss", *scores)})
        self._consider(state, loss, scores, model)
        self._tick()
        patience = self._own["patience"]
        if patience is not None and self._history["worse"] >= patience and state.global_step < state.max_steps:
            self._stopped = "early_stopping"
            control.should_training_stop = True

    def _answer(self, state: Any, model: Any) -> dict[str, float]:
        """Scores of what the model answers to the validation rows, where one chooses the best; keeps the samples."""
        asked = self._own["answers"]
        if asked is None:
            return {}
        scored = self._own["best"] in METRICS
        rows = self._validation if scored else self._validation[: asked["samples"]]
        answers = answer_rows(model, rows, asked["max_new_tokens"], self._own["ends"], self._own["pad"])
        tokenizer = load_tokenizer(Path(self._own["tokenizer"]))
        texts = [
            str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)) for ids in answers
        ]
        epoch = self._epoch(state)
        for row, text in zip(rows[: asked["samples"]], texts, strict=False):
            sample = {
                "epoch": epoch,
                "step": state.global_step,
                "id": row["id"],
                "answer": text,
                "target": row["target"],
            }
            self._history["samples"].append(sample)
            self._say(force=True, message=f"epoch {epoch}, {row['id']}: {text}")
        if not scored:
            return {}
        read = [
            (
                labels_of(row["target"], asked["separator"], asked["task"]),
                labels_of(text, asked["separator"], asked["task"]),
            )
            for row, text in zip(rows, texts, strict=True)
        ]
        scores = {name: round(metric(read), 6) for name, metric in METRICS.items()}
        self._say(
            force=True, message=f"epoch {epoch}: {self._own['best']} {scores[self._own['best']]:.3f} on validation"
        )
        return scores

    def _consider(self, state: Any, loss: float, scores: Mapping[str, float], model: Any) -> None:
        """The best has the lowest loss, or the highest score; where scores tie, the loss decides."""
        by, history = self._own["best"], self._history
        score = [scores.get(by, 0.0), -loss]
        if history["best_score"] is not None and score <= history["best_score"]:
            history["worse"] += 1
            return
        history |= {"best_score": score, "best_step": state.global_step, "worse": 0}
        if by != "last" and state.is_world_process_zero:
            weights = {name: p.detach().cpu().contiguous().clone() for name, p in _trained(model).items()}
            partial = self._out / "best.partial"
            save_file(weights, partial)
            partial.replace(self._out / self._best_file())

    @torch.no_grad()
    def _put(self, model: Any, weights: Mapping[str, torch.Tensor]) -> None:
        for name, parameter in _trained(model).items():
            parameter.copy_(weights[name])

    def _best_file(self) -> str:
        return f"best-{self._history['best_step']}.safetensors"

    def _count_tokens(self) -> None:
        """Counts each batch where the trainer takes it; a batch that is only fetched ahead is not trained."""
        inner = self._trainer.training_step

        def step(model: Any, inputs: Any, *args: Any, **more: Any) -> Any:
            counts = torch.stack([inputs["attention_mask"].sum(), (inputs["labels"] != IGNORE).sum()])
            if torch.distributed.is_initialized():
                torch.distributed.all_reduce(counts)
            self._history["tokens"] += int(counts[0])
            self._history["trained_tokens"] += int(counts[1])
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

    def _tick(self) -> None:
        now = time.perf_counter()
        self._history["seconds"] += now - self._clock
        self._clock = now

    def _not_finite(self, what: str) -> StepFailed:
        kept = sorted(int(folder.name.rpartition("-")[2]) for folder in self._out.glob("checkpoint-*"))
        where = f"The state of step {kept[-1]} is kept." if kept else "No earlier state was saved."
        return StepFailed("loss-not-finite", f"{what}. {where}", "Lower train.learning_rate, or use precision: fp32.")


def _trained(model: Any) -> dict[str, torch.nn.Parameter]:
    """Name -> trained parameter."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _size(parameter: torch.nn.Parameter) -> int:
    """Numbers in a parameter; a 4-bit one holds two in a byte."""
    return parameter.numel() * (2 if parameter.dtype == torch.uint8 else 1)
