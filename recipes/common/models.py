"""What the folder of a base model holds, and how a bundled model is unpacked into one.

A base is a bundled name, a commit of a Hugging Face repository, or a local folder; its weights are safetensors in the
layout that transformers loads: `model.safetensors`, or shards with `model.safetensors.index.json`.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from recipes.common.protocol import StepFailed, write_json

BUNDLED = {"smollm2-135m": "SmolLM2-135M-Instruct.Q4_1.gguf"}
"""Bundled name -> quantised file inside the package that carries it."""

_SINGLE_DIGITS = {"smollm2-135m"}
"""Models whose tokenizer splits numbers into digits, which transformers does not read from a GGUF."""

INDEX = "model.safetensors.index.json"
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors")
_BESIDES = ("*.json", "*.txt", "*.jinja", "tokenizer.model", "LICENSE*")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
_CHUNK = 1 << 22


def select_files(names: Iterable[str]) -> list[str]:
    """The files of a repository or folder that make up a base, sorted: weights, config, tokenizer, license. Files in
    subfolders are other formats of the same model. Fails where there are no safetensors weights."""
    top = sorted(name for name in names if "/" not in name)
    weights = [name for name in top if _matches(name, _WEIGHTS[:1])] or [
        name for name in top if _matches(name, _WEIGHTS)
    ]
    if not weights:
        raise _no_weights(top)
    if "config.json" not in top:
        raise StepFailed("no-config", "the model has no config.json", "Choose a model in the layout of transformers.")
    besides = [name for name in top if _matches(name, _BESIDES)]
    if weights == ["model.safetensors"] and INDEX in besides:
        besides.remove(INDEX)
    return sorted({*weights, *besides} - {"model.json"})


def is_beside(name: str) -> bool:
    """Whether a file of a base belongs to a model trained from it too: config, tokenizer, license; no weights."""
    return _matches(name, _BESIDES)


def describe_model(
    base: str, revision: str | None, folder: Path, names: Iterable[str], on_bytes: Callable[[int], None]
) -> dict[str, Any]:
    """Content of model.json: every file by sha256 and size in bytes, the config, and the number of parameters. Nothing
    in it depends on where the folder lies. `on_bytes` hears how many more bytes were read."""
    files = {}
    parameters = 0
    for name in sorted(names):
        path = folder / name
        files[name] = {"sha256": _sha256(path, on_bytes), "size": path.stat().st_size}
        if name.endswith(".safetensors"):
            parameters += _count_parameters(path)
    config = json.loads((folder / "config.json").read_text())
    return {"base": base, "revision": revision, "files": files, "config": config, "parameters": parameters}


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a config, a tokenizer and every weight file that its index names."""
    tokenizer = any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json"))
    return tokenizer and is_whole(folder)


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a config and every weight file that its index names."""
    index = folder / INDEX
    if (folder / "model.safetensors").is_file():
        weights = ["model.safetensors"]
    elif index.is_file():
        weights = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    else:
        return False
    return all((folder / name).is_file() for name in ["config.json", *weights])


def unpack_bundled(name: str, package: Path, output: Path) -> None:
    """De-quantise a bundled model into a folder, as fp32 safetensors with its tokenizer; model.json is written last.
    bf16 would halve the size, but it cannot hold the de-quantised values: it changes 97 % of the embeddings."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    found = sorted(package.rglob(BUNDLED[name]))
    if not found:
        raise StepFailed("bundled-package", f"{BUNDLED[name]} is not in the package of {name}", "Run exp setup again.")
    folder, file = str(found[0].parent), found[0].name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    config = AutoConfig.from_pretrained(folder, gguf_file=file)
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.__dict__.pop(key, None)
    if name in _SINGLE_DIGITS:
        backend = tokenizer.backend_tokenizer
        digits = pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])
    # The GGUF pads with the token that ends a turn, which would hide a real end of turn.
    tokenizer.pad_token = "<|endoftext|>"
    tokenizer.model_max_length = config.max_position_embeddings
    config.pad_token_id = tokenizer.pad_token_id
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = type(model.generation_config)(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    )
    model.save_pretrained(str(output), max_shard_size="5GB")
    tokenizer.save_pretrained(str(output))
    names = select_files(path.name for path in output.iterdir())
    write_json(output / "model.json", describe_model(name, None, output, names, lambda _: None))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _no_weights(names: list[str]) -> StepFailed:
    if "adapter_model.safetensors" in names or "adapter_config.json" in names:
        return StepFailed(
            "base-is-adapter", "this is an adapter, not a base model", "Name the base that it was trained on."
        )
    pickles = [name for name in names if _matches(name, _PICKLES)]
    if pickles:
        return StepFailed(
            "pickled-weights",
            f"the weights are pickles ({pickles[0]}), which can run code when loaded; they were left alone",
            "Choose a revision or a model with safetensors weights.",
        )
    return StepFailed(
        "no-weights", "the model has no safetensors weights", "Choose a model in the layout of transformers."
    )


def _sha256(path: Path, on_bytes: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()


def _count_parameters(path: Path) -> int:
    """Number of values in a safetensors file, from its header alone."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= 100_000_000:
            raise StepFailed("weights-damaged", f"{path.name} is not a safetensors file", "Fetch the model again.")
        header = json.loads(file.read(size))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def main() -> None:
    """Command line of `exp setup`: unpack a bundled model from the folder of its installed package."""
    parser = argparse.ArgumentParser(description=unpack_bundled.__doc__)
    parser.add_argument("name", choices=sorted(BUNDLED))
    parser.add_argument("package", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    unpack_bundled(given.name, given.package, given.output)


if __name__ == "__main__":
    main()
