"""The training step: `python -m recipes.axolotl.train REQUEST`. Writes adapter/ or model/, and train.json.

It encodes the rows, writes the configuration, and runs `python -m axolotl.cli.train` beside itself, one process a GPU,
in its own process group; `recipes.axolotl.plugin` in there reports back through files.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from recipes.axolotl.checkpoints import drop_from, keep_usable, take_over
from recipes.axolotl.config import (
    OWN_SECTION,
    Device,
    build_config,
    check_config,
    steps_per_epoch,
    total_steps,
)
from recipes.axolotl.data import check_prefixes, encode_file
from recipes.axolotl.weights import hand_over
from recipes.common.curves import curves_of, write_curves
from recipes.common.encode import end_token, load_tokenizer, pad_token
from recipes.common.nodes import Elsewhere, granted_nodes, meeting_place
from recipes.common.protocol import Interrupted, Step, StepFailed, main, write_json
from recipes.common.tensors import read_headers

ROOT = Path(__file__).resolve().parents[2]
_QUIET = {
    "AXOLOTL_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "WANDB_SILENT": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


_FREE = ("checkpoint", "gpus", "nodes", "report_to", "pause_after_epochs")
"""Parameters that a checkpoint does not depend on."""


def run(step: Step) -> dict[str, Any]:
    """Train as the request says; a rerun with the same work folder goes on where the last one stopped."""
    work = step.work / "axolotl"
    config, device = prepare(step, work)
    fingerprint = config[OWN_SECTION]["fingerprint"]
    expected = total_steps(step.params, _count_lines(step.inputs["train"]))
    if (pause := step.params.get("pause_after_epochs")) is not None:
        drop_from(work / "out", pause * steps_per_epoch(step.params, _count_lines(step.inputs["train"])))
    if (earlier := step.local_paths.get("earlier")) is not None:
        take_over(earlier / "axolotl" / "out", work / "out", fingerprint)
    resumed = keep_usable(work / "out", fingerprint)
    step.check_interrupt()
    step.progress(force=True, message="starting axolotl")
    started = time.monotonic()
    codes = launch(step, work, config, device)
    outcome = _outcome(step, work, codes)
    report = outcome["report"]
    short = report["steps"] < outcome["max_steps"] or (device.processes == 1 and report["steps"] < expected)
    if report["stopped"] not in ("early_stopping", "paused") and short:
        raise StepFailed("not-finished", f"axolotl ended after {report['steps']} of {expected} steps")
    hand_over(work / "out", step.output, step.params, _read_json(step.inputs["model"]), step.local_paths["model"])
    write_json(step.output / "train.json", report)
    _keep_reports(step, work, report)
    return {
        "device": outcome["device"],
        "processes": device.processes,
        **({"nodes": device.nodes} if device.nodes > 1 else {}),
        "precision": step.params["precision"],
        "seconds_training": round(outcome["seconds"], 3),
        "seconds_axolotl": round(time.monotonic() - started, 3),
        "tokens_per_second": round(report["tokens"] / max(outcome["seconds"], 1e-9), 1),
        "tokens": report["tokens"],
        "trained_tokens": report["trained_tokens"],
        "peak_memory": _peak_of_children(),
        "peak_gpu_memory": outcome["peak_gpu_memory"],
        "resumed_from_step": resumed,
    }


def prepare(step: Step, work: Path) -> tuple[dict[str, Any], Device]:
    """Encode the rows and write the configuration into the work folder."""
    model, params = step.local_paths["model"], step.params
    read_headers(model)
    shape = _read_json(model / "config.json")
    device = replace(find_device(params.get("gpus")), nodes=granted_nodes(params.get("nodes", 1)))
    (work / "out").mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(model)
    files = {"model": model, "train": work / "train.jsonl"}
    validation = step.inputs.get("validation")
    if validation is not None and _count_lines(validation):
        files["validation"] = work / "validation.jsonl"
    rows = _count_lines(step.inputs["train"])
    config = build_config(params, layers=shape["num_hidden_layers"], rows=rows, device=device, files=files, work=work)
    if params["max_length"] > shape.get("max_position_embeddings", params["max_length"]):
        raise StepFailed(
            "max-length",
            f"max_length {params['max_length']} exceeds the {shape['max_position_embeddings']} positions of the model",
            "Lower train.max_length.",
        )
    thinking = bool(params.get("thinking", False))
    digests = []
    for name in ("train", "validation"):
        if name in files:
            named = name == "validation"
            given = {"max_length": params["max_length"], "thinking": thinking, "named": named}
            digests.append(encode_file(tokenizer, step.inputs[name], files[name], **given))
    check_prefixes(tokenizer, step.inputs["train"], files["train"], thinking=thinking)
    ends = {end_token(tokenizer), tokenizer.eos_token_id} - {None}
    config[OWN_SECTION] |= {
        "ends": sorted(ends),
        "pad": pad_token(tokenizer),
        "tokenizer": str(model),
        "epochs": params["epochs"],
        "fingerprint": _fingerprint(params, digests, step.inputs["model"], device),
    }
    check_config(config)
    # PyYAML reads a JSON 1e-07 as a text; what it writes itself it also reads.
    partial = work / "config.yaml.partial"
    partial.write_text(yaml.safe_dump(config, sort_keys=True))
    partial.replace(work / "config.yaml")
    return config, device


def find_device(wanted: int | None) -> Device:
    """The GPUs that this process was granted, else the CPU. Fails where fewer are usable than were asked for."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted is not None and count < wanted:
        raise StepFailed(
            "no-device",
            f"{wanted} GPU{'s were' if wanted > 1 else ' was'} asked for, and {count} can be used",
            "See `exp doctor`; resources.gpus: 0 trains on the CPU.",
        )
    count = count if wanted is None else wanted
    if count == 0:
        return Device("cpu")
    weakest = min((torch.cuda.get_device_capability(i), torch.cuda.get_device_name(i)) for i in range(count))
    return Device("cuda", count, weakest[0], weakest[1])


def launch(step: Step, work: Path, config: Mapping[str, Any], device: Device) -> list[int]:
    """Run axolotl to its end, one process a device, and return their exit codes, that of all other nodes being one.
    Asked to stop, it asks them; where one of several fails, the others are ended."""
    for old in [*work.glob("failure-*.json"), work / "outcome.json", work / "progress.jsonl"]:
        old.unlink(missing_ok=True)
    for saved in (work / "out").glob("*.safetensors"):
        if not saved.name.startswith("best-"):
            saved.unlink()
    (work / "progress.jsonl").symlink_to(step.progress_path)
    module, arguments = "axolotl.cli.train", [str(work / "config.yaml")]
    environments = _environments(work, device, step.cores, config)
    children = [
        subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=work, env=env, stdin=subprocess.PIPE)
        for env in environments
    ]
    if device.nodes > 1:
        where = {"nodes": device.nodes, "per_node": device.count}
        children.append(Elsewhere(module, arguments, env=environments[0], gpus=device.kind == "cuda", **where))
    asked = False
    while any(child.poll() is None for child in children):
        if step.stopping and not asked:
            asked = True
            # One that was asked tells the others, also those on other nodes.
            for child in children[: device.count]:
                child.send_signal(signal.SIGTERM)
        if any(child.poll() not in (None, 0) for child in children) and len(children) > 1:
            time.sleep(2)
            for child in children:
                child.kill()
        time.sleep(0.1)
    return [child.wait() for child in children]


def _environments(work: Path, device: Device, cores: int, config: Mapping[str, Any]) -> list[dict[str, str]]:
    """The variables of each process of this node, as torchrun sets them; they are ours, so that none outlives us."""
    kept = {name: value for name, value in os.environ.items() if "COLAB_" not in name}
    wandb = {"WANDB_MODE": "offline", "WANDB_DIR": str(work / "reports")} if config.get("use_wandb") else {}
    (work / "reports").mkdir(exist_ok=True)
    shared = {
        **kept,
        **_QUIET,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": str(max(1, cores // device.count)),
        "HF_DATASETS_CACHE": str(work / "cache"),
        "TENSORBOARD_LOGGING_DIR": str(work / "reports" / "tensorboard"),
        **({"CUDA_VISIBLE_DEVICES": ""} if device.kind == "cpu" else {}),
        "WANDB_MODE": "disabled",
        **wandb,
        "EXP_WATCHED": "1",
    }
    if device.processes == 1:
        return [shared]
    address, port = meeting_place(device.nodes)
    group = {"WORLD_SIZE": str(device.processes), "MASTER_ADDR": address, "MASTER_PORT": str(port)}
    return [shared | group | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(device.count)]


def _outcome(step: Step, work: Path, codes: list[int]) -> dict[str, Any]:
    """What the plugin wrote at the end. Exit code 0 alone says nothing: an interrupted training has it too."""
    for failure in sorted(work.glob("failure-*.json")):
        said = _read_json(failure)
        raise StepFailed(said["code"], said["message"], said["help"])
    outcome = work / "outcome.json"
    if any(codes) or not outcome.is_file():
        if step.stopping:
            raise Interrupted
        code = next((code for code in codes if code), 0)
        if code == -signal.SIGKILL:
            raise StepFailed(
                "out-of-memory",
                "axolotl was killed, most often because memory ran out",
                "Halve train.batch_size and double train.gradient_accumulation.",
            )
        raise StepFailed("trainer-failed", f"axolotl ended with code {code} and no answer", "Its log says more.")
    told = _read_json(outcome)
    if told["report"]["stopped"] == "interrupted":
        raise Interrupted
    return told


def _keep_reports(step: Step, work: Path, report: Mapping[str, Any]) -> None:
    """What the reporters leave for the store: the curves of train.json, W&B's offline run, MLflow's files. The
    trainer's own TensorBoard file bears this machine's name, and W&B's links cannot be stored."""
    for name in step.params.get("report_to") or []:
        if name == "tensorboard":
            write_curves(step.output / name, curves_of(report["loss"], report["validation"]))
        else:
            shutil.copytree(
                work / "reports" / name,
                step.output / name,
                ignore=lambda folder, names: [each for each in names if Path(folder, each).is_symlink()],
                dirs_exist_ok=True,
            )


def _fingerprint(params: Mapping[str, Any], digests: list[str], model: Path, device: Device) -> str:
    """Digest of what a checkpoint depends on."""
    told = {key: value for key, value in params.items() if key not in _FREE}
    facts = [told, digests, hashlib.sha256(model.read_bytes()).hexdigest(), device.processes]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _peak_of_children() -> int:
    """Largest resident set of axolotl, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _count_lines(file: Path) -> int:
    with file.open(encoding="utf-8") as lines:
        return sum(1 for line in lines if line.strip())


def _read_json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


if __name__ == "__main__":
    main(run)
