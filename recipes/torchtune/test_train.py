"""Whole trainings on tiny models: what comes out, what a stop and a resume change (nothing), what is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from recipes.common.encode import IGNORE, encode_row, load_tokenizer
from recipes.common.protocol import Interrupted, Step, StepFailed
from recipes.torchtune import train
from recipes.torchtune.conftest import Start

ROOT = Path(__file__).resolve().parents[2]
Trained = Callable[..., Step]


def adapter(step: Step) -> bytes:
    return (step.output / "adapter" / "adapter_model.safetensors").read_bytes()


def report(step: Step) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((step.output / "train.json").read_text())
    return value


def failure(step: Step) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        train.run(step)
    return caught.value


@pytest.mark.parametrize("method", ["lora", "dora"])
@pytest.mark.parametrize("model", ["llama", "qwen2.5", "qwen3", "qwen3-untied"])
def test_it_learns_and_peft_sees_the_same(trained: Trained, models: dict[str, Path], model: str, method: str) -> None:
    step = trained(model, method=method, epochs=4, keep="last")
    told = report(step)
    losses = [entry["loss"] for entry in told["loss"]]
    assert told["steps"] == len(losses) == 20 and told["stopped"] == "epochs" and told["epochs"] == 4
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert [entry["step"] for entry in told["validation"]] == [5, 10, 15, 20]
    assert told["validation"][-1]["loss"] < told["validation"][0]["loss"]
    base = AutoModelForCausalLM.from_pretrained(str(models[model]), dtype=torch.float32)
    through_peft = PeftModel.from_pretrained(base, str(step.output / "adapter")).eval()
    assert validation_loss(through_peft, step) == pytest.approx(told["validation"][-1]["loss"], abs=1e-4)
    assert not set(told) & {"seconds", "tokens_per_second"}
    assert {"seconds_training", "tokens_per_second", "device", "torch", "precision"} <= set(step.evidence)
    text = (step.output / "adapter" / "adapter_config.json").read_text() + (step.output / "train.json").read_text()
    assert str(step.work.parent.parent) not in text and str(models[model]) not in text
    assert (
        json.loads((step.output / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
        == "tiny/model"
    )


def validation_loss(model: Any, step: Step) -> float:
    """Mean loss over the validation rows' answers, by transformers and peft alone."""
    tokenizer = load_tokenizer(step.places["model"])
    total, count = 0.0, 0
    for line in step.inputs["validation"].read_text().splitlines():
        ids, labels = encode_row(tokenizer, json.loads(line), thinking=False)
        with torch.no_grad():
            loss = float(model(torch.tensor([ids]), labels=torch.tensor([labels])).loss)
        tokens = sum(label != IGNORE for label in labels)
        total, count = total + loss * tokens, count + tokens
    return total / count


def test_the_same_request_gives_the_same_bytes_and_another_seed_others(trained: Trained) -> None:
    first, again, other = trained("qwen3", name="a"), trained("qwen3", name="b"), trained("qwen3", name="c", seed=8)
    assert adapter(first) == adapter(again) != adapter(other)
    assert report(first) == report(again)


@pytest.mark.parametrize("stop_at", [1, 5, 7])
@pytest.mark.parametrize("method", ["lora", "dora"])
def test_a_stopped_training_goes_on_to_the_same_bytes(
    trained: Trained, start: Start, stop_at: int, method: str
) -> None:
    more: dict[str, Any] = {"method": method, "dropout": 0.1, "keep": {"best": "loss"}, "epochs": 2}
    whole = trained("qwen3", name="whole", **more)
    with pytest.raises(Interrupted):
        train.run(start("qwen3", name="cut", stop_at=stop_at, **more))
    resumed = trained("qwen3", name="cut", **more)
    assert resumed.evidence["resumed_from_step"] == stop_at
    assert adapter(resumed) == adapter(whole)
    assert report(resumed) == report(whole)


def test_a_torn_checkpoint_is_left_aside(trained: Trained, start: Start) -> None:
    whole = trained("llama", name="whole")
    with pytest.raises(Interrupted):
        train.run(start("llama", name="cut", stop_at=7))
    saved = sorted((start("llama", name="cut").work / "checkpoints").iterdir())
    assert [file.name for file in saved] == ["step-00000006.pt", "step-00000007.pt"]
    saved[-1].write_bytes(saved[-1].read_bytes()[:-500])
    resumed = trained("llama", name="cut")
    assert resumed.evidence["resumed_from_step"] == 6
    assert adapter(resumed) == adapter(whole)


def test_a_checkpoint_that_cannot_be_written_is_said(start: Start) -> None:
    step = start("llama")
    step.work.mkdir()
    (step.work / "checkpoints").write_text("in the way")
    assert failure(step).code == "checkpoint"


def test_a_checkpoint_of_another_request_is_left_aside(trained: Trained, start: Start) -> None:
    with pytest.raises(Interrupted):
        train.run(start("llama", name="cut", stop_at=4))
    assert trained("llama", name="cut", learning_rate=0.02).evidence["resumed_from_step"] is None


def test_steps_and_rates_follow_the_schedule(trained: Trained) -> None:
    cosine = report(trained("llama", epochs=4))["loss"]
    rates = [entry["learning_rate"] for entry in cosine]
    assert rates[0] == 0 and rates[2] == pytest.approx(0.01) and rates[-1] < 0.001
    assert sorted(rates[2:], reverse=True) == rates[2:]
    flat = report(trained("llama", name="flat", schedule="constant", warmup_ratio=0))["loss"]
    assert {entry["learning_rate"] for entry in flat} == {0.01}
    line = report(trained("llama", name="line", schedule="linear", warmup_ratio=0))["loss"]
    assert [entry["learning_rate"] for entry in line] == pytest.approx([0.01 * (10 - i) / 10 for i in range(10)])


def test_max_steps_ends_and_shortens_the_schedule(trained: Trained) -> None:
    step = trained("llama", max_steps=3)
    told = report(step)
    assert (told["steps"], told["stopped"], told["epochs"]) == (3, "max_steps", 0.6)
    assert told["loss"][-1]["learning_rate"] < 0.01 and len(told["validation"]) == 1


def test_fewer_rows_than_a_batch_still_train(trained: Trained) -> None:
    told = report(trained("llama", rows=3, batch_size=8, gradient_accumulation=8))
    assert told["steps"] == 2 and told["trained_tokens"] > 0


def test_the_best_epoch_is_kept(trained: Trained, models: dict[str, Path]) -> None:
    step = trained("qwen3", rows=8, learning_rate=0.05, schedule="constant", epochs=12, keep={"best": "loss"})
    told = report(step)
    best = min(told["validation"], key=lambda entry: entry["loss"])
    assert told["kept_step"] == best["step"] != told["steps"]
    base = AutoModelForCausalLM.from_pretrained(str(models["qwen3"]), dtype=torch.float32)
    through_peft = PeftModel.from_pretrained(base, str(step.output / "adapter")).eval()
    assert validation_loss(through_peft, step) == pytest.approx(best["loss"], rel=1e-4)


def test_early_stopping(trained: Trained) -> None:
    more: dict[str, Any] = {"learning_rate": 0.05, "schedule": "constant", "early_stopping": {"patience": 1}}
    told = report(trained("qwen3", rows=8, epochs=30, keep={"best": "loss"}, **more))
    losses = [entry["loss"] for entry in told["validation"]]
    assert told["stopped"] == "early_stopping" and told["steps"] < 30
    assert losses[-1] > losses[-2] == min(losses)


def test_adapters_in_the_last_layers_only(trained: Trained) -> None:
    step = trained("qwen3", layers={"last": 1}, targets=["q_proj", "down_proj"])
    names = load_file(step.output / "adapter" / "adapter_model.safetensors")
    assert {name.split(".")[4] for name in names} == {"1"}
    assert {name.split(".")[6] for name in names} == {"q_proj", "down_proj"}


def test_in_bf16_adapters_and_their_gradients_stay_fp32(trained: Trained) -> None:
    exact = report(trained("llama", name="exact"))
    step = trained("llama", name="half", precision="bf16")
    told = report(step)
    assert step.evidence["precision"] == "bf16"
    assert {tensor.dtype for tensor in load_file(step.output / "adapter" / "adapter_model.safetensors").values()} == {
        torch.float32
    }
    state = torch.load(step.work / "checkpoints" / "step-00000009.pt", weights_only=True)
    assert {entry["exp_avg"].dtype for entry in state["optimizer"]["state"].values()} == {torch.float32}
    for half, full in zip(told["loss"], exact["loss"], strict=True):
        assert half["loss"] == pytest.approx(full["loss"], rel=0.05)


def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_the_last_state(start: Start) -> None:
    step = start("llama", learning_rate=1e20, clip_grad_norm=1e30, warmup_ratio=0.4)
    step.params["checkpoint"] = {"every_steps": 1, "keep": 1}
    caught = failure(step)
    assert caught.code == "loss-not-finite" and "The state of step" in caught.message
    assert not (step.output / "adapter").exists()


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("row-too-long", {"max_length": 20}),
        ("max-length", {"max_length": 100_000}),
        ("no-step", {"max_steps": 0}),
        ("no-step", {"epochs": 0}),
        ("capability", {"precision": "fp16"}),
        ("capability", {"method": "qlora"}),
        ("capability", {"keep": {"best": "micro_f1"}}),
        ("capability", {"optimizer": "lion"}),
        ("bad-layers", {"layers": {"last": 3}}),
        ("unsupported-target", {"targets": ["lm_head"]}),
        ("unknown-override", {"overrides": {"optimizer": {"epsilon": 1e-6}}}),
        ("unknown-override", {"overrides": {"batch_size": 2}}),
    ],
)
def test_what_cannot_be_done_is_said(start: Start, code: str, params: dict[str, Any]) -> None:
    assert failure(start("llama", **params)).code == code


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_an_absent_device_is_no_silent_cpu(start: Start) -> None:
    assert failure(start("llama", overrides={"device": "cuda"})).code == "no-device"


def test_no_rows_and_no_validation(start: Start) -> None:
    assert failure(start("llama", rows=0)).code == "no-step"
    step = start("llama", keep={"best": "loss"})
    step.inputs["validation"].write_text("")
    assert failure(step).code == "no-validation"


def test_overrides_reach_the_optimiser(trained: Trained) -> None:
    plain = trained("llama", name="plain")
    nested = trained("llama", name="nested", overrides={"optimizer": {"betas": [0.5, 0.9]}})
    dotted = trained("llama", name="dotted", overrides={"optimizer.betas": [0.5, 0.9]})
    assert adapter(nested) == adapter(dotted) != adapter(plain)
    assert json.loads((nested.work / "config.json").read_text())["optimizer"]["betas"] == [0.5, 0.9]


def test_activation_checkpointing_changes_nothing(trained: Trained) -> None:
    plain = trained("qwen3", name="plain")
    spared = trained("qwen3", name="spared", overrides={"enable_activation_checkpointing": True})
    assert adapter(plain) == adapter(spared)


def write_request(step: Step) -> Path:
    """The request that the runner would write."""
    folder = step.work.parent
    path = folder / "request.json"
    request = {
        "schema": 1,
        "step": "train",
        "params": step.params,
        "inputs": {name: str(path) for name, path in step.inputs.items()},
        "places": {name: str(path) for name, path in step.places.items()},
        "output": str(step.output),
        "work": str(step.work),
        "progress": str(step.progress_path),
        "result": str(folder / "result.json"),
        "cores": 1,
    }
    path.write_text(json.dumps(request))
    return path


def test_through_the_protocol_a_signal_stops_and_a_rerun_goes_on(trained: Trained, start: Start) -> None:
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


def test_tune_run_takes_the_same_config(trained: Trained) -> None:
    step = trained("qwen2.5", epochs=1)
    for old in (step.work / "checkpoints").iterdir():
        old.unlink()
    tune = Path(sys.executable).with_name("tune")
    command = [str(tune), "run", "recipes/torchtune/recipe.py", "--config", str(step.work / "config.json")]
    env = {"PATH": str(tune.parent), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (step.work / "adapter" / "adapter_model.safetensors").read_bytes() == adapter(step)
