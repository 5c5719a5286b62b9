"""Keys at rest and at work: sealed in the database, laid out as files for the workers.

Every machine that runs workers lays them out for itself, below its own data folder, so that a
second hub can take a host over. Private halves are sealed with a key made of SECRET_KEY.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import shlex
import shutil
from pathlib import Path
from urllib.parse import quote, urlsplit

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from kvmweb.core.connections import Identity, Keys
from kvmweb.store.models import Host, KeyPair

log = logging.getLogger(__name__)

FOLDER = "connections"
CONNECT_S = 8


def seal(text: str) -> str:
    """Private text as the database keeps it."""
    return _fernet().encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """The text again; empty when SECRET_KEY is another one now."""
    if not sealed:
        return ""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        log.error("a sealed key cannot be opened: SECRET_KEY is not the one it was sealed with")
        return ""


def keys_of(host: Host) -> Keys:
    """What this host's connection needs."""
    scheme = urlsplit(host.uri).scheme
    if host.identity == Identity.PORTAL and scheme.endswith("+ssh"):
        return Keys(ssh_key=_private("ssh"), known_hosts=host.known_hosts)
    if host.identity == Identity.PORTAL and scheme.endswith("+tls"):
        return Keys(ca=_public("ca"), certificate=_public("client"), tls_key=_private("client"))
    if host.identity == Identity.OWN:
        return Keys(ca=host.tls_ca, certificate=host.tls_certificate, tls_key=unseal(host.tls_key))
    return Keys(known_hosts=host.known_hosts)


def uri_of(host: Host) -> str:
    """What a worker opens. A change of keys is another URI: the worker starts anew with it."""
    keys = keys_of(host) if host.identity or host.known_hosts else Keys()
    if keys.is_empty:
        return host.uri
    mark = hashlib.sha256(repr(keys).encode()).hexdigest()[:12]
    folder = _root() / f"{host.key}-{mark}"
    try:
        if not folder.is_dir():
            forget(host.key)
        return lay_out(folder, host.uri, keys)
    except OSError as error:
        log.error("keys of host %s not written: %s", host.key, error)
        return host.uri


def forget(key: str) -> None:
    """The files of this host: it was removed, or has other keys now."""
    for old in _root().glob(f"{key}-*"):
        if old.name[len(key) + 1 :].isalnum():  # not those of a host whose key goes on
            shutil.rmtree(old, ignore_errors=True)


def _root() -> Path:
    return Path(settings.KVMWEB_DATA_DIR) / FOLDER


def lay_out(folder: Path, uri: str, keys: Keys) -> str:
    """Write what is not there yet; answers the URI that uses it."""
    is_tls = urlsplit(uri).scheme.endswith("+tls")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if is_tls:
        _write(folder / "cacert.pem", keys.ca)
        _write(folder / "clientcert.pem", keys.certificate)
        _write(folder / "clientkey.pem", keys.tls_key)
        return _with(uri, "pkipath", folder)
    _write(folder / "known_hosts", keys.known_hosts)
    if keys.ssh_key:
        _write(folder / "id", keys.ssh_key)
    _write(folder / "ssh", wrapper(folder, has_key=bool(keys.ssh_key)), mode=0o700)
    return _with(uri, "command", folder / "ssh")


def wrapper(folder: Path, *, has_key: bool) -> str:
    """libvirt calls this in place of ssh: its URI knows no parameter for pinned host keys.

    Only the last words are let through: more than 1 KiB, such as ssh's warning of a changed key,
    libvirt 9.0 reports as "Value too large for defined data type" (measured).
    """
    chosen = ["ssh", "-o", "LogLevel=FATAL", *options(folder, has_key=has_key)]
    return f'#!/bin/sh\nexec {shlex.join(chosen)} "$@"\n'


def options(folder: Path, *, has_key: bool) -> list[str]:
    """ssh asks nobody, trusts the pinned key alone, and shows no key but this one."""
    chosen = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_S),
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": f'"{folder / "known_hosts"}"',
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "ForwardAgent": "no",
    }
    found = ["-F", "/dev/null"] if has_key else []
    if has_key:
        chosen |= {"IdentitiesOnly": "yes", "IdentityFile": f'"{folder / "id"}"',
                   "PreferredAuthentications": "publickey"}  # fmt: skip
    return [*found, *(part for name, value in chosen.items() for part in ("-o", f"{name}={value}"))]


def _with(uri: str, name: str, path: Path) -> str:
    return f"{uri}{'&' if '?' in uri else '?'}{name}={quote(str(path))}"


def _write(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Whole or not at all: a worker may read it at any moment."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    draft.replace(path)


def _private(name: str) -> str:
    found = KeyPair.objects.filter(name=name).first()
    return unseal(found.sealed) if found else ""


def _public(name: str) -> str:
    return KeyPair.objects.filter(name=name).values_list("public", flat=True).first() or ""


def _fernet() -> Fernet:
    made = HKDF(hashes.SHA256(), 32, None, b"kvmweb keyrings").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(made))
