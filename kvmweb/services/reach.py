"""Is a host there, and if not, what exactly is in the way: looked at step by step.

A test ends at the first step that fails. It keeps nothing: keys are laid out in a folder of its
own. Whatever it calls is a process that can be ended.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.core import connections, wire
from kvmweb.core.connections import Check, HostKey, Keys, Report, Step
from kvmweb.core.errors import Fault, HostDown, Invalid, Problem, problem
from kvmweb.core.records import HostRecord
from kvmweb.hub import keyrings
from kvmweb.services import addresses
from kvmweb.services.addresses import Address, Transport
from kvmweb.services.marks import internal

CONNECT_S = 5.0
SCAN_S = 6
LOGIN_S = 15.0
OPEN_S = 15.0
PORTS = {Transport.SSH: 22, Transport.TLS: 16514, Transport.TCP: 16509}
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
         "ssh-rsa")  # fmt: skip
"""What a host may show, the one to be pinned first."""
SSH_FAILED = 255


@internal("`hosts.test` and `hosts.retest` guard it")
def look(address: Address, keys: Keys, *, confirmed: str = "", is_pinned: bool = True) -> Report:
    """All steps of this transport. confirmed: fingerprint of the ssh key that a person trusts.

    is_pinned: False leaves host keys to the ssh of the user that the portal runs as.
    Raises Invalid for an address that is none.
    """
    uri = addresses.uri(address)
    report = Report(())
    if address.transport in PORTS:
        report = _on_the_way(address)
    if not report.failed and address.transport is Transport.SSH and is_pinned:
        report, keys = _host_key(address, keys, confirmed, report)
    if report.failed:
        return report
    with tempfile.TemporaryDirectory(prefix="kvmweb-test-") as name:
        folder = Path(name) / "keys"
        opened = uri if keys.is_empty else keyrings.lay_out(folder, uri, keys)
        if address.transport is Transport.SSH and is_pinned:
            report = _login(address, folder, keys, report)
        elif address.transport is Transport.TLS and not keys.is_empty:
            report = _certificate(address, folder, report)
        return report if report.failed else _open(opened, report)


@internal("the service of hosts has judged")
def pin(address: Address, fingerprint: str) -> str:
    """The known_hosts line of the key that was confirmed, as the host shows it now.

    Raises: Invalid when it shows another one, or none.
    """
    found = next((key for key in scan(address) if key.fingerprint == fingerprint), None)
    if found is None:
        sentence = _("The host does not show this key. Test the connection, and confirm its key.")
        raise Invalid(fields={"host_key": sentence})
    return line(address, found)


@internal("a pure function")
def line(address: Address, key: HostKey) -> str:
    """As known_hosts wants it."""
    machine, port = address.machine.strip(), address.port or PORTS[Transport.SSH]
    place = machine if port == PORTS[Transport.SSH] else f"[{machine}]:{port}"
    return f"{place} {key.kind} {key.blob}\n"


@internal("a pure function")
def fingerprint(known_hosts: str) -> str:
    """Of the pinned key; empty where none is."""
    parts = known_hosts.split()
    return _fingerprint(parts[2]) if len(parts) > 2 else ""


@internal("the service of hosts has judged")
def scan(address: Address) -> list[HostKey]:
    """The keys that the host shows, the one to pin first; none when it shows none."""
    port = str(address.port or PORTS[Transport.SSH])
    command = ["ssh-keyscan", "-T", str(SCAN_S - 1), "-p", port, "--", address.machine.strip()]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=SCAN_S * 2,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (subprocess.TimeoutExpired, OSError):
        return []
    found = {}
    for text in done.stdout.splitlines():
        parts = text.split()
        if len(parts) == 3 and parts[1] in KINDS and not text.startswith("#"):
            found[parts[1]] = HostKey(parts[1], parts[2], _fingerprint(parts[2]))
    return [found[kind] for kind in KINDS if kind in found]


def _fingerprint(blob: str) -> str:
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _with(report: Report, check: Check, trouble: str = "", detail: str = "") -> Report:
    return replace(report, steps=(*report.steps, Step(check, trouble, detail[-500:])))


def _on_the_way(address: Address) -> Report:
    """Whether the name is known and somebody listens."""
    machine, port = address.machine.strip(), address.port or PORTS[address.transport]
    try:
        socket.getaddrinfo(machine, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return _with(Report(()), Check.NAME, "no-name", str(error))
    report = _with(Report(()), Check.NAME)
    try:
        with socket.create_connection((machine, port), CONNECT_S):
            return _with(report, Check.PORT)
    except TimeoutError as error:
        return _with(report, Check.PORT, "silent", str(error))
    except OSError as error:
        trouble = connections.diagnose(str(error)) or "no-route"
        return _with(report, Check.PORT, trouble, str(error))


def _host_key(address: Address, keys: Keys, confirmed: str, report: Report) -> tuple[Report, Keys]:
    """What the host shows against what a person confirmed."""
    shown = scan(address)
    if not shown:
        return _with(report, Check.HOST_KEY, "no-ssh"), keys
    match = next((key for key in shown if key.fingerprint == confirmed), None)
    if match:
        report = replace(report, host_key=match, is_key_known=True)
        pinned = replace(keys, known_hosts=line(address, match))
        return _with(report, Check.HOST_KEY), pinned
    report = replace(report, host_key=shown[0])
    trouble = "host-key-changed" if confirmed else "host-key-unknown"
    return _with(report, Check.HOST_KEY, trouble), keys


def _login(address: Address, folder: Path, keys: Keys, report: Report) -> Report:
    """Whether the key opens the door; what is behind it comes later."""
    user = ["-l", address.user.strip()] if address.user.strip() else []
    command = [
        "ssh",
        *keyrings.options(folder, has_key=bool(keys.ssh_key)),
        *("-p", str(address.port or PORTS[Transport.SSH])),
        *user,
        *("--", address.machine.strip(), "true"),
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=LOGIN_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        return _with(report, Check.LOGIN, "silent", str(error))
    except OSError as error:
        return _with(report, Check.LOGIN, "no-client", str(error))
    if done.returncode != SSH_FAILED:
        return _with(report, Check.LOGIN)
    trouble = connections.diagnose(done.stderr) or "login-failed"
    return _with(report, Check.LOGIN, trouble, done.stderr.strip())


def _certificate(address: Address, folder: Path, report: Report) -> Report:
    """Whether both sides' certificates fit."""
    machine, port = address.machine.strip(), address.port or PORTS[Transport.TLS]
    try:
        context = ssl.create_default_context(cafile=str(folder / "cacert.pem"))
        context.load_cert_chain(folder / "clientcert.pem", folder / "clientkey.pem")
        with (
            socket.create_connection((machine, port), CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=machine),
        ):
            return _with(report, Check.CERTIFICATE)
    except ssl.SSLCertVerificationError as error:
        words = error.verify_message
        trouble = "certificate-foreign"
        if "ostname" in words or "IP address mismatch" in words:
            trouble = "certificate-name"
        elif "expired" in words or "not yet valid" in words:
            trouble = "certificate-old"
        return _with(report, Check.CERTIFICATE, trouble, words)
    except (ssl.SSLError, OSError) as error:
        return _with(report, Check.CERTIFICATE, "certificate-refused", str(error))


def _open(uri: str, report: Report) -> Report:
    """Ask libvirt itself, in a process that is ended at its deadline."""
    try:
        record = _ask(uri)
    except Problem as found:
        trouble = connections.diagnose(found.detail) or "libvirt-failed"
        return _with(report, Check.LIBVIRT, trouble, found.detail)
    return replace(_with(report, Check.LIBVIRT), record=record)


def _ask(uri: str) -> HostRecord:
    command = [sys.executable, "-m", "kvmweb.hostworker", "--check", "--uri", uri]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=OPEN_S,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
        )
    except subprocess.TimeoutExpired as error:
        words = _("No answer within %(seconds)d seconds.") % {"seconds": OPEN_S}
        raise HostDown(words) from error
    lines = done.stdout.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise Fault(done.stderr[-500:]) from error
    if "ok" in answer:
        return wire.from_plain(HostRecord, answer["ok"])
    raise problem(str(answer["problem"]), str(answer.get("detail", "")))
