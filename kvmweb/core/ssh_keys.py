"""SSH public keys as people paste them: one a line, `type base64 comment`.

Source: RFC 4253 section 6.6 for the blob, sshd(8) AUTHORIZED_KEYS for the line. Options before the
type are refused: a key is a key, not a command.
"""

from __future__ import annotations

import base64
import binascii
import struct

FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
"""How many values follow the type within the blob."""
RSA_BITS_MIN = 1024
_LENGTH = struct.Struct(">I")


def check(line: str) -> str:
    """The key, with single spaces. Raises ValueError that says what is wrong, in English."""
    words = line.split()
    if len(words) < 2 or words[0] not in FIELDS:
        raise ValueError("no known type of key")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    fields = _fields(blob)
    if not fields or fields[0] != words[0].encode():
        raise ValueError("the key is not of the type it says")
    if len(fields) != FIELDS[words[0]] + 1:
        raise ValueError("the key is not complete")
    if words[0] == "ssh-rsa" and len(fields[2].lstrip(b"\0")) * 8 < RSA_BITS_MIN:
        raise ValueError("the key is too short")
    if words[0] == "ssh-ed25519" and len(fields[1]) != 32:
        raise ValueError("the key is not complete")
    return " ".join(words)


def _fields(blob: bytes) -> list[bytes]:
    found, place = [], 0
    while place < len(blob):
        if len(blob) - place < _LENGTH.size:
            raise ValueError("the key is not complete")
        (length,) = _LENGTH.unpack_from(blob, place)
        place += _LENGTH.size
        if length > len(blob) - place:
            raise ValueError("the key is not complete")
        found.append(blob[place : place + length])
        place += length
    return found
