"""Compares the generation speed of the transformers engine with a naive loop on the CPU.

    python bench/generation.py MODEL_DIR EVAL_JSONL [--cases 64] [--max-new-tokens 32] [--rounds 4] [--threads 1]

The naive loop runs transformers' own `generate` for one prompt at a time, in file order. Both loops decode greedily in
fp32. The answers must be equal. EVAL_JSONL is the output of `exp run FILE --until prompt`: rows {"id", "messages",
"target"}. The loops alternate, so that other processes slow both. The figures are CPU seconds without model loading.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from transformers import AutoModelForCausalLM

from recipes.common.encode import end_token, load_tokenizer, prompt_ids
from recipes.common.generation.responses import Answers
from recipes.common.protocol import Step
from recipes.transformers.batches import answer_all


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("--cases", type=int, default=64)
    parser.add_argument("--max-new-tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=1, help="number of times that the loops alternate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--adapter", type=Path, help="adapter to merge into the base for both loops")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tokenizer = load_tokenizer(args.model)
    cases = [json.loads(line) for line in args.prompts.read_text().splitlines()][: args.cases]
    prompts = {case["id"]: prompt_ids(tokenizer, case["messages"], False) for case in cases}
    model: Any = AutoModelForCausalLM.from_pretrained(str(args.model), dtype=torch.float32).eval()
    if args.adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(args.adapter)).merge_and_unload()
    end = end_token(tokenizer)

    def naive(part: dict[str, list[int]]) -> dict[str, list[int]]:
        generated = {}
        for id, prompt in part.items():
            ids = torch.tensor([prompt])
            with torch.inference_mode():
                out = model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=args.max_new_tokens,
                    do_sample=False,
                    pad_token_id=0,
                )
            generated[id] = out[0, ids.shape[1] :].tolist()
        return generated

    def ours(part: dict[str, list[int]]) -> dict[str, str]:
        with tempfile.TemporaryDirectory() as folder, Answers(Path(folder) / "partial.jsonl") as answers:
            params = {
                "max_new_tokens": args.max_new_tokens,
                "temperature": 0,
                "batch_size": "auto",
                "precision": "fp32",
            }
            work = Path(folder)
            step = Step(
                "generate", params, {}, {"model": args.model}, work, work, work / "progress.jsonl", args.threads
            )
            answer_all(step, model, tokenizer, part, answers, None)
            return {id: answers[id]["text"] for id in part}

    @contextmanager
    def measured(loop: str) -> Iterator[None]:
        worked, began = time.process_time(), time.perf_counter()
        yield
        cpu[loop] += time.process_time() - worked
        wall[loop] += time.perf_counter() - began

    names = list(prompts)
    size = -(-len(names) // args.rounds)
    cpu = {"naive": 0.0, "ours": 0.0}
    wall = {"naive": 0.0, "ours": 0.0}
    tokens = same = 0
    for start in range(0, len(names), size):
        part = {id: prompts[id] for id in names[start : start + size]}
        with measured("naive"):
            reference = naive(part)
        with measured("ours"):
            answers = ours(part)
        for id, new in reference.items():
            text = new[:-1] if new[-1] == end else new
            same += tokenizer.decode(text, skip_special_tokens=True) == answers[id]
            tokens += len(new)
    longest, shortest = max(map(len, prompts.values())), min(map(len, prompts.values()))
    print(f"{len(names)} cases, prompts of {shortest} to {longest} tokens, {tokens} new tokens, fp32")
    print(f"{'loop':12} {'CPU s':>8} {'times':>6} {'wall s':>8} {'times':>6} {'cases/s':>8}")
    for name in cpu:
        more, longer = cpu[name] / cpu["ours"], wall[name] / wall["ours"]
        print(f"{name:12} {cpu[name]:8.1f} {more:6.2f} {wall[name]:8.1f} {longer:6.2f} {len(names) / wall[name]:8.3f}")
    print(f"equal answers: {same} of {len(names)}")
    if same != len(names):
        raise SystemExit("the answers differ")


if __name__ == "__main__":
    main()
