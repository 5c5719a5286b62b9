"""Public keys as ssh-keygen makes them, and what is none."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from kvmweb.core import ssh_keys


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("keys") / "key"
    _make(path, "ed25519")
    return path.with_suffix(".pub").read_text().strip()


def _make(path: Path, kind: str, *more: str) -> None:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "li at work", "-f", str(path)]
    subprocess.run([*command, *more], check=True)


@pytest.mark.parametrize(
    ("kind", "more"),
    [("ed25519", ()), ("rsa", ("-b", "2048")), ("ecdsa", ("-b", "256")), ("ecdsa", ("-b", "521"))],
)
def test_a_real_key_is_taken_as_it_is(kind: str, more: tuple[str, ...], tmp_path: Path) -> None:
    _make(tmp_path / "key", kind, *more)
    line = (tmp_path / "key.pub").read_text().strip()
    assert ssh_keys.check(f"  {line}\t") == line


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key.replace("ssh-ed25519", "ssh-rsa"),
        lambda key: key[:40],
        lambda key: "ssh-ed25519",
        lambda key: "",
        lambda key: f'command="/bin/sh" {key}',
        lambda key: key.replace("AAAA", "!!!!", 1),
        lambda key: _longer(key),
        lambda key: "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_whole_key_is_refused(key: str, spoil) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        ssh_keys.check(spoil(key))


def _longer(key: str) -> str:
    kind, blob, *_comment = key.split()
    return f"{kind} {base64.b64encode(base64.b64decode(blob) + b'more').decode()}"
