"""The smallest system there is: 512 bytes that say `login:` on the serial port and echo what is
typed; Enter says it again. It boots in a second from a disk, a disc or the network, so that every
source of a new guest can be proven without an operating system.
"""

from __future__ import annotations

import io
from pathlib import Path

import pycdlib

GREETING = "TINY SYSTEM login: "
_DATA, _STATUS = b"\xba\xf8\x03", b"\xba\xfd\x03"
"""mov dx, 0x3f8 / 0x3fd: the first serial port of a PC."""


def sector(greeting: str = GREETING) -> bytes:
    """Position-independent 16-bit code, its text, and the mark that the BIOS looks for."""
    start = b"\xe8\x00\x00\x5e"  # call next; next: pop si
    put = b"\x50" + _STATUS + b"\xec\xa8\x20\x74\xf8\x58" + _DATA + b"\xee\xc3"
    # print: mov al, cs:[si]; inc si; or al, al; jz echo; call put; jmp print
    printing = 13
    # echo: sti; hlt; read the status; jz echo; read; cmp al, 13; jz start; call put; jmp echo
    echoing = 2 + 3 + 1 + 2 + 2 + 3 + 1 + 2 + 2 + 3 + 2
    head = len(start) + 4
    at_echo, at_put = head + printing, head + printing + echoing
    text = at_put + len(put)
    code = start + b"\x81\xc6" + _word(text - 3)
    code += b"\x2e\x8a\x04\x46\x08\xc0\x74\x05\xe8" + _word(at_put - (head + 11)) + b"\xeb\xf3"
    code += b"\xfb\xf4" + _STATUS + b"\xec\xa8\x01" + _jump(0x74, at_echo + 10, at_echo)
    code += _DATA + b"\xec\x3c\x0d" + _jump(0x74, at_echo + 18, 0)
    code += b"\xe8" + _word(at_put - (at_echo + 21)) + _jump(0xEB, at_echo + 23, at_echo)
    code += put + b"\r\n" + greeting.encode() + b"\0"
    return code.ljust(510, b"\0") + b"\x55\xaa"


def disk(path: Path, size: int = 1024**2) -> Path:
    """A raw disk that boots it."""
    path.write_bytes(sector().ljust(size, b"\0"))
    return path


def disc(
    path: Path, volume: str = "TINY", *, publisher: str = "", is_bootable: bool = True
) -> Path:
    """An ISO with these ids that boots it (El Torito, no emulation)."""
    iso = pycdlib.PyCdlib()
    iso.new(vol_ident=volume, pub_ident_str=publisher)
    if is_bootable:
        _boot(iso)
    iso.write(str(path))
    iso.close()
    return path


def _boot(iso: pycdlib.PyCdlib) -> None:
    code = sector().ljust(2048, b"\0")
    iso.add_fp(io.BytesIO(code), len(code), "/BOOT.;1")
    iso.add_eltorito("/BOOT.;1", bootcatfile="/BOOT.CAT;1", boot_load_size=4)


def _word(value: int) -> bytes:
    return (value & 0xFFFF).to_bytes(2, "little")


def _jump(code: int, after: int, to: int) -> bytes:
    """A short jump; after: where the next instruction stands."""
    return bytes((code, (to - after) & 0xFF))
