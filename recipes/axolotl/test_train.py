"""Trainings by axolotl itself on tiny models. Each start takes it 15 seconds, so `npm test` runs the first tests and
`npm run soak` (EXP_SOAK=1) all."""

from __future__ import annotations

import json
import os
import shutil
import signal
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
from recipes.axolotl.conftest import Start
from recipes.common import merge
from recipes.common.encode import IGNORE, encode_row, load_tokenizer
from recipes.common.models import describe_model, select_files
from recipes.common.protocol import Step, StepFailed
from recipes.transformers import generate

ROOT = Path(__file__).resolve().parents[2]
soak = pytest.mark.skipif(not os.environ.get("EXP_SOAK"), reason="EXP_SOAK=1 runs it")


def report(step: Step) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((step.output / "train.json").read_text())
    return value


def adapter(step: Step) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = load_file(step.output / "adapter" / "adapter_model.safetensors")
    return tensors


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def request(step: Step) -> Path:
    """The request that the runner would write."""
    folder = step.work.parent
    path = folder / "request.json"
    written = {
        "schema": 1,
        "step": "train",
        "params": step.params,
        "inputs": {name: str(file) for name, file in step.inputs.items()},
        "local_paths": {name: str(file) for name, file in step.local_paths.items()},
        "output": str(step.output),
        "work": str(step.work),
        "progress": str(step.progress_path),
        "result": str(folder / "result.json"),
        "cores": 1,
    }
    path.write_text(json.dumps(written))
    return path


def begin(step: Step) -> subprocess.Popen[bytes]:
    """The recipe as the runner starts it: a group of its own, the runner's end of stdin."""
    command = [sys.executable, "-m", "recipes.axolotl.train", str(request(step))]
    with (step.work.parent / "log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdin=subprocess.PIPE, stdout=log, stderr=log
        )


def steps_of(step: Step) -> Iterator[int]:
    """Steps as they are reported, while the process lives."""
    told = 0
    while True:
        lines = step.progress_path.read_text().splitlines() if step.progress_path.exists() else []
        for line in lines[told:]:
            yield json.loads(line).get("done", 0)
        told = len(lines)
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


def validation_loss(model: Any, step: Step) -> float:
    """Mean loss over the validation rows' answers, by transformers and peft alone."""
    tokenizer = load_tokenizer(step.local_paths["model"])
    model.eval()
    total, count = 0.0, 0
    for line in step.inputs["validation"].read_text().splitlines():
        ids, labels = encode_row(tokenizer, json.loads(line), thinking=False)
        with torch.no_grad():
            loss = float(model(torch.tensor([ids]), labels=torch.tensor([labels])).loss)
        tokens = sum(label != IGNORE for label in labels)
        total, count = total + loss * tokens, count + tokens
    return total / count


def handed_over(step: Step) -> Any:
    """The trained model as any user of transformers and peft loads it."""
    if step.params["method"] == "full":
        return AutoModelForCausalLM.from_pretrained(step.output / "model", dtype=torch.float32)
    base = AutoModelForCausalLM.from_pretrained(step.local_paths["model"], dtype=torch.float32)
    return PeftModel.from_pretrained(base, step.output / "adapter")


def described(step: Step, folder: Path) -> Path:
    """The base as `fetch` would describe it."""
    model = step.local_paths["model"]
    names = select_files(path.name for path in model.iterdir())
    (folder / "output").mkdir(parents=True, exist_ok=True)
    path = folder / "model.json"
    path.write_text(json.dumps(describe_model("tiny/model", "0" * 40, model, names, lambda _: None)))
    return path


def check_merge(step: Step) -> None:
    """The merged model is the base with its adapter: by the step's own look, and by transformers alone."""
    folder = step.work.parent / "merging"
    joining = Step(
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
    merge.run(joining)
    told = json.loads((joining.output / "merge.json").read_text())
    assert told["equal"] and told["merged"]["relative"] < 1e-3 < told["adapter_effect"]["relative"]
    merged = AutoModelForCausalLM.from_pretrained(joining.output / "merged", dtype=torch.float32)
    assert validation_loss(merged, step) == pytest.approx(validation_loss(handed_over(step), step), rel=1e-4)


def answers(step: Step) -> list[str]:
    """What `generate` makes of the validation rows with the trained weights."""
    folder = step.work.parent / "answers"
    model = step.local_paths["model"]
    kind = "weights" if step.params["method"] == "full" else "adapter"
    trained = step.output / ("model" if kind == "weights" else "adapter")
    asked = {"max_new_tokens": 8, "temperature": 0, "precision": "fp32", "batch_size": 3, "thinking": False, "seed": 1}
    ask = Step(
        name="generate",
        params=asked,
        inputs={"prompts": step.inputs["validation"], "model": described(step, folder), kind: trained},
        local_paths={"model": model},
        output=folder / "output",
        work=folder,
        progress_path=folder / "progress.jsonl",
        cores=1,
    )
    generate.run(ask)
    return [json.loads(line)["text"] for line in (folder / "output" / "responses.jsonl").read_text().splitlines()]


def check_training(step: Step) -> None:
    """What every finished training must be: whole, equal through peft, and free of this machine's paths."""
    told = report(step)
    assert told["steps"] == 12 and told["stopped"] == "epochs"
    assert told["loss"][-1]["loss"] < told["loss"][0]["loss"]
    best = min(told["validation"], key=lambda entry: entry["loss"])
    assert told["kept_step"] == best["step"]
    assert validation_loss(handed_over(step), step) == pytest.approx(best["loss"], rel=1e-3)
    sampled = [sample["answer"] for sample in told["samples"] if sample["step"] == told["kept_step"]]
    assert answers(step)[: len(sampled)] == sampled
    folder = step.output / ("model" if step.params["method"] == "full" else "adapter")
    for file in folder.glob("*.json"):
        assert str(step.work.parent.parent) not in file.read_text() and "/models" not in file.read_text()


MORE: dict[str, Any] = {"keep": {"best": "loss"}, "samples": {"rows": 2}, "dropout": 0.1}


def test_a_killed_training_goes_on_to_the_same_losses(trained: Start, start: Start) -> None:
    whole = trained(name="whole", **MORE)
    check_training(whole)
    check_merge(whole)
    assert whole.evidence["resumed_from_step"] is None and whole.evidence["device"] == "cpu"
    cut = start(name="cut", **MORE)
    child = begin(cut)
    wait_for(cut, child, 5)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not (cut.output / "adapter").exists()
    resumed = trained(name="cut", **MORE)
    assert resumed.evidence["resumed_from_step"] in (3, 6, 9)
    assert report(resumed)["loss"] == report(whole)["loss"]
    assert report(resumed) == report(whole)
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
    child = begin(cut)
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
def test_four_bit(trained: Start, method: str, precision: str) -> None:
    told = report(trained(method=method, precision=precision))
    assert told["loss"][-1]["loss"] < told["loss"][0]["loss"]


@soak
def test_in_bf16_adapters_stay_fp32(trained: Start) -> None:
    exact, half = trained(name="exact"), trained(name="half", precision="bf16")
    out = half.work / "axolotl" / "out"
    state = load_file(next(out.glob("checkpoint-*")) / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    for one, other in zip(report(exact)["loss"], report(half)["loss"], strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=0.05)


@soak
def test_adapters_in_the_last_layers_only_with_rslora(trained: Start) -> None:
    step = trained(layers={"last": 1}, targets=["q_proj", "down_proj"], rslora=True)
    names = adapter(step)
    assert {name.split(".")[4] for name in names} == {"1"}
    assert {name.split(".")[6] for name in names} == {"q_proj", "down_proj"}
    config = json.loads((step.output / "adapter" / "adapter_config.json").read_text())
    assert config["use_rslora"] and config["layers_to_transform"] == [1]


@soak
def test_a_training_that_pauses_between_epochs_comes_to_what_one_in_one_go_does(trained: Start) -> None:
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
def test_early_stopping_and_the_best_by_a_score(trained: Start) -> None:
    more: dict[str, Any] = {"learning_rate": 0.05, "schedule": "constant", "early_stopping": {"patience": 1}}
    step = trained(rows=8, epochs=30, keep={"best": "micro_f1"}, **more)
    told = report(step)
    assert told["stopped"] == "early_stopping" and told["steps"] < 30
    best = max(told["validation"], key=lambda entry: (entry["micro_f1"], -entry["loss"]))
    assert told["kept_step"] == best["step"] and told["kept_by"] == "micro_f1"
    assert validation_loss(handed_over(step), step) == pytest.approx(best["loss"], rel=1e-3)


@soak
def test_fewer_rows_than_a_batch_and_max_steps(trained: Start) -> None:
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
def test_a_key_that_axolotl_drops_ends_the_training(start: Start, tmp_path: Path) -> None:
    """Even one that gets past the committed list: the plugin looks at the installed axolotl."""
    step = start()
    work = step.work / "axolotl"
    config, device = train.prepare(step, work)
    (work / "config.yaml").write_text(yaml.safe_dump(config | {"lora_rank": 4}))
    assert train.launch(step, work, config, device) != [0]
    assert json.loads((work / "failure-0.json").read_text())["code"] == "unknown-key"


@soak
def test_reporters_write_local_files(trained: Start) -> None:
    step = trained(report_to=["tensorboard", "wandb", "mlflow"])
    live = step.work / "axolotl" / "reports" / "tensorboard"
    assert list(live.rglob("events.out.tfevents.*"))
    assert [path.name for path in (step.output / "tensorboard").iterdir()] == ["events.out.tfevents.0"]
    assert list((step.output / "wandb").glob("offline-run-*/*.wandb"))
    assert list((step.output / "mlflow").rglob("metrics/*loss*"))
    assert not [path for path in step.output.rglob("*") if path.is_symlink()]


@soak
def test_both_trainers_reach_the_same_loss(start: Start, tmp_path: Path) -> None:
    """From the same adapter, on the same batches (all rows in one), step for step within 2 %."""
    python = Path(sys.prefix).parent / "torchtune" / "bin" / "python"
    if not python.exists():
        pytest.skip("the environment torchtune is not set up beside this one")
    more: dict[str, Any] = {
        **{"rows": 8, "batch_size": 8, "gradient_accumulation": 1, "epochs": 20, "schedule": "constant"},
        **{"warmup_ratio": 0.0, "learning_rate": 0.01},
    }

    def by_torchtune(name: str, **params: Any) -> Step:
        step = start(name=name, **(more | params))
        command = [str(python), "-m", "recipes.torchtune.train", str(request(step))]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
        return step

    # A training that learns next to nothing hands over the adapter that it began with.
    first = by_torchtune("first", learning_rate=1e-30, weight_decay=0.0, max_steps=1).output / "adapter"
    tensors = load_file(first / "adapter_model.safetensors")
    assert max(float(tensor.abs().max()) for name, tensor in tensors.items() if "lora_B" in name) < 1e-20
    theirs = report(by_torchtune("torchtune"))["loss"]

    step = start(name="axolotl", **more)
    work = step.work / "axolotl"
    config, device = train.prepare(step, work)
    (work / "config.yaml").write_text(yaml.safe_dump(config | {"lora_model_dir": str(first)}))
    assert train.launch(step, work, config, device) == [0]
    ours = json.loads((work / "outcome.json").read_text())["report"]["loss"]
    assert len(ours) == len(theirs) == 20 and ours[-1]["loss"] < 0.7 * ours[0]["loss"]
    for one, other in zip(ours, theirs, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=0.02)
        assert one["learning_rate"] == pytest.approx(other["learning_rate"])
