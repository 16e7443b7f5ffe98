"""Trainings of tiny models by axolotl. Its start takes 15 seconds, so `npm test` runs the first tests and
`npm run soak` (EXP_SOAK=1) runs all."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from recipes.axolotl import train
from recipes.axolotl.config import Device
from recipes.axolotl.conftest import Start
from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import Step, StepFailed
from recipes.common.training.request import read_inputs
from recipes.steps import merge
from recipes.testing import (
    GRADIENT,
    check_token_mean_gradient,
    read_report,
    soak,
    validation_loss,
    validations,
    write_request,
    write_uneven_rows,
)
from recipes.testing import read_report as report
from recipes.transformers import generate

ROOT = Path(__file__).resolve().parents[2]


def adapter(step: Step) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = load_file(step.output / "adapter" / "adapter_model.safetensors")
    return tensors


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def launch(step: Step) -> subprocess.Popen[bytes]:
    """Start the recipe as the runner does: in a process group, with a pipe to stdin."""
    command = [sys.executable, "-m", "recipes.axolotl.train", str(write_request(step))]
    with (step.work.parent / "log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdin=subprocess.PIPE, stdout=log, stderr=log
        )


def steps_of(step: Step) -> Iterator[int]:
    """The optimiser steps that are reported, and 0 between reports."""
    seen = 0
    while True:
        lines = step.progress_path.read_text().splitlines() if step.progress_path.exists() else []
        for line in lines[seen:]:
            yield json.loads(line).get("done", 0)
        seen = len(lines)
        yield 0
        time.sleep(0.05)


def wait_for(step: Step, child: subprocess.Popen[bytes], at_least: int) -> None:
    for done in steps_of(step):
        assert child.poll() is None, (step.work.parent / "log").read_text()[-3000:]
        if done >= at_least:
            return


def alive(step: Step) -> list[str]:
    """Processes whose command line names the step's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(step.work.parent) in line:
            found.append(line)
    return found


def reload(step: Step) -> Any:
    """The trained model, loaded by transformers and peft."""
    if step.params["method"] == "full":
        return AutoModelForCausalLM.from_pretrained(step.output / "model", dtype=torch.float32)
    base = AutoModelForCausalLM.from_pretrained(step.local_paths["model"], dtype=torch.float32)
    return PeftModel.from_pretrained(base, step.output / "adapter")


def described(step: Step, folder: Path) -> Path:
    """model.json of the base, as the fetch step writes it."""
    model = step.local_paths["model"]
    names = select_files(path.name for path in model.iterdir())
    (folder / "output").mkdir(parents=True, exist_ok=True)
    path = folder / "model.json"
    path.write_text(json.dumps(describe_model("tiny/model", "0" * 40, model, names, lambda _: None)))
    return path


def check_merge(step: Step) -> None:
    """Check that the merged model equals the base with its adapter: by the merge step and by transformers alone."""
    folder = step.work.parent / "merging"
    merging = Step(
        name="merge",
        params={"method": step.params["method"], "thinking": False},
        inputs={
            "model": described(step, folder),
            "adapter": step.output / "adapter",
            "prompts": step.inputs["validation"],
        },
        local_paths=step.local_paths,
        output=folder / "output",
        work=folder,
        progress_path=folder / "progress.jsonl",
        cores=1,
    )
    merge.run(merging)
    result = json.loads((merging.output / "merge.json").read_text())
    assert result["equal"] and result["merged"]["relative"] < 1e-3 < result["adapter_effect"]["relative"]
    merged = AutoModelForCausalLM.from_pretrained(merging.output / "merged", dtype=torch.float32)
    assert validation_loss(merged, step) == pytest.approx(validation_loss(reload(step), step), rel=1e-4)


def answers(step: Step) -> list[str]:
    """The answers of the generate step to the validation rows with the trained weights."""
    folder = step.work.parent / "answers"
    model = step.local_paths["model"]
    kind = "weights" if step.params["method"] == "full" else "adapter"
    trained = step.output / ("model" if kind == "weights" else "adapter")
    params = {"max_new_tokens": 8, "temperature": 0, "precision": "fp32", "batch_size": 3, "thinking": False, "seed": 1}
    generation = Step(
        name="generate",
        params=params,
        inputs={"prompts": step.inputs["validation"], "model": described(step, folder), kind: trained},
        local_paths={"model": model},
        output=folder / "output",
        work=folder,
        progress_path=folder / "progress.jsonl",
        cores=1,
    )
    generate.run(generation)
    return [json.loads(line)["text"] for line in (folder / "output" / "responses.jsonl").read_text().splitlines()]


def check_training(step: Step) -> None:
    """Check a finished training: complete, equal through peft, and without local paths."""
    result = report(step)
    assert result["steps"] == 12 and result["stopped"] == "epochs"
    assert result["loss"][-1]["loss"] < result["loss"][0]["loss"]
    best = min(result["validation"], key=lambda entry: entry["loss"])
    assert result["kept_step"] == best["step"]
    assert validations(step) == [(entry["step"], entry["loss"]) for entry in result["validation"]]
    assert validation_loss(reload(step), step) == pytest.approx(best["loss"], rel=1e-3)
    sampled = [sample["answer"] for sample in result["samples"] if sample["step"] == result["kept_step"]]
    assert answers(step)[: len(sampled)] == sampled
    folder = step.output / ("model" if step.params["method"] == "full" else "adapter")
    files = list(folder.glob("*.json"))
    assert files
    for file in files:
        assert str(step.work.parent.parent) not in file.read_text() and "/models" not in file.read_text()


MORE: dict[str, Any] = {"keep": {"best": "loss"}, "samples": {"rows": 2}, "dropout": 0.1, "neftune_alpha": 5.0}


def test_a_killed_training_resumes_to_the_same_losses(trained: Start, start: Start) -> None:
    whole = trained(name="whole", **MORE)
    check_training(whole)
    check_merge(whole)
    assert whole.evidence["resumed_from_step"] is None and whole.evidence["device"] == "cpu"
    cut = start(name="cut", **MORE)
    child = launch(cut)
    wait_for(cut, child, 5)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not (cut.output / "adapter").exists()
    resumed = trained(name="cut", **MORE)
    assert resumed.evidence["resumed_from_step"] in (3, 6, 9)
    assert report(resumed)["loss"] == report(whole)["loss"]
    assert report(resumed) == report(whole)
    assert same(adapter(resumed), adapter(whole))


def test_a_step_of_several_batches_follows_the_mean_over_its_tokens(start: Start) -> None:
    step = start(**GRADIENT, overrides={"adam_epsilon": 1000.0})
    write_uneven_rows(step.inputs["train"])
    train.run(step)
    check_token_mean_gradient(step)


def test_full_fine_tuning_in_bf16_keeps_small_updates(trained: Start) -> None:
    """The optimiser changes fp32 weights, so that no update is lost. The output is in bf16."""
    step = trained(method="full", precision="bf16", learning_rate=2e-5, checkpoint={"every_steps": 1, "keep": 1})
    base = load_file(step.local_paths["model"] / "model.safetensors")
    saved = next((step.work / "axolotl" / "out").glob("checkpoint-*"))
    state = load_file(saved / "model.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    moved = sum(int((state[name] != base[name]).sum()) for name in state)
    assert moved > 0.9 * sum(tensor.numel() for tensor in state.values())
    written = load_file(step.output / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.bfloat16}
    assert json.loads((step.output / "model" / "config.json").read_text())["dtype"] == "bfloat16"
    assert AutoModelForCausalLM.from_pretrained(step.output / "model").dtype == torch.bfloat16


SCALES_ON_THE_CPU = """
import accelerate.accelerator, torch

# accelerate ignores fp16 on a CPU. torch has what it needs.
init = accelerate.accelerator.Accelerator.__init__

def with_scaler(self, *args, **kwargs):
    init(self, *args, **kwargs)
    if self.state.mixed_precision == "fp16":
        self.native_amp = True
        self.scaler = torch.amp.GradScaler("cpu", 2.0**16, growth_interval=2)

accelerate.accelerator.Accelerator.__init__ = with_scaler
"""


@soak
def test_a_resumed_fp16_training_continues_with_the_scale_of_its_gradients(
    trained: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a T4, with the products of the CPU: fp16 base, fp32 adapter, scaled gradients."""
    (tmp_path / "sitecustomize.py").write_text(SCALES_ON_THE_CPU)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(train, "find_device", lambda _: Device("cuda", 1, (7, 5), "Tesla T4"))
    more: dict[str, Any] = {**MORE, "precision": "fp16", "checkpoint": {"every_steps": 1, "keep": 20}}
    whole = trained(name="whole", **more)
    saved = sorted((whole.work / "axolotl" / "out").glob("checkpoint-*"), key=lambda path: int(path.name[11:]))
    scales = [torch.load(folder / "scaler.pt", weights_only=True)["scale"] for folder in saved]
    assert len(set(scales)) > 2, scales
    assert {tensor.dtype for tensor in adapter(whole).values()} == {torch.float32}
    trained(name="paused", pause_after_epochs=1, **more)
    resumed = trained(name="resumed", earlier="paused", **more)
    assert resumed.evidence["resumed_from_step"] == report(whole)["steps"] // 2
    assert report(resumed)["loss"] == report(whole)["loss"]
    assert same(adapter(resumed), adapter(whole))


@soak
@pytest.mark.parametrize("model", ["tied", "untied"])
@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_every_method_on_every_model(trained: Start, start: Start, model: str, method: str) -> None:
    rate = 0.003 if method == "full" else 0.01
    whole = trained(model, name="whole", method=method, learning_rate=rate, **MORE)
    check_training(whole)
    if method != "full":
        check_merge(whole)
    cut = start(model, name="cut", method=method, learning_rate=rate, **MORE)
    child = launch(cut)
    wait_for(cut, child, 5)
    child.send_signal(signal.SIGTERM)
    child.wait(timeout=120)
    assert json.loads((cut.work.parent / "result.json").read_text())["status"] == "interrupted"
    assert alive(cut) == []
    resumed = trained(model, name="cut", method=method, learning_rate=rate, **MORE)
    assert resumed.evidence["resumed_from_step"] >= 5
    assert report(resumed) == report(whole)


@soak
@pytest.mark.parametrize(("method", "precision"), [("qlora", "bf16"), ("qdora", "fp32"), ("qdora", "bf16")])
def test_four_bit_bases_train(trained: Start, method: str, precision: str) -> None:
    result = report(trained(method=method, precision=precision))
    assert result["loss"][-1]["loss"] < result["loss"][0]["loss"]


@soak
def test_adapters_stay_fp32_in_bf16(trained: Start) -> None:
    exact, half = trained(name="exact"), trained(name="half", precision="bf16")
    out = half.work / "axolotl" / "out"
    state = load_file(next(out.glob("checkpoint-*")) / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    for one, other in zip(report(exact)["loss"], report(half)["loss"], strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=0.05)


@soak
def test_only_the_last_layers_have_adapters_with_rslora(trained: Start) -> None:
    step = trained(layers={"last": 1}, targets=["q_proj", "down_proj"], rslora=True)
    names = adapter(step)
    assert {name.split(".")[4] for name in names} == {"1"}
    assert {name.split(".")[6] for name in names} == {"q_proj", "down_proj"}
    config = json.loads((step.output / "adapter" / "adapter_config.json").read_text())
    assert config["use_rslora"] and config["layers_to_transform"] == [1]


@soak
def test_a_paused_training_continues_to_the_same_weights(trained: Start) -> None:
    more = MORE | {"epochs": 3, "rows": 11, "checkpoint": {"every_steps": 100, "keep": 1}}
    first = trained(name="1", pause_after_epochs=1, **more)
    assert (report(first)["stopped"], report(first)["epochs"]) == ("paused", 1)
    paused = trained(name="2", pause_after_epochs=2, earlier="1", **more)
    last = trained(name="3", earlier="2", **more)
    whole = trained(name="whole", **more)
    assert [step.evidence["resumed_from_step"] for step in (first, paused, last, whole)] == [None, 2, 4, None]
    assert same(adapter(last), adapter(whole)) and not same(adapter(first), adapter(whole))
    assert report(last) == report(whole)
    was = (adapter(first), report(first))
    shutil.rmtree(first.output)
    again = trained(name="1", pause_after_epochs=1, **more)
    assert same(adapter(again), was[0]) and report(again) == was[1]


@soak
def test_the_mean_of_the_last_epochs_survives_a_kill(trained: Start, start: Start) -> None:
    more: dict[str, Any] = {"keep": {"average": 2}, "epochs": 3, "dropout": 0.1, "checkpoint": CHECKPOINT}
    whole = trained(name="whole", **more)
    result = report(whole)
    assert result["averaged_steps"] == [12, 18] and result["kept_step"] == 18
    files = [next((whole.work / "axolotl" / "out").glob(f"epoch-*-{step:08d}.safetensors")) for step in (12, 18)]
    each = [{name.replace(".default", ""): tensor for name, tensor in load_file(file).items()} for file in files]
    for name, tensor in adapter(whole).items():
        torch.testing.assert_close(tensor, (each[0][name] + each[1][name]) / 2)
    assert any(not torch.equal(each[0][name], each[1][name]) for name in each[0])
    cut = start(name="cut", **more)
    child = launch(cut)
    wait_for(cut, child, 14)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    resumed = trained(name="cut", **more)
    assert resumed.evidence["resumed_from_step"] in (12, 15)
    assert same(adapter(resumed), adapter(whole)) and report(resumed) == result
    trained(name="paused", pause_after_epochs=1, **more)
    assert same(adapter(trained(name="last", earlier="paused", **more)), adapter(whole))


CHECKPOINT = {"every_steps": 3, "keep": 2}


@soak
def test_early_stopping_keeps_the_weights_of_the_best_score(trained: Start) -> None:
    more: dict[str, Any] = {"learning_rate": 0.05, "schedule": "constant", "early_stopping": {"patience": 1}}
    step = trained(rows=8, epochs=30, keep={"best": "micro_f1"}, **more)
    result = report(step)
    assert result["stopped"] == "early_stopping" and result["steps"] < 30
    best = max(result["validation"], key=lambda entry: (entry["micro_f1"], -entry["loss"]))
    assert result["kept_step"] == best["step"] and result["kept_by"] == "micro_f1"
    assert validation_loss(reload(step), step) == pytest.approx(best["loss"], rel=1e-3)


@soak
def test_fewer_rows_than_a_batch_train_and_max_steps_ends(trained: Start) -> None:
    few = report(trained(name="few", rows=3, batch_size=8, gradient_accumulation=8))
    assert few["steps"] == 2 and few["trained_tokens"] > 0
    short = report(trained(name="short", max_steps=3))
    assert (short["steps"], short["stopped"]) == (3, "max_steps") and len(short["validation"]) == 1


@soak
def test_a_loss_that_is_not_finite_ends_the_training(start: Start) -> None:
    step = start(learning_rate=1e20, clip_grad_norm=1e30, epochs=6)
    with pytest.raises(StepFailed) as caught:
        train.run(step)
    assert caught.value.code == "loss-not-finite" and not (step.output / "adapter").exists()


@soak
def test_a_key_that_the_installed_axolotl_lacks_ends_the_training(start: Start, tmp_path: Path) -> None:
    """The plugin checks the keys of the installed axolotl, not the committed list."""
    step = start()
    work = step.work / "axolotl"
    config, device = train.prepare(step, read_inputs(step), work)
    (work / "config.yaml").write_text(yaml.safe_dump(config | {"lora_rank": 4}))
    assert train.launch(step, work, config, device) != [0]
    assert json.loads((work / "failure-0.json").read_text())["code"] == "unknown-key"


@soak
def test_reporters_write_local_files(trained: Start) -> None:
    step = trained(name="artifacts", report_to=["tensorboard", "wandb", "mlflow", "trackio"])
    live = step.work / "axolotl" / "reports" / "tensorboard"
    assert list(live.rglob("events.out.tfevents.*"))
    assert [path.name for path in (step.output / "tensorboard").iterdir()] == ["events.out.tfevents.0"]
    assert list((step.output / "wandb").glob("offline-run-*/*.wandb"))
    assert list((step.output / "mlflow").rglob("metrics/*loss*"))
    name = f"train-{step.work.name[:12]}"
    tensorboard, wandb, mlflow, trackio = step.evidence["trackers"]
    assert tensorboard == {"tracker": "tensorboard"} and trackio == {"tracker": "trackio", "run": name}
    assert (step.output / wandb["folder"]).is_dir() and wandb["run"] == name
    (tags,) = (step.output / "mlflow").glob(f"*/{mlflow['id']}/tags")
    assert (tags / "exp_key").read_text() == step.work.name and (tags / "mlflow.runName").read_text() == name
    rows = sqlite3.connect(step.output / "trackio" / "exp.db").execute("SELECT run_name, step, metrics FROM metrics")
    logged = [(run, at, json.loads(metrics)) for run, at, metrics in rows]
    report = read_report(step)
    losses = {at: values["loss"] for run, at, values in logged if run == name and "loss" in values}
    assert losses == {entry["step"]: pytest.approx(entry["loss"], abs=1e-4) for entry in report["loss"]}
    assert any("validation_loss" in values for _run, _at, values in logged)
    assert not [path for path in step.output.rglob("*") if path.is_symlink()]


@soak
def test_both_trainers_reach_the_same_loss(start: Start, tmp_path: Path) -> None:
    """From the same adapter and on the same batches (one for all rows), each loss agrees within 2 %."""
    python = Path(sys.prefix).parent / "torchtune" / "bin" / "python"
    if not python.exists():
        pytest.skip("the torchtune environment is not set up")
    more: dict[str, Any] = {
        **{"rows": 8, "batch_size": 8, "gradient_accumulation": 1, "epochs": 20, "schedule": "constant"},
        **{"warmup_ratio": 0.0, "learning_rate": 0.01},
    }

    def by_torchtune(name: str, **params: Any) -> Step:
        step = start(name=name, **(more | params))
        command = [str(python), "-m", "recipes.torchtune.train", str(write_request(step))]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
        return step

    # With a learning rate near zero the output is the initial adapter.
    first = by_torchtune("first", learning_rate=1e-30, weight_decay=0.0, max_steps=1).output / "adapter"
    tensors = load_file(first / "adapter_model.safetensors")
    assert max(float(tensor.abs().max()) for name, tensor in tensors.items() if "lora_B" in name) < 1e-20
    theirs = report(by_torchtune("torchtune"))["loss"]

    step = start(name="axolotl", **more)
    work = step.work / "axolotl"
    config, device = train.prepare(step, read_inputs(step), work)
    (work / "config.yaml").write_text(yaml.safe_dump(config | {"lora_model_dir": str(first)}))
    assert train.launch(step, work, config, device) == [0]
    ours = json.loads((work / "outcome.json").read_text())["report"]["loss"]
    assert len(ours) == len(theirs) == 20 and ours[-1]["loss"] < 0.7 * ours[0]["loss"]
    for one, other in zip(ours, theirs, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=0.02)
        assert one["learning_rate"] == pytest.approx(other["learning_rate"])


def test_thirteen_rows_at_four_by_three_take_two_steps_an_epoch(trained: Start) -> None:
    step = trained("tied", rows=13, batch_size=4, gradient_accumulation=3, epochs=2)
    result = report(step)
    assert (result["steps"], result["epochs"]) == (4, 2)
    assert all(math.isfinite(entry["loss"]) for entry in result["loss"])
