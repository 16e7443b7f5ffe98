"""Compares the engines that generate on a CPU: transformers, vLLM and llama.cpp's server, each in its environment.

    python bench/engines.py MODEL_DIR EVAL_JSONL [--gguf FILE] [--cases 64] [--max-new-tokens 32] [--rounds 2]

Run it in the environment torchtune (`exp setup torchtune --dev`); vLLM needs `exp setup vllm`. MODEL_DIR is a folder
with model.json, EVAL_JSONL the output of `exp run FILE --until prompt`. All engines decode the same token ids greedily.
FILE is a GGUF with the weights of the model: llama.cpp answers with an fp32 copy of it, and with the file as it is.
Every engine loads once in a process of its own. The engines then take turns with parts of the cases, so that other
processes slow all of them. A part starts with an empty prefix cache. The figures exclude loading.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

Prompts = dict[str, list[int]]
Answers = dict[str, list[int] | str]
SLOTS = 16
"""Cases that llama.cpp's server answers at once."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--cases", type=int, default=64)
    parser.add_argument("--max-new-tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2, help="number of parts of the cases")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--worker", choices=["transformers", "vllm", "llama.cpp"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    if args.worker:
        answer_parts(args)
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    """Start the engines, let them take turns, and print the table."""
    from recipes.common.encode import load_tokenizer, prompt_ids

    tokenizer = load_tokenizer(args.model)
    cases = [json.loads(line) for line in args.prompts.read_text().splitlines()][: args.cases]
    prompts = {case["id"]: prompt_ids(tokenizer, case["messages"], False) for case in cases}
    environments = Path(sys.executable).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        engines = {
            "transformers, fp32": start(args, "transformers", environments / "torchtune"),
            "vLLM, fp32": start(args, "vllm", environments / "vllm"),
        }
        if args.gguf is not None:
            dequantise(args.gguf, Path(folder) / "fp32.gguf")
            for name, file in (("fp32", Path(folder) / "fp32.gguf"), ("as stored", args.gguf)):
                engines[f"llama.cpp, {name}"] = start(args, "llama.cpp", environments / "torchtune", file)
        totals = {name: {"cpu": 0.0, "wall": 0.0} for name in engines}
        given: dict[str, Answers] = {name: {} for name in engines}
        names = list(prompts)
        size = -(-len(names) // args.rounds)
        for at in range(0, len(names), size):
            part = {id: prompts[id] for id in names[at : at + size]}
            for name, engine in engines.items():
                assert engine.stdin and engine.stdout
                engine.stdin.write(json.dumps(part) + "\n")
                engine.stdin.flush()
                result = json.loads(engine.stdout.readline())
                given[name] |= result["answers"]
                for key in totals[name]:
                    totals[name][key] += result[key]
        for engine in engines.values():
            engine.kill()
    lengths = [len(prompt) for prompt in prompts.values()]
    print(f"{len(names)} cases, prompts of {min(lengths)} to {max(lengths)} tokens, {args.threads} threads")
    print(f"{'engine':22} {'CPU s':>8} {'times':>6} {'wall s':>8} {'times':>6} {'equal answers':>14}")
    first, *_ = totals.values()
    for name, total in totals.items():
        cpu, wall = first["cpu"] / total["cpu"], first["wall"] / total["wall"]
        equal = sum(given["transformers, fp32"][id] == given[name][id] for id in names)
        print(f"{name:22} {total['cpu']:8.1f} {cpu:6.2f} {total['wall']:8.1f} {wall:6.2f} {equal:14}")


def start(args: argparse.Namespace, worker: str, environment: Path, gguf: Path | None = None) -> Any:
    """A process with a loaded engine. It reads parts of the prompts from stdin and writes answers to stdout."""
    command = [str(environment / "bin/python"), __file__, str(args.model), str(args.prompts), "--worker", worker]
    command += ["--threads", str(args.threads), "--max-new-tokens", str(args.max_new_tokens)]
    command += ["--cases", str(args.cases), *([] if gguf is None else ["--gguf", str(gguf)])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"{worker} did not start")
    return process


def answer_parts(args: argparse.Namespace) -> None:
    """A worker: load, then answer parts. Programs that print write to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answer = {"transformers": with_transformers, "vllm": with_vllm, "llama.cpp": with_llama}[args.worker](args)
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        worked, began = time.process_time(), time.perf_counter()
        answers = answer(json.loads(line))
        measured = {"cpu": time.process_time() - worked, "wall": time.perf_counter() - began}
        print(json.dumps({"answers": answers, **measured}), file=out, flush=True)


def step_of(args: argparse.Namespace, folder: Path) -> Any:
    """A greedy fp32 step in a folder."""
    from recipes.common.protocol import Step

    params = {"max_new_tokens": args.max_new_tokens, "temperature": 0, "batch_size": "auto", "precision": "fp32"}
    inputs = {"model": args.model / "model.json"}
    return Step(
        "generate", params, inputs, {"model": args.model}, folder, folder, folder / "progress.jsonl", args.threads
    )


def with_transformers(args: argparse.Namespace) -> Callable[[Prompts], Answers]:
    """exp's default engine."""
    import torch
    from transformers import AutoModelForCausalLM

    from recipes.common.encode import load_tokenizer
    from recipes.common.generation.responses import Answers as Store
    from recipes.transformers.batches import answer_all

    torch.set_num_threads(args.threads)
    tokenizer = load_tokenizer(args.model)
    model: Any = AutoModelForCausalLM.from_pretrained(str(args.model), dtype=torch.float32).eval()

    def answer(prompts: Prompts) -> Answers:
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "partial.jsonl") as store:
            answer_all(step_of(args, Path(folder)), model, tokenizer, prompts, store, None)
            return {id: store[id]["text"] for id in prompts}

    return answer


def with_vllm(args: argparse.Namespace) -> Callable[[Prompts], Answers]:
    """exp's engine `vllm`."""
    from recipes.common.encode import load_tokenizer, prompt_ids
    from recipes.common.generation.responses import Answers as Store
    from recipes.vllm.engine import load_engine
    from recipes.vllm.generate import answer_all

    tokenizer = load_tokenizer(args.model)
    rows = [json.loads(line) for line in args.prompts.read_text().splitlines()][: args.cases]
    longest = max(len(prompt_ids(tokenizer, row["messages"], False)) for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        engine = load_engine(step_of(args, Path(folder)), longest + args.max_new_tokens, args.cases)

    def answer(prompts: Prompts) -> Answers:
        engine.reset_prefix_cache()
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "partial.jsonl") as store:
            answer_all(step_of(args, Path(folder)), engine, tokenizer, prompts, list(prompts), store)
            return {id: store[id]["text"] for id in prompts}

    return answer


def with_llama(args: argparse.Namespace) -> Callable[[Prompts], Answers]:
    """llama.cpp's server, with a client of as many threads as slots."""
    import urllib.request

    import xllamacpp

    from recipes.common.encode import end_token, load_tokenizer

    tokenizer = load_tokenizer(args.model)
    end = end_token(tokenizer)
    params = xllamacpp.CommonParams()
    params.model.path = str(args.gguf)
    params.n_parallel = SLOTS
    params.n_ctx = 1024 * SLOTS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = args.threads
    params.port = 0
    params.hostnames = ["127.0.0.1"]
    params.endpoint_slots = True
    server = xllamacpp.Server(params)

    def post(path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(f"{server.listening_address}{path}", json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def one(prompt: list[int]) -> str:
        body = {"prompt": prompt, "n_predict": args.max_new_tokens, "temperature": 0, "return_tokens": True}
        tokens = post("/completion", body)["tokens"]
        return str(tokenizer.decode([token for token in tokens if token != end], skip_special_tokens=True))

    def answer(prompts: Prompts) -> Answers:
        with ThreadPoolExecutor(SLOTS) as pool:
            return dict(zip(prompts, pool.map(one, prompts.values()), strict=True))

    return answer


def dequantise(source: Path, target: Path) -> None:
    """Write a copy of a GGUF with all weights in fp32."""
    import gguf

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        within = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], within)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
