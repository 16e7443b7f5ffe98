"""The training step: `python -m recipes.axolotl.train REQUEST`. Writes adapter/ or model/, train.json, and the output
of the reporters.

It encodes the rows, writes the configuration, and starts `python -m axolotl.cli.train`, one process for each GPU, in
its own process group. `recipes.axolotl.plugin` runs in those processes and reports through files in the work folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from recipes.axolotl.checkpoints import adopt, remove_from, remove_unusable
from recipes.axolotl.config import PLUGIN_SECTION, Device, build_config, check_config
from recipes.axolotl.data import check_prefixes, encode_file
from recipes.axolotl.outputs import write_outputs
from recipes.common.adapters.targets import model_targets
from recipes.common.encode import end_token, load_tokenizer, pad_token
from recipes.common.files import read_json
from recipes.common.models.folder import decoder_section
from recipes.common.models.tensors import read_headers
from recipes.common.protocol import Interrupted, Step, StepFailed, main, write_json
from recipes.common.training.history import evidence
from recipes.common.training.nodes import RemoteProcesses, granted_nodes, group_address, group_environment
from recipes.common.training.reports import keep_reports
from recipes.common.training.request import (
    TrainingInputs,
    check_max_length,
    decoder_layers,
    read_inputs,
    steps_per_epoch,
    total_steps,
)
from recipes.common.training.trackers import link_of, mlflow_run, mlflow_uri, tracked_runs

ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {
    "AXOLOTL_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "WANDB_SILENT": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

_NOT_IN_FINGERPRINT = ("checkpoint", "gpus", "nodes", "report_to", "pause_after_epochs")
"""Parameters that do not change the weights. The number of processes does, and is in the fingerprint by itself."""


def run(step: Step) -> dict[str, Any]:
    """Train as the request says. Resumes from the newest checkpoint in the work folder; returns the evidence."""
    work = step.work / "axolotl"
    inputs = read_inputs(step)
    config, device = prepare(step, inputs, work)
    fingerprint = config[PLUGIN_SECTION]["fingerprint"]
    expected = total_steps(step.params, inputs.rows)
    if (pause := step.params.get("pause_after_epochs")) is not None:
        remove_from(work / "out", pause * steps_per_epoch(step.params, inputs.rows))
    if (earlier := step.local_paths.get("earlier")) is not None:
        adopt(earlier / "axolotl" / "out", work / "out", fingerprint)
    resumed = remove_unusable(work / "out", fingerprint)
    step.check_interrupt()
    step.progress(force=True, message="starting axolotl")
    started = time.monotonic()
    codes = launch(step, work, config, device)
    outcome = _read_outcome(step, work, codes)
    report = outcome["report"]
    short = report["steps"] < outcome["max_steps"] or (device.processes == 1 and report["steps"] < expected)
    if report["stopped"] not in ("early_stopping", "paused") and short:
        raise StepFailed("not-finished", f"axolotl ended after {report['steps']} of {expected} steps", _RERUN)
    write_outputs(work / "out", step.output, step.params, inputs, config.get("lora_target_modules", []))
    write_json(step.output / "train.json", report)
    keep_reports(step.params, work / "reports", step.output, report)
    return {
        **evidence(
            report,
            precision=step.params["precision"],
            device=outcome["device"],
            processes=device.processes,
            nodes=device.nodes,
            seconds=outcome["seconds"],
        ),
        "seconds_axolotl": round(time.monotonic() - started, 3),
        "peak_memory": _peak_memory_of_children(),
        "peak_gpu_memory": outcome["peak_gpu_memory"],
        "resumed_from_step": resumed,
        "trackers": tracked_runs(step),
    }


_RERUN = "See its log. A rerun resumes from the last checkpoint."


def prepare(step: Step, inputs: TrainingInputs, work: Path) -> tuple[dict[str, Any], Device]:
    """Write the encoded rows and the configuration into the work folder."""
    params = step.params
    read_headers(inputs.model)
    device = replace(find_device(params.get("gpus")), nodes=granted_nodes(params.get("nodes", 1)))
    (work / "out").mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(inputs.model)
    sources = {"train": inputs.train} | ({"validation": inputs.validation} if inputs.validation else {})
    files = {"model": inputs.model} | {name: work / f"{name}.jsonl" for name in sources}
    _check_parts(inputs.config)
    layers = decoder_layers(inputs.config)
    targets = [] if params["method"] == "full" else model_targets(inputs.model, params["targets"])
    config = build_config(
        params, layers=layers, targets=targets, rows=inputs.rows, device=device, files=files, work=work
    )
    positions = decoder_section(inputs.config).get("max_position_embeddings", params["max_length"])
    check_max_length(params["max_length"], positions)
    thinking = bool(params.get("thinking", False))
    digests = [
        encode_file(
            tokenizer,
            source,
            files[name],
            max_length=params["max_length"],
            thinking=thinking,
            with_ids=name == "validation",
        )
        for name, source in sources.items()
    ]
    check_prefixes(tokenizer, inputs.train, files["train"], thinking=thinking)
    ends = {end_token(tokenizer), tokenizer.eos_token_id} - {None}
    config[PLUGIN_SECTION] |= {
        "ends": sorted(ends),
        "pad": pad_token(tokenizer),
        "tokenizer": str(inputs.model),
        "epochs": params["epochs"],
        "fingerprint": _fingerprint(params, digests, step.inputs["model"], device),
    }
    check_config(config)
    # Not JSON: PyYAML reads the JSON number 1e-07 as a string.
    partial = work / "config.yaml.partial"
    partial.write_text(yaml.safe_dump(config, sort_keys=True))
    partial.replace(work / "config.yaml")
    return config, device


def _check_parts(config: Mapping[str, Any]) -> None:
    """Fail with `unsupported-model` for a model with other parts than a text decoder, unless transformers builds the
    decoder of its type alone: text_decoders.json lists these types. The loss of a whole model is no mean over tokens.
    """
    alone = json.loads(Path(__file__).with_name("text_decoders.json").read_text())
    if "text_config" in config and config.get("model_type") not in alone:
        raise StepFailed(
            "unsupported-model",
            f"axolotl cannot train a model of type {config.get('model_type')}, which reads more than text",
            "Use backend: torchtune, or a text-only model.",
        )


def find_device(requested: int | None) -> Device:
    """The GPUs that this process can use, else the CPU. Fails with `no-device` for fewer GPUs than requested."""
    import torch

    usable = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if requested is not None and usable < requested:
        raise StepFailed(
            "no-device",
            f"the training needs {requested} GPUs, but {usable} are usable",
            "Run `exp doctor`, or set resources.gpus: 0 to train on the CPU.",
        )
    count = usable if requested is None else requested
    if count == 0:
        return Device("cpu")
    weakest = min((torch.cuda.get_device_capability(i), torch.cuda.get_device_name(i)) for i in range(count))
    return Device("cuda", count, weakest[0], weakest[1])


def launch(step: Step, work: Path, config: Mapping[str, Any], device: Device) -> list[int]:
    """Run axolotl until all its processes have ended; returns their exit codes, with one code for all other nodes. An
    interrupt of the step is passed on. If one of several processes fails, the others are killed."""
    for old in [*work.glob("failure-*.json"), work / "outcome.json", work / "progress.jsonl"]:
        old.unlink(missing_ok=True)
    for saved in (work / "out").glob("*.safetensors"):
        if not saved.name.startswith(("best-", "epoch-")):
            saved.unlink()
    (work / "progress.jsonl").symlink_to(step.progress_path)
    module, arguments = "axolotl.cli.train", [str(work / "config.yaml")]
    with ExitStack() as stack:
        tracked = config.get("use_mlflow")
        store = {"MLFLOW_TRACKING_URI": stack.enter_context(mlflow_uri(work / "reports" / "mlflow"))} if tracked else {}
        environments = [env | store for env in _environments(work, device, step.cores, config)]
        children = [
            subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=work, env=env, stdin=subprocess.PIPE)
            for env in environments
        ]
        if device.nodes > 1:
            size = {"nodes": device.nodes, "per_node": device.count}
            children.append(RemoteProcesses(module, arguments, env=environments[0], gpus=device.kind == "cuda", **size))
        interrupted = False
        while any(child.poll() is None for child in children):
            if step.stopping and not interrupted:
                interrupted = True
                # The callback passes the interrupt on to the processes of other nodes.
                for child in children[: device.count]:
                    child.send_signal(signal.SIGTERM)
            if any(child.poll() not in (None, 0) for child in children) and len(children) > 1:
                time.sleep(2)
                for child in children:
                    child.kill()
            time.sleep(0.1)
        return [child.wait() for child in children]


def _environments(work: Path, device: Device, cores: int, config: Mapping[str, Any]) -> list[dict[str, str]]:
    """The environment variables of each process of this node. The recipe sets what torchrun would set, because it must
    own the processes: they end when it ends."""
    inherited = {name: value for name, value in os.environ.items() if "COLAB_" not in name}
    reports = work / "reports"
    wandb = {"WANDB_MODE": "offline", "WANDB_DIR": str(reports)} if config.get("use_wandb") else {}
    reports.mkdir(exist_ok=True)
    link = link_of(work.parent)
    earlier = mlflow_run(reports / "mlflow")
    shared = {
        **inherited,
        **_ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), inherited.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": str(max(1, cores // device.count)),
        "HF_DATASETS_CACHE": str(work / "cache"),
        "TENSORBOARD_LOGGING_DIR": str(reports / "tensorboard"),
        "MLFLOW_TAGS": json.dumps(link),
        **({} if earlier is None else {"MLFLOW_RUN_ID": earlier}),
        **({"CUDA_VISIBLE_DEVICES": ""} if device.kind == "cpu" else {}),
        "WANDB_MODE": "disabled",
        **wandb,
        "WANDB_RESUME": "allow",
        "WANDB_NOTES": " ".join(f"{name}: {value}" for name, value in link.items()),
        "EXP_WATCHED": "1",
    }
    if device.processes == 1:
        return [shared]
    address, port = group_address(device.nodes)
    return [shared | group_environment(address, port, device.processes, rank) for rank in range(device.count)]


def _read_outcome(step: Step, work: Path, codes: list[int]) -> dict[str, Any]:
    """The outcome that the callback wrote. Exit code 0 is no proof of success: an interrupted training has it too."""
    for file in sorted(work.glob("failure-*.json")):
        failure = read_json(file)
        raise StepFailed(failure["code"], failure["message"], failure["help"])
    outcome = work / "outcome.json"
    if any(codes) or not outcome.is_file():
        if step.stopping:
            raise Interrupted
        code = next((code for code in codes if code), 0)
        if code == -signal.SIGKILL:
            raise StepFailed(
                "out-of-memory",
                "the axolotl process was killed, probably because memory ran out",
                "Halve train.batch_size and double train.gradient_accumulation.",
            )
        raise StepFailed("trainer-failed", f"axolotl ended with exit code {code} and wrote no outcome", _RERUN)
    result = read_json(outcome)
    if result["report"]["stopped"] == "interrupted":
        raise Interrupted
    return result


def _fingerprint(params: Mapping[str, Any], digests: list[str], model: Path, device: Device) -> str:
    """Digest of all that the weights of a checkpoint depend on."""
    relevant = {key: value for key, value in params.items() if key not in _NOT_IN_FINGERPRINT}
    facts = [relevant, digests, hashlib.sha256(model.read_bytes()).hexdigest(), device.processes]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _peak_memory_of_children() -> int:
    """Largest resident set of axolotl's processes, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(run)
