"""What the agent inside a guest is asked to do there. A password passes through and stays nowhere.

Source: virDomainSetUserPassword, virDomainAuthorizedSSHKeysSet, virDomainFSFreeze, virDomainFSTrim,
virDomainSetTime.
"""

from __future__ import annotations

import time

import libvirt

from kvmweb.core import errors, plain
from kvmweb.hypervisor.agent import asking

ANSWER_S = 6
FREEZE_S = 12
"""All that is not written yet must be written first."""
TRIM_S = 300
KEYS_MAX = 64
KEY_MAX = 4096


def set_password(
    connection: libvirt.virConnect, uuid: str, *, user: str, password: str, is_hashed: bool = False
) -> None:
    """Give a user of the guest another password. Raises as `asking`, and Fault in its words."""
    flags = libvirt.VIR_DOMAIN_PASSWORD_ENCRYPTED if is_hashed else 0
    with asking(connection, uuid, ANSWER_S) as domain:
        domain.setUserPassword(user, password, flags)


def keys(connection: libvirt.virConnect, uuid: str, *, user: str) -> list[str]:
    """The keys that may sign in as this user: what the guest says, cut to size."""
    with asking(connection, uuid, ANSWER_S) as domain:
        try:
            found = domain.authorizedSSHKeysGet(user, 0)
        except libvirt.libvirtError as error:
            if "No such file or directory" in str(error):
                return []  # the user has none yet
            raise
    return [plain.line(key, KEY_MAX) for key in (found or [])[:KEYS_MAX]]


def change_keys(
    connection: libvirt.virConnect, uuid: str, *, user: str, key: str, is_added: bool
) -> None:
    """Add one key, or take one away; the others stay."""
    kinds = ("REMOVE", "APPEND")
    flag = getattr(libvirt, f"VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_{kinds[is_added]}", None)
    if flag is None:
        raise errors.NotSupported("this libvirt knows no keys")
    with asking(connection, uuid, ANSWER_S) as domain:
        domain.authorizedSSHKeysSet(user, [key], flag)


def freeze(connection: libvirt.virConnect, uuid: str) -> int:
    """Hold every write in the guest; answers how many file systems."""
    with asking(connection, uuid, FREEZE_S) as domain:
        return int(domain.fsFreeze(None, 0))


def thaw(connection: libvirt.virConnect, uuid: str) -> int:
    """Let it write again; answers how many file systems were frozen."""
    with asking(connection, uuid, FREEZE_S) as domain:
        return int(domain.fsThaw(None, 0))


def trim(connection: libvirt.virConnect, uuid: str) -> None:
    """Give blocks that are free in the guest back to its disks."""
    with asking(connection, uuid, TRIM_S) as domain:
        domain.fSTrim(None, 0, 0)


def set_time(connection: libvirt.virConnect, uuid: str) -> None:
    """Put the guest's clock right, by that of the host's worker."""
    with asking(connection, uuid, ANSWER_S) as domain:
        now = time.time()
        nanoseconds = int((now - int(now)) * 1e9)
        domain.setTime({"seconds": int(now), "nseconds": nanoseconds}, 0)
