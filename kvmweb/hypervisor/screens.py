"""A socket on a guest's VNC server, wherever the host is.

On this machine libvirt hands over a descriptor, so that no port needs to be open and no password
is asked. On a host behind ssh the same ssh forwards to the guest's port on its loopback; on a host
behind TCP or TLS the port itself must be reachable.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from urllib.parse import parse_qs, urlsplit

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import guests as xml
from kvmweb.hypervisor import connections, faults
from kvmweb.hypervisor.actions import find

CONNECT_S = 3.0
LOOPBACK = ("127.0.0.1", "::1", "localhost", "")


def can_open(uri: str) -> bool:
    """Whether screens of this host can be reached at all."""
    return not connections.is_test(uri) and urlsplit(uri).scheme.split("+")[0] == "qemu"


def open_screen(connection: libvirt.virConnect, uuid: str, *, uri: str, screen: int = 0) -> int:
    """A descriptor of the screen's socket. Raises NotFound, WrongState, NotSupported, HostDown."""
    domain = find(connection, uuid)
    with faults.translated():
        if not domain.isActive():
            raise errors.WrongState("the guest is not running", state="shut-off")
        if connections.is_local(uri):
            flags = libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH
            return int(domain.openGraphicsFD(int(screen), flags))
        found = xml.vnc_address(domain.XMLDesc(0))
    if found is None:
        raise errors.NotSupported("the guest has no VNC port")
    address, port = found
    if "+ssh" in urlsplit(uri).scheme:
        return _forwarded(uri, address, port)
    return _reached(uri, address, port)


def _reached(uri: str, address: str, port: int) -> int:
    if address in LOOPBACK:
        raise errors.NotSupported("the guest's VNC port is open on its host's loopback only")
    host = urlsplit(uri).hostname or ""
    try:
        return socket.create_connection((host, port), CONNECT_S).detach()
    except OSError as error:
        raise errors.HostDown(f"VNC port {port}: {error}") from error


def _forwarded(uri: str, address: str, port: int) -> int:
    """One ssh for one viewer; it ends with the socket."""
    target = address if address not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            ssh_command(uri, f"[{target}]:{port}" if ":" in target else f"{target}:{port}"),
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, name="ssh", daemon=True).start()
    return ours.detach()


def ssh_command(uri: str, forward: str) -> list[str]:
    """The ssh that libvirt itself would use for this URI, forwarding to one address."""
    parts = urlsplit(uri)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host, user = parts.hostname or "", parts.username or ""
    if not host or host.startswith("-") or user.startswith("-"):
        raise errors.Invalid("not an ssh address")
    command = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
    if query.get("no_verify") == "1":
        command += ["-o", "StrictHostKeyChecking=no"]
    if query.get("keyfile"):
        command += ["-i", query["keyfile"]]
    if parts.port:
        command += ["-p", str(parts.port)]
    if user:
        command += ["-l", user]
    return [*command, "-W", forward, "--", host]
