"""Second names for files that nobody writes to any more."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def link_or_copy(file: Path, to: Path) -> None:
    """Give a file a second name, or copy it where the disk has no links. `to` is absent or whole."""
    partial = to.with_name(to.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(file, partial)
    except OSError:
        shutil.copyfile(file, partial)
    os.replace(partial, to)
