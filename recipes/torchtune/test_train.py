"""Trainings of tiny models: their outputs, exact resumes, and unsupported requests."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM

from recipes.common.encode import load_tokenizer, prompt_ids
from recipes.common.protocol import Interrupted, Step, StepFailed
from recipes.testing import (
    GRADIENT,
    SOAK,
    check_token_mean_gradient,
    soak,
    validation_loss,
    validations,
    write_request,
    write_uneven_rows,
)
from recipes.testing import read_report as report
from recipes.torchtune import activations, train
from recipes.torchtune.conftest import FAMILIES, Start
from recipes.torchtune.data import Noise
from recipes.torchtune.lora_layers import dense, quantise
from recipes.torchtune.recipe import weighted_loss

ROOT = Path(__file__).resolve().parents[2]
Trained = Callable[..., Step]


def adapter(step: Step) -> bytes:
    return (step.output / "adapter" / "adapter_model.safetensors").read_bytes()


def weights(step: Step) -> bytes:
    (file,) = step.output.rglob("*.safetensors")
    return file.read_bytes()


def failure(step: Step) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        train.run(step)
    return caught.value


CELLS = [
    ("llama", "lora"), ("llama", "qdora"), ("qwen2.5", "dora"), ("qwen2.5", "full"), ("qwen3", "lora"),
    ("qwen3", "full"), ("qwen3-untied", "dora"), ("qwen3-untied", "qlora"), ("qwen3-untied", "full"),
    ("llama3.1", "lora"), ("mistral", "qlora"), ("phi3", "qdora"), ("phi3", "full"), ("smollm3", "dora"),
    ("gemma3", "lora"), ("gemma3", "full"), ("gemma3-images", "qlora"), ("gemma3-images", "full"),
]  # fmt: skip
"""Pairs that cover every family and method; `EXP_SOAK=1` runs all pairs."""
if SOAK:
    CELLS = [(model, method) for model in FAMILIES for method in ("lora", "dora", "qlora", "qdora", "full")]


def tuned(step: Step, folder: Path) -> Any:
    """The trained model, loaded by transformers and peft alone, on the precision that it was trained on."""
    full = step.params["method"] == "full"
    base: Any = AutoModelForCausalLM.from_pretrained(
        str(step.output / "model" if full else folder), dtype=torch.float32
    )
    if full:
        return base.eval()
    if step.params["method"] in ("qlora", "qdora"):
        with torch.no_grad():
            for name, weight in base.named_parameters():
                if "_proj." in name and weight.dim() == 2 and "vision" not in name:
                    weight.copy_(dense(quantise(weight), torch.float32))
    return PeftModel.from_pretrained(base, str(step.output / "adapter")).eval()


@pytest.mark.parametrize(("model", "method"), CELLS)
def test_training_reduces_the_loss_and_peft_computes_the_same(
    trained: Trained, models: dict[str, Path], model: str, method: str
) -> None:
    rate = 0.002 if method == "full" else 0.01
    step = trained(model, method=method, epochs=4, keep="last", learning_rate=rate, rslora=model == "qwen3")
    result = report(step)
    losses = [entry["loss"] for entry in result["loss"]]
    assert result["steps"] == len(losses) == 20 and result["stopped"] == "epochs" and result["epochs"] == 4
    assert sum(losses[-3:]) < 0.85 * sum(losses[:3])
    assert [entry["step"] for entry in result["validation"]] == [5, 10, 15, 20]
    assert result["validation"][-1]["loss"] < result["validation"][0]["loss"]
    assert validations(step) == [(entry["step"], entry["loss"]) for entry in result["validation"]]
    reloaded = tuned(step, models[model])
    assert validation_loss(reloaded, step) == pytest.approx(result["validation"][-1]["loss"], abs=1e-4)
    assert not set(result) & {"seconds", "tokens_per_second"}
    assert {"seconds_training", "tokens_per_second", "device", "torch", "precision"} <= set(step.evidence)
    written = "".join(file.read_text() for file in step.output.rglob("*.json"))
    assert str(step.work.parent.parent) not in written and str(models[model]) not in written
    if method == "full":
        assert (
            not (step.output / "adapter").exists()
            and result["parameters"]["total"] == result["parameters"]["trainable"]
        )
        return
    config = json.loads((step.output / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny/model" and config["use_rslora"] is (model == "qwen3")


def test_a_step_of_several_batches_follows_the_mean_over_its_tokens(start: Start) -> None:
    step = start("qwen3", **GRADIENT, overrides={"optimizer.eps": 1000.0})
    write_uneven_rows(step.inputs["train"])
    train.run(step)
    check_token_mean_gradient(step)


@pytest.mark.parametrize("model", ["qwen3", "gemma3"])
def test_noise_is_added_to_the_embeddings_of_training_rows(start: Start, model: str) -> None:
    """gemma3 scales its embeddings; the noise is added to what its layers read, as in transformers."""
    step = start(model, **GRADIENT, overrides={"optimizer.eps": 1000.0}, neftune_alpha=40.0)
    write_uneven_rows(step.inputs["train"])
    train.run(step)
    width = json.loads((step.local_paths["model"] / "config.json").read_text())["hidden_size"]
    noise = Noise(40.0, width, seed=step.params["seed"])
    check_token_mean_gradient(step, lambda row, length: noise.of(0, row, length))
    with pytest.raises(AssertionError):
        check_token_mean_gradient(step)


def test_validation_has_no_noise(trained: Trained, models: dict[str, Path]) -> None:
    step = trained("llama", neftune_alpha=40.0, epochs=1)
    assert adapter(step) != adapter(trained("llama", name="plain", epochs=1))
    reloaded = tuned(step, models["llama"])
    assert validation_loss(reloaded, step) == pytest.approx(report(step)["validation"][-1]["loss"], abs=1e-4)


def test_equal_requests_give_equal_bytes_and_another_seed_does_not(trained: Trained) -> None:
    first, again, other = trained("qwen3", name="a"), trained("qwen3", name="b"), trained("qwen3", name="c", seed=8)
    assert adapter(first) == adapter(again) != adapter(other)
    assert report(first) == report(again)


RESUMES = [
    ("qwen3", "lora", 1), ("qwen3", "lora", 5), ("qwen3", "dora", 7), ("qwen3", "full", 5), ("qwen3", "qlora", 7),
    ("phi3", "dora", 5), ("smollm3", "lora", 7), ("gemma3-images", "full", 5),
]  # fmt: skip
if SOAK:
    RESUMES = [
        (model, method, at)
        for model in FAMILIES
        for method in ("lora", "dora", "qlora", "qdora", "full")
        for at in (1, 5, 7, 10)
    ]


@pytest.mark.parametrize(("model", "method", "stop_at"), RESUMES)
def test_an_interrupted_training_resumes_to_the_same_bytes(
    trained: Trained, start: Start, model: str, method: str, stop_at: int
) -> None:
    more: dict[str, Any] = {"method": method, "dropout": 0.1, "keep": {"best": "samples_f1"}, "epochs": 2}
    more["neftune_alpha"] = 5.0 if stop_at == 7 else None
    whole = trained(model, name="whole", **more)
    with pytest.raises(Interrupted):
        train.run(start(model, name="cut", stop_at=stop_at, **more))
    resumed = trained(model, name="cut", **more)
    assert resumed.evidence["resumed_from_step"] == stop_at
    assert weights(resumed) == weights(whole)
    assert report(resumed) == report(whole)


@pytest.mark.parametrize("keep", ["last", {"best": "samples_f1"}] if SOAK else [{"best": "samples_f1"}])
def test_a_paused_training_continues_to_the_same_bytes(trained: Trained, keep: Any) -> None:
    more: dict[str, Any] = {"dropout": 0.1, "keep": keep, "epochs": 3, "rows": 16, "checkpoint": CHECKPOINT}
    first = trained("qwen3", name="1", pause_after_epochs=1, **more)
    result = report(first)
    assert (result["stopped"], result["epochs"], len(result["validation"])) == ("paused", 1, 1)
    paused = trained("qwen3", name="2", pause_after_epochs=2, earlier="1", **more)
    last = trained("qwen3", name="3", earlier="2", **more)
    whole = trained("qwen3", name="whole", **more)
    assert [step.evidence["resumed_from_step"] for step in (first, paused, last, whole)] == [None, 2, 4, None]
    assert weights(first) != weights(whole) == weights(last)
    assert report(last) == report(whole)
    # A repeated pause gives the same weights, with and without the earlier checkpoint.
    again = trained("qwen3", name="1", pause_after_epochs=1, earlier="gone", **more)
    assert (weights(again), report(again)) == (weights(first), result)
    assert weights(trained("qwen3", name="4", pause_after_epochs=2, earlier="gone", **more)) == weights(paused)


@pytest.mark.parametrize("method", ["dora", "full"])
def test_the_mean_of_the_last_epochs_is_kept(trained: Trained, method: str) -> None:
    """The weights of single epochs are those of trainings that pause. The rate falls over all epochs."""
    more: dict[str, Any] = {"method": method, "epochs": 3, "rows": 16, "checkpoint": CHECKPOINT}
    paused = trained("qwen3", name="1", pause_after_epochs=2, **more)
    singles = [paused, trained("qwen3", name="2", earlier="1", **more)]
    step = trained("qwen3", name="average", keep={"average": 2}, **more)
    found, *each = ({**load_file(next(one.output.rglob("*.safetensors")))} for one in (step, *singles))
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, (each[0][name] + each[1][name]) / 2, rtol=1e-6, atol=1e-8)
    assert weights(step) != weights(singles[1])
    result = report(step)
    assert (result["kept_by"], result["kept_step"], result["averaged_steps"]) == ("average", 6, [4, 6])
    assert "averaged_steps" not in report(singles[1])


@pytest.mark.parametrize("stop_at", [4, 7])
def test_an_interrupted_or_paused_average_resumes_to_the_same_bytes(
    trained: Trained, start: Start, stop_at: int
) -> None:
    """Step 4 ends an epoch; after step 7 the checkpoint is within one. There are no validation rows."""
    more: dict[str, Any] = {"keep": {"average": 3}, "epochs": 4, "rows": 16, "dropout": 0.1}

    def without_validation(step: Step) -> Step:
        step.inputs["validation"].write_text("")
        train.run(step)
        return step

    whole = without_validation(start("llama", name="whole", **more))
    with pytest.raises(Interrupted):
        without_validation(start("llama", name="cut", stop_at=stop_at, **more))
    resumed = without_validation(start("llama", name="cut", **more))
    assert weights(resumed) == weights(whole) and report(resumed) == report(whole)
    paused = without_validation(start("llama", name="1", pause_after_epochs=stop_at // 2, **more))
    assert report(paused)["averaged_steps"] == list(range(2, 2 * (stop_at // 2) + 1, 2))
    last = without_validation(start("llama", name="2", earlier="1", **more))
    assert weights(last) == weights(whole) and report(last) == report(whole)


def test_max_steps_cuts_the_last_averaged_epoch(trained: Trained) -> None:
    result = report(trained("llama", keep={"average": 2}, epochs=4, max_steps=7, report_to=[]))
    assert (result["averaged_steps"], result["stopped"]) == ([5, 7], "max_steps")


CHECKPOINT = {"every_steps": 100, "keep": 1}
"""Only a pause writes a checkpoint."""


def test_a_truncated_checkpoint_is_ignored(trained: Trained, start: Start) -> None:
    whole = trained("llama", name="whole")
    with pytest.raises(Interrupted):
        train.run(start("llama", name="cut", stop_at=7))
    saved = sorted((start("llama", name="cut").work / "checkpoints").iterdir())
    assert [file.name for file in saved] == ["step-00000006.pt", "step-00000007.pt"]
    saved[-1].write_bytes(saved[-1].read_bytes()[:-500])
    resumed = trained("llama", name="cut")
    assert resumed.evidence["resumed_from_step"] == 6
    assert adapter(resumed) == adapter(whole)


def test_a_checkpoint_that_cannot_be_written_fails_the_step(start: Start) -> None:
    step = start("llama")
    step.work.mkdir()
    (step.work / "checkpoints").write_text("not a folder")
    assert failure(step).code == "checkpoint"


def test_a_checkpoint_of_another_request_is_ignored(trained: Trained, start: Start) -> None:
    with pytest.raises(Interrupted):
        train.run(start("llama", name="cut", stop_at=4))
    assert trained("llama", name="cut", learning_rate=0.02).evidence["resumed_from_step"] is None


def test_learning_rates_follow_the_schedule(trained: Trained) -> None:
    cosine = report(trained("llama", epochs=4))["loss"]
    rates = [entry["learning_rate"] for entry in cosine]
    assert rates[0] == 0 and rates[2] == pytest.approx(0.01) and rates[-1] < 0.001
    assert sorted(rates[2:], reverse=True) == rates[2:]
    flat = report(trained("llama", name="flat", schedule="constant", warmup_ratio=0))["loss"]
    assert {entry["learning_rate"] for entry in flat} == {0.01}
    line = report(trained("llama", name="line", schedule="linear", warmup_ratio=0))["loss"]
    assert [entry["learning_rate"] for entry in line] == pytest.approx([0.01 * (10 - i) / 10 for i in range(10)])


def test_max_steps_ends_the_training_and_shortens_the_schedule(trained: Trained) -> None:
    step = trained("llama", max_steps=3)
    result = report(step)
    assert (result["steps"], result["stopped"], result["epochs"]) == (3, "max_steps", 0.6)
    assert result["loss"][-1]["learning_rate"] < 0.01 and len(result["validation"]) == 1


def test_fewer_rows_than_a_batch_still_train(trained: Trained) -> None:
    result = report(trained("llama", rows=3, batch_size=8, gradient_accumulation=8))
    assert result["steps"] == 2 and result["trained_tokens"] > 0


def test_the_weights_of_the_best_epoch_are_kept(trained: Trained, models: dict[str, Path]) -> None:
    step = trained("qwen3", rows=8, learning_rate=0.05, schedule="constant", epochs=20, keep={"best": "loss"})
    result = report(step)
    best = min(result["validation"], key=lambda entry: entry["loss"])
    assert result["kept_step"] == best["step"] != result["steps"]
    base = AutoModelForCausalLM.from_pretrained(str(models["qwen3"]), dtype=torch.float32)
    through_peft = PeftModel.from_pretrained(base, str(step.output / "adapter")).eval()
    assert validation_loss(through_peft, step) == pytest.approx(best["loss"], rel=1e-4)


def test_early_stopping_ends_after_patience_is_exhausted(trained: Trained) -> None:
    more: dict[str, Any] = {"learning_rate": 0.05, "schedule": "constant", "early_stopping": {"patience": 1}}
    result = report(trained("qwen3", rows=8, epochs=30, keep={"best": "loss"}, **more))
    losses = [entry["loss"] for entry in result["validation"]]
    assert result["stopped"] == "early_stopping" and result["steps"] < 30
    assert losses[-1] > losses[-2] == min(losses)


def test_only_the_last_layers_have_adapters(trained: Trained) -> None:
    step = trained("qwen3", layers={"last": 1}, targets=["q_proj", "down_proj"])
    names = load_file(step.output / "adapter" / "adapter_model.safetensors")
    assert {name.split(".")[4] for name in names} == {"1"}
    assert {name.split(".")[6] for name in names} == {"q_proj", "down_proj"}


def test_adapters_and_optimiser_state_stay_fp32_in_bf16(trained: Trained) -> None:
    exact = report(trained("llama", name="exact"))
    step = trained("llama", name="half", precision="bf16")
    result = report(step)
    assert step.evidence["precision"] == "bf16"
    assert {tensor.dtype for tensor in load_file(step.output / "adapter" / "adapter_model.safetensors").values()} == {
        torch.float32
    }
    state = torch.load(step.work / "checkpoints" / "step-00000009.pt", weights_only=True)
    assert {entry["exp_avg"].dtype for entry in state["optimizer"]["state"].values()} == {torch.float32}
    for half, full in zip(result["loss"], exact["loss"], strict=True):
        assert half["loss"] == pytest.approx(full["loss"], rel=0.05)


def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_the_checkpoint(start: Start) -> None:
    step = start("llama", learning_rate=1e20, clip_grad_norm=1e30, warmup_ratio=0.4)
    step.params["checkpoint"] = {"every_steps": 1, "keep": 1}
    caught = failure(step)
    assert caught.code == "loss-not-finite" and re.search(r"step \d+ is kept", caught.message)
    assert not (step.output / "adapter").exists()


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("row-too-long", {"max_length": 20}),
        ("max-length", {"max_length": 100_000}),
        ("no-step", {"max_steps": 0}),
        ("no-step", {"epochs": 0}),
        ("capability", {"precision": "fp16"}),
        ("capability", {"method": "prefix"}),
        ("capability", {"keep": {"best": "bleu"}}),
        ("capability", {"method": "qlora", "gpus": 2}),
        ("capability", {"gradient_accumulation": 3, "gpus": 2}),
        ("capability", {"optimizer": "lion"}),
        ("bad-layers", {"layers": {"last": 3}}),
        ("unsupported-target", {"targets": ["lm_head"]}),
        ("unknown-override", {"overrides": {"optimizer": {"epsilon": 1e-6}}}),
        ("unknown-override", {"overrides": {"batch_size": 2}}),
        ("unknown-override", {"overrides": {"lr_scheduler.num_cycles": 2}, "schedule": "constant"}),
    ],
)
def test_an_unsupported_request_fails_with_its_code(start: Start, code: str, params: dict[str, Any]) -> None:
    assert failure(start("llama", **params)).code == code


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_does_not_fall_back_to_the_cpu(start: Start) -> None:
    assert failure(start("llama", overrides={"device": "cuda"})).code == "no-device"


def test_missing_training_and_validation_rows_fail(start: Start) -> None:
    assert failure(start("llama", rows=0)).code == "no-step"
    for more in ({"keep": {"best": "loss"}}, {"keep": {"best": "micro_f1"}}, {"samples": {"rows": 1}}):
        step = start("llama", **more)
        step.inputs["validation"].write_text("")
        assert failure(step).code == "no-validation"


def test_overrides_reach_the_optimiser(trained: Trained) -> None:
    plain = trained("llama", name="plain")
    nested = trained("llama", name="nested", overrides={"optimizer": {"betas": [0.5, 0.9]}})
    dotted = trained("llama", name="dotted", overrides={"optimizer.betas": [0.5, 0.9]})
    assert adapter(nested) == adapter(dotted) != adapter(plain)
    assert json.loads((nested.work / "config.json").read_text())["optimizer"]["betas"] == [0.5, 0.9]


def test_activation_checkpointing_gives_the_same_weights(trained: Trained) -> None:
    plain = trained("qwen3", name="plain")
    checkpointed = trained("qwen3", name="checkpointed", overrides={"enable_activation_checkpointing": True})
    assert adapter(plain) == adapter(checkpointed)


def test_short_memory_recomputes_activations_and_gives_the_same_weights(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(train._StepMonitor, "show", lambda _monitor, line: lines.append(line))
    plain = trained("qwen3", name="plain", dropout=0.1)
    assert lines == []
    monkeypatch.setattr(activations, "available_memory", lambda: 10_000)
    short = trained("qwen3", name="short", dropout=0.1)
    assert adapter(plain) == adapter(short)
    assert len(lines) == 1
    assert re.search(r"need 0\.0 GB and 0\.0 GB are free: they are recomputed in the backward pass", lines[0])


def test_saved_bytes_are_those_of_the_backward_pass_alone() -> None:
    layer = torch.nn.Linear(8, 4, bias=False)
    value = torch.ones(5, 8)
    state = torch.random.get_rng_state()
    saved = activations.saved_bytes(layer, lambda: torch.nn.functional.dropout(layer(value), 0.5).relu().sum())
    assert torch.equal(state, torch.random.get_rng_state())
    # The input of the product, the mask of the dropout, and the output of relu.
    mask = 5 * 4 * torch.empty(0, dtype=torch.bool).element_size()
    assert saved in {4 * (5 * 8 + 5 * 4) + mask, 4 * (5 * 8 + 2 * 5 * 4)}


def test_a_score_of_answers_selects_the_weights_and_samples_are_reported(start: Start, models: dict[str, Path]) -> None:
    more: dict[str, Any] = {"keep": {"best": "micro_f1"}, "samples": {"rows": 2, "every": "epoch"}}
    step = start("qwen3", rows=6, epochs=40, learning_rate=0.02, report_to=["tensorboard"], **more)
    step.inputs["validation"].write_bytes(step.inputs["train"].read_bytes())
    train.run(step)
    result = report(step)
    scores = [entry["micro_f1"] for entry in result["validation"]]
    assert result["kept_by"] == "micro_f1" and max(scores) > 0.2
    best = max(result["validation"], key=lambda entry: (entry["micro_f1"], -entry["loss"]))
    assert result["kept_step"] == best["step"]
    assert len(result["samples"]) == 2 * len(result["validation"])
    shown = [json.loads(line).get("message") for line in step.progress_path.read_text().splitlines()]
    assert f"epoch 1, case 0: {result['samples'][0]['answer']}" in shown
    # The saved model gives the same answer through transformers as during training.
    tokenizer = load_tokenizer(models["qwen3"])
    row = json.loads(step.inputs["validation"].read_text().splitlines()[0])
    ids = torch.tensor([prompt_ids(tokenizer, row["messages"], thinking=False)])
    with torch.no_grad():
        out = tuned(step, models["qwen3"]).generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
        )
    answer = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    assert answer == next(each["answer"] for each in result["samples"] if each["step"] == best["step"])
    curves = EventAccumulator(str(step.output / "tensorboard")).Reload()
    assert [point.step for point in curves.Scalars("train/loss")] == [entry["step"] for entry in result["loss"]]
    assert [point.value for point in curves.Scalars("validation/micro_f1")] == pytest.approx(scores)


def test_full_fine_tuning_in_bf16_keeps_fp32_weights_until_it_saves(trained: Trained, models: dict[str, Path]) -> None:
    exact = report(trained("qwen3", name="exact", method="full", learning_rate=1e-3))
    step = trained("qwen3", name="half", method="full", learning_rate=1e-3, precision="bf16")
    for half, full in zip(report(step)["loss"], exact["loss"], strict=True):
        assert half["loss"] == pytest.approx(full["loss"], rel=0.02)
    state = torch.load(step.work / "checkpoints" / "step-00000009.pt", weights_only=True)
    assert {tensor.dtype for tensor in state["weights"].values()} == {torch.float32}
    saved = load_file(step.output / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.bfloat16}
    assert saved.keys() == load_file(models["qwen3"] / "model.safetensors").keys()
    assert json.loads((step.output / "model" / "config.json").read_text())["dtype"] == "bfloat16"
    assert load_tokenizer(step.output / "model").chat_template == load_tokenizer(models["qwen3"]).chat_template


def test_two_processes_train_the_same_weights_as_one(trained: Trained, start: Start) -> None:
    more: dict[str, Any] = {"method": "dora", "keep": {"best": "micro_f1"}, "gradient_accumulation": 4}
    one = trained("qwen3-untied", name="one", **more)
    if SOAK:
        with pytest.raises(Interrupted):
            train.run(start("qwen3-untied", name="two", gpus=2, stop_at=2, **more))
    two = trained("qwen3-untied", name="two", gpus=2, **more)
    assert two.evidence["processes"] == 2 and two.evidence["resumed_from_step"] == (2 if SOAK else None)
    for mine, other in zip(report(two)["loss"], report(one)["loss"], strict=True):
        assert mine == pytest.approx(other, rel=1e-4)
    assert report(two)["validation"] == [pytest.approx(entry, rel=1e-4) for entry in report(one)["validation"]]
    assert report(two)["trained_tokens"] == report(one)["trained_tokens"]
    other_weights = load_file(one.output / "adapter" / "adapter_model.safetensors")
    for name, tensor in load_file(two.output / "adapter" / "adapter_model.safetensors").items():
        torch.testing.assert_close(tensor, other_weights[name], atol=2e-3, rtol=1e-2)


@soak
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", ["lora", "dora", "full"])
@pytest.mark.parametrize("model", ["qwen3", "phi3", "gemma3-images"])
def test_two_processes_train_every_method_and_precision(
    trained: Trained, model: str, method: str, precision: str
) -> None:
    more: dict[str, Any] = {"method": method, "precision": precision, "learning_rate": 1e-3}
    one, two = trained(model, name="one", **more), trained(model, name="two", gpus=2, **more)
    for mine, other in zip(report(two)["loss"], report(one)["loss"], strict=True):
        assert mine == pytest.approx(other, rel=1e-4 if precision == "fp32" else 1e-2)
    assert {file.name for file in two.output.rglob("*")} == {file.name for file in one.output.rglob("*")}


@soak
def test_a_killed_worker_ends_the_training(start: Start) -> None:
    step = start("llama", name="lost", gpus=2, epochs=400)
    request = write_request(step)
    command = [sys.executable, "-m", "recipes.torchtune.train", str(request)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None and not step.progress_path.exists():
        time.sleep(0.05)
    others = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    (other,) = [pid for pid in others if "--rank" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(int(other), signal.SIGKILL)
    child.wait(timeout=120)
    result = json.loads((request.parent / "result.json").read_text())
    assert result["status"] == "failed" and result["code"] == "process-lost"


def test_a_missing_reporter_package_fails_before_training(start: Start) -> None:
    caught = failure(start("llama", report_to=["mlflow" if find_spec("mlflow") is None else "wandb"]))
    assert caught.code == "reporter-missing" and "pip install" in str(caught.help)


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])
def test_reporters_write_offline_files(trained: Trained, name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    step = trained("llama", name="artifacts", report_to=[name], epochs=1)
    files = [file for file in (step.output / name).rglob("*") if file.is_file()]
    assert files and not any(file.is_symlink() for file in files)
    assert [(entry["tracker"], entry["run"]) for entry in step.evidence["trackers"]] == [(name, "train-work")]


def test_a_signal_interrupts_the_process_and_a_rerun_resumes(trained: Trained, start: Start) -> None:
    more: dict[str, Any] = {"epochs": 200, "max_steps": 400, "gradient_accumulation": 1}
    step = start("llama", name="process", **more)
    request = write_request(step)
    command = [sys.executable, "-m", "recipes.torchtune.train", str(request)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while child.poll() is None and not step.progress_path.exists():
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, log = child.communicate(timeout=60)
    result = json.loads((request.parent / "result.json").read_text())
    assert result["status"] == "interrupted", log.decode()
    resumed = trained("llama", name="process", **more)
    assert resumed.evidence["resumed_from_step"] >= 1
    assert adapter(resumed) == adapter(trained("llama", name="whole", **more))


def test_tune_run_accepts_the_same_config(trained: Trained) -> None:
    step = trained("qwen2.5", epochs=1)
    for old in (step.work / "checkpoints").iterdir():
        old.unlink()
    tune = Path(sys.executable).with_name("tune")
    command = [str(tune), "run", "recipes/torchtune/recipe.py", "--config", str(step.work / "config.json")]
    env = {"PATH": str(tune.parent), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (step.work / "adapter" / "adapter_model.safetensors").read_bytes() == adapter(step)


def test_thirteen_rows_at_four_by_three_take_two_steps_an_epoch(trained: Trained) -> None:
    step = trained("llama", rows=13, batch_size=4, gradient_accumulation=3, epochs=2)
    result = report(step)
    assert (result["steps"], result["epochs"]) == (4, 2)
    assert all(math.isfinite(entry["loss"]) for entry in result["loss"])


def reweighted(step: Step, change: Callable[[int, dict[str, Any]], list[dict[str, Any]]]) -> Step:
    """The step with other training rows: `change` gives the rows in place of a row."""
    file = step.inputs["train"]
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    step.inputs["train"] = file.with_name(f"train-{step.output.parent.name}.jsonl")
    changed = [other for at, row in enumerate(rows) for other in change(at, row)]
    step.inputs["train"].write_text("".join(json.dumps(row) + "\n" for row in changed))
    train.run(step)
    return step


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_weight_counts_as_that_many_rows(start: Start, accumulation: int) -> None:
    """Weight 0 leaves a row out of the loss, and weight 2 doubles its gradient. A step has all rows, in batches that
    differ between the trainings, so that the results differ by rounding alone."""
    more = {"rows": 6, "batch_size": 9 // accumulation, "gradient_accumulation": accumulation, "epochs": 3}

    def tensors(name: str, change: Callable[[int, dict[str, Any]], list[dict[str, Any]]]) -> dict[str, Any]:
        step = reweighted(start("qwen3", name=name, **more, overrides={"optimizer.eps": 1.0}), change)
        return dict(load_file(step.output / "adapter" / "adapter_model.safetensors"))

    weights = {0: 0.0, 1: 2.0}
    weighted = tensors("weighted", lambda at, row: [{**row, "weight": weights.get(at, 1.0)}])
    repeated = tensors("repeated", lambda at, row: [row] * int(weights.get(at, 1.0)))
    scaled = tensors("scaled", lambda at, row: [{**row, "weight": 4 * weights.get(at, 1.0)}])
    plain = tensors("plain", lambda _, row: [row])
    for name, tensor in weighted.items():
        # The optimiser divides by 1 plus a root of squares, so that the adapters are linear in the gradients.
        torch.testing.assert_close(tensor, repeated[name], rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(tensor, scaled[name], rtol=1e-4, atol=1e-7)
    assert max(float((weighted[name] - plain[name]).abs().max()) for name in weighted) > 1e-5


def test_the_weighted_loss_is_the_mean_of_weighted_losses() -> None:
    logits, labels = torch.randn(1, 5, 7), torch.tensor([[0, 6, 3, 2, 1]])
    weights = torch.tensor([0.0, 1.0, 2.0, 0.5, 1.5])
    each = torch.nn.functional.cross_entropy(logits[0], labels[0], reduction="none")
    wanted = (each * weights).mean()
    torch.testing.assert_close(weighted_loss(logits, labels, weights), wanted)
    torch.testing.assert_close(weighted_loss(list(torch.split(logits, [2, 3], 1)), labels, weights), wanted)
