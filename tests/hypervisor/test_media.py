"""A tray that the guest locks: the lab's small guests have no driver that would lock one."""

from __future__ import annotations

import libvirt
import pytest

from kvmweb.core import errors
from kvmweb.hypervisor import media


class Locked:
    """A domain whose tray opens by force only, in the words of libvirt 9.0."""

    def __init__(self) -> None:
        self.is_open = False

    def updateDeviceFlags(self, _device: str, flags: int) -> int:  # noqa: N802 - libvirt's name
        if not flags & libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE:
            raise libvirt.libvirtError("timed out waiting to open tray of 'sata0-0-0'")
        self.is_open = True
        return 0


def test_a_locked_tray_is_told_apart_and_opens_by_force_only() -> None:
    domain = Locked()
    with pytest.raises(errors.Busy) as caught:
        media._open(domain, "<disk/>", force=False)
    assert caught.value.context["tray"] == "locked"
    assert not domain.is_open
    media._open(domain, "<disk/>", force=True)
    assert domain.is_open
