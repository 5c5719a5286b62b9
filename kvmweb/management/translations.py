"""Compiled message catalogues, brought up to date when a catalogue is newer."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def compile_stale(folder: Path) -> list[Path]:
    """Compile what changed below `locale/`; answers the catalogues that were compiled.

    Without gettext's msgfmt the portal speaks English only, which is no reason not to start.
    """
    msgfmt = shutil.which("msgfmt")
    stale = [path for path in sorted(folder.glob("*/LC_MESSAGES/*.po")) if _is_stale(path)]
    if msgfmt is None:
        return []
    for path in stale:
        draft = path.with_suffix(".mo.part")
        subprocess.run([msgfmt, "-o", draft, path], check=True)
        draft.replace(path.with_suffix(".mo"))
    return stale


def _is_stale(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime
