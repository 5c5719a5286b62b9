"""What can be done with a guest. Each does nothing, and succeeds, where it is done already; power
acts answer whether they changed anything."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import elements
from kvmweb.definitions import guests as xml
from kvmweb.hypervisor import faults, metadata
from kvmweb.hypervisor.guests import STATES

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

TEXT_MAX = 32_000
"""Characters of a description; a title holds one line of 256."""
TITLE_MAX = 256
SCREENSHOT_MAX = 32 * 1024 * 1024
KEYS_MAX = 16
"""libvirt's own limit of one sendKey."""
HOLD_MAX_MS = 2000


def find(connection: libvirt.virConnect, uuid: str) -> libvirt.virDomain:
    """The domain with this UUID. Raises NotFound, Invalid."""
    if not UUID.fullmatch(uuid):
        raise errors.Invalid("not a UUID")
    with faults.translated():
        return connection.lookupByUUIDString(uuid)


def start(
    connection: libvirt.virConnect, uuid: str, *, paused: bool = False, reset_saved: bool = False
) -> bool:
    """Power on, or restore what was saved; reset_saved discards that first.

    Raises WrongState for a template and for what is in the recycle bin: their disks stay.
    """
    domain = find(connection, uuid)
    flags = libvirt.VIR_DOMAIN_START_PAUSED if paused else 0
    flags |= libvirt.VIR_DOMAIN_START_FORCE_BOOT if reset_saved else 0
    metadata.refuse_kept(domain)
    return _do(domain, lambda: domain.createWithFlags(flags), is_done=_is_active)


def shutdown(connection: libvirt.virConnect, uuid: str, *, mode: str = "") -> bool:
    """Ask the guest to power off: mode acpi or agent, or libvirt's own choice."""
    domain = find(connection, uuid)
    flags = _choice(
        mode,
        acpi=libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
        agent=libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
    )
    return _do(domain, lambda: domain.shutdownFlags(flags), is_done=_is_inactive)


def reboot(connection: libvirt.virConnect, uuid: str, *, mode: str = "") -> bool:
    """Ask the guest to restart: mode acpi or agent, or libvirt's own choice."""
    domain = find(connection, uuid)
    flags = _choice(
        mode,
        acpi=libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN,
        agent=libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT,
    )
    return _do(domain, lambda: domain.reboot(flags))


def reset(connection: libvirt.virConnect, uuid: str) -> bool:
    """Press the reset button."""
    domain = find(connection, uuid)
    return _do(domain, lambda: domain.reset(0))


def destroy(connection: libvirt.virConnect, uuid: str) -> bool:
    """Pull the plug."""
    domain = find(connection, uuid)
    return _do(domain, domain.destroy, is_done=_is_inactive)


def suspend(connection: libvirt.virConnect, uuid: str) -> bool:
    """Pause the vCPUs."""
    domain = find(connection, uuid)
    if _state(domain) == libvirt.VIR_DOMAIN_PAUSED:
        return False
    return _do(domain, domain.suspend, is_done=_is_paused)


def resume(connection: libvirt.virConnect, uuid: str) -> bool:
    """Go on after a pause, or wake up after a suspend to memory."""
    domain = find(connection, uuid)
    if _state(domain) == libvirt.VIR_DOMAIN_PMSUSPENDED:
        return _do(domain, lambda: domain.pMWakeup(0), is_done=_is_running)
    if _state(domain) == libvirt.VIR_DOMAIN_RUNNING:
        return False
    return _do(domain, domain.resume, is_done=_is_running)


def save(connection: libvirt.virConnect, uuid: str, *, paused: bool = False) -> bool:
    """Managed save: memory to a file, then off. The next start goes on from there."""
    domain = find(connection, uuid)
    flags = libvirt.VIR_DOMAIN_SAVE_PAUSED if paused else 0
    return _do(domain, lambda: domain.managedSave(flags), is_done=_is_saved)


def discard_saved(connection: libvirt.virConnect, uuid: str) -> bool:
    """Throw the saved memory away."""
    domain = find(connection, uuid)
    with faults.translated():
        if not domain.hasManagedSaveImage(0):
            return False
        domain.managedSaveRemove(0)
        return True


def nmi(connection: libvirt.virConnect, uuid: str) -> bool:
    """Inject a non-maskable interrupt."""
    domain = find(connection, uuid)
    return _do(domain, lambda: domain.injectNMI(0))


def autostart(connection: libvirt.virConnect, uuid: str, *, enabled: bool) -> bool:
    """Start with the host, or not. There is no event for it: read the guest afterwards."""
    domain = find(connection, uuid)
    with faults.translated():
        if bool(domain.autostart()) == enabled:
            return False
    return _do(domain, lambda: domain.setAutostart(int(enabled)))


def definition_hash(domain: libvirt.virDomain) -> str:
    """Of the inactive definition; of the live one where there is no other."""
    with faults.translated():
        is_live = domain.isActive() and not domain.isPersistent()
        return elements.fingerprint(
            domain.XMLDesc(0 if is_live else libvirt.VIR_DOMAIN_XML_INACTIVE)
        )


def describe(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    title: str | None = None,
    description: str | None = None,
    tags: list[str] | None = None,
    definition_hash: str = "",
) -> None:
    """Write title, description and tags, live and persistent; None leaves one as it is.

    Raises: Conflict, with the hash of what is there, when it is no longer what the person saw.
    """
    domain = find(connection, uuid)
    there = _hash_of(domain)
    if definition_hash and definition_hash != there:
        raise errors.Conflict("the definition changed meanwhile", name=domain.name(), hash=there)
    if title is not None and ("\n" in title or len(title) > TITLE_MAX):
        raise errors.Invalid(f"a title is one line of at most {TITLE_MAX} characters")
    if description is not None and len(description) > TEXT_MAX:
        raise errors.Invalid(f"a description has at most {TEXT_MAX} characters")
    holder = None if not tags else xml.build_tags(tuple(tags))
    if title is not None:
        metadata.write(domain, libvirt.VIR_DOMAIN_METADATA_TITLE, title or None)
    if description is not None:
        metadata.write(domain, libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, description or None)
    if tags is not None:
        metadata.write(domain, metadata.ELEMENT, holder, metadata.TAGS)


_hash_of = definition_hash


def sendkeys(
    connection: libvirt.virConnect, uuid: str, *, keycodes: list[int], hold_ms: int = 50
) -> None:
    """Press these keys together (Linux key codes) and let go after hold_ms."""
    if not 1 <= len(keycodes) <= KEYS_MAX or not all(0 < int(code) < 768 for code in keycodes):
        raise errors.Invalid(f"1 to {KEYS_MAX} Linux key codes")
    domain = find(connection, uuid)
    hold = max(0, min(int(hold_ms), HOLD_MAX_MS))
    codes = [int(code) for code in keycodes]
    _do(
        domain,
        lambda: domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, hold, codes, len(codes), 0),
    )


def screenshot(connection: libvirt.virConnect, uuid: str, *, screen: int = 0) -> tuple[int, str]:
    """The screen now: a memory file at its start, and the image's MIME type."""
    domain = find(connection, uuid)
    stream = connection.newStream(0)
    image = os.memfd_create("screenshot", os.MFD_CLOEXEC)
    try:
        with faults.translated():
            mime = domain.screenshot(stream, screen, 0)
            taken = 0
            while chunk := stream.recv(256 * 1024):
                taken += os.write(image, chunk)
                if taken > SCREENSHOT_MAX:
                    stream.abort()
                    raise errors.Fault("the screenshot is too large")
            stream.finish()
    except BaseException:
        os.close(image)
        raise
    os.lseek(image, 0, os.SEEK_SET)
    return image, str(mime)


def _choice(mode: str, **flags: int) -> int:
    if mode and mode not in flags:
        raise errors.Invalid(f"mode is one of {', '.join(flags)}")
    return flags.get(mode, 0)


def _do(
    domain: libvirt.virDomain,
    act: Callable[[], object],
    *,
    is_done: Callable[[libvirt.virDomain], bool] | None = None,
) -> bool:
    """Act; a refusal counts as success when the guest is where it was wanted: False then."""
    try:
        act()
    except libvirt.libvirtError as error:
        found = faults.problem(error)
        if isinstance(found, errors.WrongState | errors.Fault):
            with faults.translated():
                if is_done and is_done(domain):
                    return False
                state = STATES.get(_state(domain))
            found.context.update(state=str(state), name=domain.name())
        raise found from error
    return True


def _state(domain: libvirt.virDomain) -> int:
    with faults.translated():
        return int(domain.state(0)[0])


def _is_active(domain: libvirt.virDomain) -> bool:
    return bool(domain.isActive())


def _is_inactive(domain: libvirt.virDomain) -> bool:
    return not domain.isActive()


def _is_running(domain: libvirt.virDomain) -> bool:
    return bool(_state(domain) == libvirt.VIR_DOMAIN_RUNNING)


def _is_paused(domain: libvirt.virDomain) -> bool:
    return bool(_state(domain) == libvirt.VIR_DOMAIN_PAUSED)


def _is_saved(domain: libvirt.virDomain) -> bool:
    return not domain.isActive() and bool(domain.hasManagedSaveImage(0))
