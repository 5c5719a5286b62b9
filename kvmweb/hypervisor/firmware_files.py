"""The file of a guest's firmware variables: it follows the guest's name, is copied, and goes.

libvirt copies and deletes volumes only: the folder of the file is one of its pools for a moment.
Measured (libvirt 9.0): a definition that only asks for UEFI names no file, and libvirt looks for
one that is called as the guest is: a rename leaves it behind, and whoever is called so next starts
with it.

What lies in the file a guest may have written: it is copied byte by byte. A copy of libvirt's own
would look at it first, and bring along whatever file of the host it says that it builds on.
"""

from __future__ import annotations

import logging
import posixpath
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import libvirt

from kvmweb.core import errors
from kvmweb.core.pools import PASSING, PoolSpec
from kvmweb.core.volumes import VolumeSpec
from kvmweb.definitions import firmware as xml
from kvmweb.definitions import pools as pool_xml
from kvmweb.definitions import volumes as volume_xml
from kvmweb.hypervisor import changing, faults, pools

log = logging.getLogger(__name__)

FOLDER = "/var/lib/libvirt/qemu/nvram"
"""Where libvirt's daemon of the whole host keeps them: it does not tell (virt-manager knows it
likewise)."""
MOST = 64 * 1024**2
"""What the flash of a guest on ARM has room for, the largest there is."""
_PIECE = 262_120
"""As much as fits one message of libvirt."""
_one_at_a_time = threading.Lock()
"""Two of these may not share a folder's pool: the first would end it under the other."""


def of(connection: libvirt.virConnect, text: str) -> str:
    """The file of this definition's variables; empty for none. It may not have been made yet.

    Raises NotSupported for one that only libvirt itself could find: of a person's own daemon.
    """
    named, unnamed = xml.variables(text), xml.unnamed_variables(text)
    if named or not unnamed:
        return named
    if urlsplit(connection.getURI()).path != "/system":
        raise errors.NotSupported("libvirt does not tell where its firmware's settings are")
    return f"{FOLDER}/{unnamed}"


def of_clone(variables: str, text: str, uuid: str, name: str) -> str:
    """The file for a clone of this definition, beside the original's; nothing for nothing."""
    if not variables:
        return ""
    own = f"{uuid if xml.variables(text) else name}_VARS.fd"
    return posixpath.join(posixpath.dirname(variables), own)


@contextmanager
def following(
    connection: libvirt.virConnect, domain: libvirt.virDomain, name: str
) -> Iterator[None]:
    """While the guest is given this name: the file that is called as the guest goes along.

    Cut off in the middle, the guest still has what its definition names. Raises NotSupported, Busy
    (another guest has a file of the new name), and what libvirt says: then nothing was renamed.
    """
    text, uuid = domain.XMLDesc(changing.INACTIVE), domain.UUIDString()
    old = of(connection, text)
    new = _called(old, domain.name(), name)
    if new == old:
        yield
        return
    copy(connection, old, new, uuid)
    try:
        yield
        if xml.variables(text):
            changing.store(connection, domain, lambda now: xml.with_variables(now, new))
    except BaseException:
        with suppress(errors.Problem):
            delete(connection, new, uuid)
        raise
    _let_go(connection, old, uuid)


def copy(connection: libvirt.virConnect, source: str, target: str, uuid: str) -> None:
    """uuid: of the guest that it is for. What lies there of nobody's goes.

    Nothing is copied where the original never started: its variables are made at that moment.
    Raises Busy when another guest has the target, NotSupported for more than a flash chip.
    """
    with pools.translated(), _folder(connection, source, uuid) as pool:
        _drop(connection, pool, target, uuid)
        original = _volume(pool, source)
        if original is not None:
            held = _read(connection, original)
            spec = VolumeSpec(posixpath.basename(target), len(held), "raw")
            _fill(connection, pool.createXML(volume_xml.build(spec), 0), held)


def _read(connection: libvirt.virConnect, volume: libvirt.virStorageVol) -> bytes:
    stream, held = connection.newStream(0), bytearray()
    volume.download(stream, 0, 0, 0)
    try:
        while piece := stream.recv(_PIECE):
            held += piece
            if len(held) > MOST:
                raise errors.NotSupported("firmware's settings of such a size", file=volume.path())
    except BaseException:
        stream.abort()
        raise
    stream.finish()
    return bytes(held)


def _fill(connection: libvirt.virConnect, volume: libvirt.virStorageVol, held: bytes) -> None:
    """Or it is not there."""
    stream = connection.newStream(0)
    try:
        volume.upload(stream, 0, len(held), 0)
        left = memoryview(held)
        while left:
            left = left[stream.send(bytes(left[:_PIECE])) :]
        stream.finish()
    except BaseException:
        with suppress(libvirt.libvirtError):
            stream.abort()
        with suppress(libvirt.libvirtError):
            volume.delete(0)
        raise


def refuse_namesake(connection: libvirt.virConnect, name: str, uuid: str) -> None:
    """Where libvirt would look for the variables of a guest of this name, another one may have its
    own: this guest would start with them, and take them along when it goes. Raises Busy."""
    for other in connection.listAllDomains(0):
        if other.UUIDString() != uuid and _base(other).startswith(f"{name}_VARS."):
            raise errors.Busy(f"the firmware's settings of {other.name()} are called {name}")


def delete(connection: libvirt.virConnect, path: str, uuid: str) -> None:
    """It may be gone. uuid: of the guest that it was for. Raises Busy when another guest has it."""
    with pools.translated(), _folder(connection, path, uuid) as pool:
        _drop(connection, pool, path, uuid)


def forget(connection: libvirt.virConnect, text: str, uuid: str) -> None:
    """Whatever lies where this definition's variables are or will be made: nobody's, but for those
    of another guest. What cannot be looked at stays, and is said in the log."""
    try:
        path = of(connection, text)
    except errors.NotSupported as problem:
        log.warning("%s: its firmware's variables stay: %s", uuid, problem.detail)
        return
    if path:
        _let_go(connection, path, uuid)


def _let_go(connection: libvirt.virConnect, path: str, uuid: str) -> None:
    try:
        delete(connection, path, uuid)
    except errors.HostDown:
        raise
    except errors.Problem as problem:
        log.warning("%s: %s stays: %s", uuid, path, problem.detail)


def leave(connection: libvirt.virConnect, uuid: str) -> None:
    """Without the pool that was there for a moment, where somebody died in that moment."""
    for pool in connection.listAllStoragePools(0):
        if pool.name() == f"{PASSING}{uuid}":
            pool.destroy()


def _called(path: str, before: str, after: str) -> str:
    """The same file called as the guest is then; as it is where it is not called so now."""
    folder, base = posixpath.split(path)
    rest = base.removeprefix(before)
    return f"{folder}/{after}{rest}" if rest != base and rest[:1] in ("_", ".", "-") else path


def _drop(
    connection: libvirt.virConnect, pool: libvirt.virStoragePool, path: str, uuid: str
) -> None:
    found = _volume(pool, path)
    if found is None:
        return
    for other in connection.listAllDomains(0):
        if other.UUIDString() != uuid and _has(connection, other, path):
            raise errors.Busy(f"it holds the firmware's settings of {other.name()}", file=path)
    found.delete(0)


def _has(connection: libvirt.virConnect, domain: libvirt.virDomain, path: str) -> bool:
    try:
        text = _stored(domain)
        return bool(text) and of(connection, text) == path
    except errors.NotSupported:
        return False


def _base(domain: libvirt.virDomain) -> str:
    text = _stored(domain)
    return posixpath.basename(xml.variables(text)) or xml.unnamed_variables(text) if text else ""


def _stored(domain: libvirt.virDomain) -> str:
    """Nothing of a guest that is gone meanwhile."""
    try:
        return str(domain.XMLDesc(changing.INACTIVE if domain.isPersistent() else 0))
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return ""
        raise


@contextmanager
def _folder(
    connection: libvirt.virConnect, path: str, uuid: str
) -> Iterator[libvirt.virStoragePool]:
    """The started pool of this file's folder, or one that is ours for a moment."""
    folder = posixpath.dirname(path)
    with _one_at_a_time:
        pool = _pool_at(connection, folder) or _passing(connection, folder, uuid)
        try:
            pool.refresh(0)
            yield pool
        finally:
            if pool.name().startswith(PASSING):
                pool.destroy()


def _pool_at(connection: libvirt.virConnect, folder: str) -> libvirt.virStoragePool | None:
    for pool in connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        if pool_xml.parse(pool.XMLDesc(0)).path.rstrip("/") == folder:
            return pool
    return None


def _passing(connection: libvirt.virConnect, folder: str, uuid: str) -> libvirt.virStoragePool:
    made = pool_xml.build(PoolSpec(name=f"{PASSING}{uuid}", type="dir", target=folder))
    return connection.storagePoolCreateXML(made, 0)


def _volume(pool: libvirt.virStoragePool, path: str) -> libvirt.virStorageVol | None:
    try:
        return pool.storageVolLookupByName(posixpath.basename(path))
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return None
        raise
