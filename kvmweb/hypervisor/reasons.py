"""libvirt's reasons for a guest's state, as words. Source: virDomain*Reason in libvirt-domain.h."""

from __future__ import annotations

import libvirt

_PREFIXES = {
    libvirt.VIR_DOMAIN_RUNNING: "VIR_DOMAIN_RUNNING_",
    libvirt.VIR_DOMAIN_BLOCKED: "VIR_DOMAIN_BLOCKED_",
    libvirt.VIR_DOMAIN_PAUSED: "VIR_DOMAIN_PAUSED_",
    libvirt.VIR_DOMAIN_SHUTDOWN: "VIR_DOMAIN_SHUTDOWN_",
    libvirt.VIR_DOMAIN_SHUTOFF: "VIR_DOMAIN_SHUTOFF_",
    libvirt.VIR_DOMAIN_CRASHED: "VIR_DOMAIN_CRASHED_",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "VIR_DOMAIN_PMSUSPENDED_",
}

_WORDS = {
    (state, getattr(libvirt, name)): name.removeprefix(prefix).lower().replace("_", "-")
    for state, prefix in _PREFIXES.items()
    for name in dir(libvirt)
    if name.startswith(prefix)
}


def word(state: int, reason: int) -> str:
    """booted, user, migration, crashed, …; empty when libvirt does not know."""
    found = _WORDS.get((state, reason), "")
    return "" if found == "unknown" else found
