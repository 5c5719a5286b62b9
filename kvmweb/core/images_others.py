"""Headers of the formats that come from other hypervisors."""

from __future__ import annotations

import re
import struct
from uuid import UUID

from kvmweb.core.images_facts import Facts, Trouble, string, unpack

VDI_SIGNATURE = struct.pack("<I", 0xBEDA107F)
_VDI_OWN = (1, 2)
"""Dynamic and fixed; the others are differences to another image."""
_VHDX_METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
_VHDX_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
_VHDX_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
_VHDX_REGIONS = 192 * 1024
_VHDX_MOST = 16 * 1024 * 1024
_SECTOR = 512
_OWN_KINDS = ("monolithicsparse", "streamoptimized")
_EXTENT = re.compile(r'^(?:RW|RDONLY|NOACCESS)\s+(\d+)\s+(\S+)(?:\s+"([^"]*)")?', re.MULTILINE)


def qed(first: bytes) -> Facts:
    """QEMU's enhanced disk: little endian, 64 bytes."""
    head = unpack("<16xQQQQQII", first)
    if head is None:
        return Facts(format="qed", troubles=(Trouble.BROKEN,))
    features, _, _, _, size, name_at, name_size = head
    if not features & 1:
        return Facts(format="qed", virtual_size=size)
    name = string(first[name_at : name_at + min(name_size, 1023)]) or "?"
    return Facts(format="qed", virtual_size=size, backing=name, troubles=(Trouble.BACKING,))


def vmdk(first: bytes) -> Facts:
    """A sparse extent, mostly with its description inside."""
    head = unpack("<4xIIQQQQ", first)
    if head is None:
        return Facts(format="vmdk", troubles=(Trouble.BROKEN,))
    _, _, sectors, _, text_at, text_sectors = head
    start, length = text_at * _SECTOR, min(text_sectors, 128) * _SECTOR
    if not text_at:
        return Facts(format="vmdk", virtual_size=sectors * _SECTOR, troubles=(Trouble.EXTERNAL,))
    if start + length > len(first):
        wants = start + length if start + length <= _VHDX_MOST else 0
        troubles = (Trouble.UNREAD,)
        return Facts("vmdk", virtual_size=sectors * _SECTOR, troubles=troubles, wants=wants)
    facts = _described(first[start : start + length], is_own_file=bool(sectors))
    size = sectors * _SECTOR if sectors else facts.virtual_size
    return Facts("vmdk", virtual_size=size, others=facts.others, troubles=facts.troubles)


def vmdk_old(first: bytes) -> Facts:
    """An extent of ESX: may have a parent that only its description names."""
    head = unpack("<12xI", first)
    size = head[0] * _SECTOR if head else 0
    return Facts(format="vmdk", virtual_size=size, troubles=(Trouble.EXTERNAL,))


def vmdk_description(first: bytes) -> Facts:
    """A description alone: all data lies in other files."""
    return _described(first[: 64 * 1024], is_own_file=False)


def _described(text: bytes, *, is_own_file: bool) -> Facts:
    """What a description says. is_own_file: its one extent is the file that it stands in."""
    words = text.split(b"\0", 1)[0].decode("utf-8", "replace")
    kind = _value(words, "createType").lower()
    parent = _value(words, "parentCID").lower()
    extents = _EXTENT.findall(words)
    names = [name for _, _, name in extents if name]
    if is_own_file and kind in _OWN_KINDS and len(names) <= 1:
        names = []
    if parent not in ("", "ffffffff") or _value(words, "parentFileNameHint"):
        names.append(_value(words, "parentFileNameHint") or "?")
    is_external = bool(names) or not is_own_file or kind not in _OWN_KINDS
    return Facts(
        format="vmdk",
        virtual_size=sum(min(int(count), 2**54) for count, _, _ in extents[:64]) * _SECTOR,
        others=tuple(string(name.encode()) for name in names[:16]),
        troubles=(Trouble.EXTERNAL,) if is_external else (),
    )


def _value(words: str, name: str) -> str:
    found = re.search(rf'^\s*{name}\s*=\s*"?([^"\r\n]*)', words, re.MULTILINE | re.IGNORECASE)
    return found.group(1).strip() if found else ""


def vdi(first: bytes) -> Facts:
    """VirtualBox's image."""
    head = unpack("<68xIII", first)
    size_at = unpack("<Q", first, 0x170)
    link = first[0x1A8:0x1B8]
    if head is None or size_at is None or len(link) < 16:
        return Facts(format="vdi", troubles=(Trouble.BROKEN,))
    is_own = head[2] in _VDI_OWN and not any(link)
    troubles = () if is_own else (Trouble.EXTERNAL,)
    return Facts(format="vdi", virtual_size=size_at[0], troubles=troubles)


def vpc(first: bytes) -> Facts:
    """Virtual PC's image, whose footer is repeated at its beginning unless its size is fixed."""
    head = unpack(">48xQ4xI", first)
    if head is None:
        return Facts(format="vpc", troubles=(Trouble.BROKEN,))
    size, kind = head
    troubles = () if kind in (2, 3) else (Trouble.EXTERNAL,)
    return Facts(format="vpc", virtual_size=size, troubles=troubles)


def vhdx(first: bytes) -> Facts:
    """Hyper-V's image: its facts stand in a region that a table names."""
    region = _vhdx_region(first)
    if region is None:
        return Facts(format="vhdx", troubles=(Trouble.BROKEN,))
    start, length = region
    if start + length > _VHDX_MOST:
        return Facts(format="vhdx", troubles=(Trouble.UNREAD,))
    if start + length > len(first):
        return Facts(format="vhdx", troubles=(Trouble.UNREAD,), wants=start + length)
    items = _vhdx_items(first[start : start + length])
    size, parameters = items.get(_VHDX_SIZE, b""), items.get(_VHDX_PARAMETERS, b"")
    if len(size) < 8 or len(parameters) < 8:
        return Facts(format="vhdx", troubles=(Trouble.BROKEN,))
    (virtual,) = struct.unpack_from("<Q", size)
    (flags,) = struct.unpack_from("<I", parameters, 4)
    troubles = (Trouble.EXTERNAL,) if flags & 2 else ()
    return Facts(format="vhdx", virtual_size=virtual, troubles=troubles)


def _vhdx_region(first: bytes) -> tuple[int, int] | None:
    """Where the metadata lie."""
    head = unpack("<4s4xI", first, _VHDX_REGIONS)
    if head is None or head[0] != b"regi":
        return None
    for order in range(min(head[1], 64)):
        entry = unpack("<16sQI", first, _VHDX_REGIONS + 16 + order * 32)
        if entry and entry[0] == _VHDX_METADATA:
            return int(entry[1]), int(entry[2])
    return None


def _vhdx_items(region: bytes) -> dict[bytes, bytes]:
    head = unpack("<8s2xH", region)
    if head is None or head[0] != b"metadata":
        return {}
    found = {}
    for order in range(min(head[1], 1024)):
        entry = unpack("<16sII", region, 32 + order * 32)
        if entry:
            found[entry[0]] = region[entry[1] : entry[1] + min(entry[2], 4096)]
    return found
