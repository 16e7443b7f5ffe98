"""Step `merge`: merges an adapter into its base on the CPU.

params: {"method", "thinking"}; inputs: "model" (model.json), "adapter" (folder), "prompts" (eval.jsonl); local_paths:
{"model": folder}; hints: {"memory": bytes or null}. Writes merged/ (in the base's number format, shards of at most 2
GB, with tokenizer and config) and merge.json: differences of logits between the merged model and the base with its
adapter on real prompts. Its "rounding" is what rounding the merged weights costs: the difference of the merged model as
a share of the adapter's effect. The weights are processed in pieces of a few rows: the whole model is never in memory.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recipes.common.adapters.logit_comparison import compare, logits_of
from recipes.common.adapters.weights import Delta, check_fit, read_adapter
from recipes.common.encode import encode_row, load_tokenizer
from recipes.common.models.folder import INDEX, weight_files
from recipes.common.models.tensors import DTYPES, Digest, ShardWriter, Stored, read_header, to_bytes
from recipes.common.models.text_decoder import NESTED, module_name
from recipes.common.protocol import Step, StepFailed, main, peak_memory, write_json

_SHARD = 2_000_000_000
"""Maximum size of a weights file, in bytes."""
_CANARIES = 4
"""Number of rows for the comparison."""
_LONGEST = 256
"""Maximum number of tokens of such a row. Of a longer row only the end is used."""

_PIECE = (4_000_000, 128_000_000)
"""Minimum and maximum bytes of a piece of a weight."""

_COPIES = 8
"""Number of copies of a piece in memory: as stored, in fp32, merged, rounded, as bytes, and temporaries."""

_NOTABLE = 0.1
"""Share of the adapter's effect above which the step reports what rounding costs."""

_TOLERANCE = {"F32": 1e-3, "F16": 0.03, "BF16": 0.1}
"""Number format of the merged weights -> maximum relative difference of the logits."""


def run(step: Step) -> dict[str, Any]:
    """Merge the weights, and compare the written model with the base and its adapter on a few rows."""
    torch.set_num_threads(step.cores)
    folder, output = step.local_paths["model"], step.output / "merged"
    described = json.loads(step.inputs["model"].read_text())
    piece = _piece(step.params.get("memory"))
    headers = {file: read_header(file) for file in weight_files(folder)}
    stored = {one.name: one for header in headers.values() for one in header}
    adapter = read_adapter(step.inputs["adapter"], described)
    is_alone = not any(name.startswith(NESTED) for name in adapter)
    stored_as = {module_name(name, is_alone=is_alone): name for name in stored}
    deltas = {stored_as.get(name, name): delta for name, delta in adapter.items()}
    check_fit(deltas, {name: one.shape for name, one in stored.items()})
    output.mkdir(parents=True)
    started = time.monotonic()
    _write(step, headers, described, deltas, output, piece)
    for name in described["files"]:
        if not name.endswith(".safetensors") and name != INDEX:
            shutil.copyfile(folder / name, output / name)
    seconds = time.monotonic() - started

    formats = {stored[name].dtype for name in deltas}
    report = _check(step, folder, output, deltas, max(_TOLERANCE[one] for one in formats), piece)
    write_json(step.output / "merge.json", {**report, "weights": len(deltas), "formats": sorted(formats)})
    if not report["equal"]:
        raise StepFailed(
            "merge-differs",
            "the merged model differs from the base with its adapter: the relative difference of the logits is "
            f"{report['merged']['relative']:.3f}, the tolerance is {report['tolerance']}",
            "Generate and upload with the adapter (upload.content: adapter), and report this.",
        )
    if report["rounding"] > _NOTABLE:
        cost = f"rounding to {', '.join(sorted(formats))} costs {report['rounding']:.0%} of the adapter's effect"
        print(cost)
        step.progress(force=True, message=cost)
    return {
        "device": "cpu",
        "rounding": report["rounding"],
        "merge_seconds": round(seconds, 2),
        "bytes": sum(one.end - one.begin for one in stored.values()),
        "piece": piece,
    }


def _piece(memory: int | None) -> int:
    """Bytes of a piece, so that the step stays within `memory`."""
    least, most = _PIECE
    if memory is None:
        return most
    left = memory - peak_memory()
    if left < least * _COPIES:
        raise StepFailed(
            "memory-short",
            f"merging needs {(peak_memory() + least * _COPIES) / 1e9:.1f} GB, but resources.memory is "
            f"{memory / 1e9:.1f} GB",
            "Raise resources.memory.",
        )
    return min(most, left // _COPIES)


def _write(
    step: Step,
    headers: dict[Path, list[Stored]],
    described: dict[str, Any],
    deltas: dict[str, Delta],
    output: Path,
    piece: int,
) -> None:
    """Write all weights in file order. The digest of each source file is checked against model.json."""
    tensors = [one for header in headers.values() for one in header]
    shards = ShardWriter(output, tensors, _SHARD)
    total = sum(one.end - one.begin for one in tensors)
    done = 0
    for file, header in headers.items():
        digest = Digest(file, header[0].begin)
        with file.open("rb") as source:
            for one in header:
                delta = deltas.get(one.name)
                for start, stop in one.chunks(piece):
                    data = one.rows(source, start, stop)
                    digest.update(data)
                    done += len(data)
                    shards.write(one.name, data if delta is None else to_bytes(_merged(one, data, delta, start, stop)))
                    step.progress(done=done, total=total, unit="bytes", message="merge")
                    step.check_interrupt()
        if file.name in described["files"]:
            digest.check(described["files"][file.name]["sha256"])
    shards.finish()


def _merged(one: Stored, data: bytearray, delta: Delta, start: int, stop: int) -> Tensor:
    """Merged rows of a weight, rounded once to the base's number format."""
    if one.dtype not in DTYPES:
        raise StepFailed(
            "adapter-kind",
            f"cannot merge into {one.name}, which is stored as {one.dtype}",
            "Use a base in 16 or 32 bit.",
        )
    rounded = delta.merge_into(one.tensor(data).float(), start, stop).to(DTYPES[one.dtype])
    if not bool(rounded.isfinite().all()):
        raise StepFailed(
            "merge-not-finite",
            f"{one.name} is infinite or NaN after the merge",
            "The base or the adapter is damaged. Fetch or train again.",
        )
    return rounded


def _check(
    step: Step, folder: Path, merged: Path, deltas: dict[str, Delta], tolerance: float, piece: int
) -> dict[str, Any]:
    """The comparison of logits on the first rows, for merge.json."""
    tokenizer = load_tokenizer(folder)
    with step.inputs["prompts"].open(encoding="utf-8") as lines:
        cases = [json.loads(line) for line, _ in zip(lines, range(_CANARIES), strict=False)]
    rows = [encode_row(tokenizer, case, bool(step.params["thinking"]))[0][-_LONGEST:] for case in cases]
    four_bit = str(step.params["method"]).startswith("q")
    read = 0

    def on_weight() -> None:
        nonlocal read
        read += 1
        step.progress(done=read, unit="weights", message="compare")
        step.check_interrupt()

    logits = logits_of(folder, merged, deltas, rows, four_bit=four_bit, chunk=piece, on_weight=on_weight)
    difference, effect = compare(logits["merged"], logits["adapter"]), compare(logits["base"], logits["adapter"])
    return {
        "canaries": [str(case["id"]) for case in cases],
        "positions": logits["base"].shape[0] * logits["base"].shape[1],
        "tolerance": tolerance,
        "equal": difference["relative"] <= tolerance,
        "merged": difference,
        "adapter_effect": effect,
        "rounding": round(difference["relative"] / max(effect["relative"], 1e-12), 4),
        **({"four_bit": compare(logits["merged"], logits["four_bit"])} if four_bit else {}),
    }


if __name__ == "__main__":
    main(run)
