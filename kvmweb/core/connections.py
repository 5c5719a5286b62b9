"""How a host is reached: what proves who we are, what proves who it is, and what a test found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kvmweb.core.records import HostRecord


class Identity(StrEnum):
    """Whose keys are used. USER: those of the user that the portal runs as."""

    USER = ""
    PORTAL = "portal"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a connection needs beside its address. PEM and known_hosts lines; empty: not used."""

    ssh_key: str = ""
    known_hosts: str = ""
    ca: str = ""
    certificate: str = ""
    tls_key: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing of it is ours: libvirt and ssh find their own."""
        return not (self.ssh_key or self.known_hosts or self.ca or self.certificate)


@dataclass(frozen=True, slots=True)
class Given:
    """What a person chose and gave beside an address. host_key: the fingerprint they confirmed."""

    identity: Identity = Identity.USER
    host_key: str = ""
    ca: str = ""
    certificate: str = ""
    tls_key: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """How a host is reached. transport: empty for an operator's own URI.

    fingerprint: of the pinned ssh key.
    """

    uri: str
    identity: Identity
    transport: str = ""
    machine: str = ""
    user: str = ""
    port: int = 0
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's ssh key as it showed it. blob: base64. fingerprint: as ssh-keygen -l prints it."""

    kind: str
    blob: str
    fingerprint: str


class Check(StrEnum):
    """What a test looks at, in this order."""

    NAME = "name"
    PORT = "port"
    HOST_KEY = "host-key"
    LOGIN = "login"
    CERTIFICATE = "certificate"
    LIBVIRT = "libvirt"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a test looked at. trouble: a code that has words; empty when it is well."""

    check: Check
    trouble: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a test. host_key: what the host showed; is_key_known: it was confirmed."""

    steps: tuple[Step, ...]
    record: HostRecord | None = None
    host_key: HostKey | None = None
    is_key_known: bool = False

    @property
    def failed(self) -> Step | None:
        """Where it ended."""
        return next((step for step in self.steps if step.trouble), None)


_TROUBLES = (
    ("host-key-changed", r"HOST IDENTIFICATION HAS CHANGED|host key .*changed"),
    ("host-key-unknown", r"Host key verification failed|No .*host key is known"),
    ("key-refused", r"Permission denied \((publickey|[a-z,-]*publickey)|Too many authentication"),
    ("libvirt-missing", r"(virt-ssh-helper|nc|ncat|libvirtd?|virtqemud):? .*not found|command not"),
    ("libvirt-denied", r"authentication (unavailable|failed)|polkit|libvirt-sock.*Permission denied"
                       r"|Permission denied.*libvirt-sock|[Aa]ccess denied"),
    ("libvirt-stopped", r"Failed to connect socket to|unable to connect to .*libvirt|"
                        r"Cannot .*connect to .*socket"),
    ("certificate-foreign", r"[Cc]ertificate.*(not trusted|unknown|hasn't got a known issuer)"),
    ("certificate-name", r"[Cc]ertificate.*(owner|does not match|hostname)"),
    ("certificate-old", r"[Cc]ertificate.*(expired|not yet)"),
    ("no-name", r"(Name or service not known|nodename nor servname|Temporary failure in name|"
                r"Could not resolve|Unable to resolve)"),
    ("refused", r"Connection refused"),
    ("no-route", r"No route to host|Network is unreachable"),
    ("silent", r"timed out|did not answer|keepalive|No answer"),
)  # fmt: skip


def diagnose(words: str) -> str:
    """What libvirt's or ssh's words mean, as a code that has words; empty for none that we know."""
    for trouble, pattern in _TROUBLES:
        if re.search(pattern, words):
            return trouble
    return ""
