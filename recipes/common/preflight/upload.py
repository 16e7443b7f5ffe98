"""Checks of a later upload: whether the hub accepts the token and the metadata of the model card."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

# fmt: off
LICENSES = frozenset((
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m",
    "bigscience-bloom-rail-1.0", "bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd",
    "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5",
    "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0",
    "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0",
    "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "h-research", "intel-research", "lppl-1.3c", "ms-pl", "apple-ascl",
    "apple-amlr", "mpl-2.0", "odc-by", "odbl", "openmdw-1.0", "openrail++", "osl-3.0", "postgresql", "ofl-1.1",
    "ncsa", "unlicense", "zlib", "pddl", "lgpl-lr", "deepfloyd-if-license",
    "fair-noncommercial-research-license", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4",
    "gemma", "grok2-community", "unknown", "other",
))
"""Licence identifiers that the hub accepts in a model card (https://huggingface.co/docs/hub/repositories-licenses)."""
# fmt: on


def token_problems(upload: Mapping[str, Any] | None) -> Iterator[str]:
    """Why the hub would reject the token. If the hub cannot be reached, only the existence of a token is checked."""
    if upload is None:
        return
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    token = get_token()
    if not token:
        yield f"{upload['repo']}: there is no token in HF_TOKEN or the token file"
        return
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return
    try:
        HfApi(token=token).whoami()
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            yield f"{upload['repo']}: the hub rejects the token ({error.response.status_code})"
    except Exception as error:
        print(f"cannot check the token, because the hub cannot be reached: {type(error).__name__}")


def card_problems(upload: Mapping[str, Any] | None) -> Iterator[str]:
    """Why the hub would reject the metadata of the model card."""
    if upload is None:
        return
    license = upload.get("base_license")
    if license is None:
        yield f"{upload['repo']}: upload.base_license is missing, but a model card needs a licence"
    elif license.lower() not in LICENSES:
        yield f"{upload['repo']}: {license!r} is not a licence identifier of the hub"
