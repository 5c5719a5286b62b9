"""English and Simplified Chinese are equal: every sentence has both."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted(ROOT.glob("locale/zh_Hans/LC_MESSAGES/*.po"))


def gaps(catalogue: Path) -> str:
    """msgfmt's own count, with what is untranslated or fuzzy in it."""
    result = subprocess.run(
        ["msgfmt", "--check", "--statistics", "-o", "/dev/null", catalogue],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    return ", ".join(re.findall(r"\d+ (?:fuzzy|untranslated)", result.stderr))


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_nothing_is_untranslated_or_fuzzy(catalogue: Path) -> None:
    assert gaps(catalogue) == ""


def test_every_sentence_of_the_code_is_in_the_catalogue(tmp_path: Path) -> None:
    """`make messages` would add nothing that is not translated."""
    for name in ("manage.py", "kvmweb", "templates", "locale"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--locale=zh_Hans", "--no-wrap", "-v0"],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "KVMWEB_DATA_DIR": str(tmp_path / "data")},
    )
    assert gaps(tmp_path / "locale/zh_Hans/LC_MESSAGES/django.po") == ""
