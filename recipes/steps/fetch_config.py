"""First part of step `fetch` for a hub model: downloads config.json alone, so that the runner can check the model's
family before the weights are downloaded.

Parameters and paths are those of `recipes.steps.fetch`. Writes nothing but the file in the Hugging Face cache. A
repository without a config.json is no failure here: the download of the whole model reports it.
"""

from __future__ import annotations

from recipes.common.models.hub import explain, guard_names, pinned_commit
from recipes.common.protocol import Step, main


def run(step: Step) -> None:
    """Download config.json into the folder of the model's snapshot."""
    from huggingface_hub import snapshot_download

    base: str = step.params["base"]
    commit = pinned_commit(base, step.params["revision"])
    cache = step.local_paths["model"].parents[2]
    step.progress(force=True, message="download config.json")
    guard_names()
    try:
        snapshot_download(base, revision=commit, cache_dir=cache, allow_patterns=["config.json"])
    except Exception as error:
        raise explain(error, base, commit) from error


if __name__ == "__main__":
    main(run)
