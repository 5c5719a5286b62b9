"""The answers for cloud-init: checked field by field, written as files, put on a disc."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.core import password_hashes, ssh_keys
from kvmweb.core.errors import Invalid
from kvmweb.core.wishes import CloudWish
from kvmweb.definitions import cloud_seeds
from kvmweb.services import cloud_networks
from kvmweb.services.marks import internal, open_to_all

KEYS_MAX = 50
USERS_MAX = 20
_ANEW = {
    "bootcmd": [
        [
            *("cloud-init-per", "instance", "kvmweb-machine-id", "sh", "-c"),
            "rm -f /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup",
        ]
    ]
}
"""Before anything of the new guest asks for it. cloud-init itself leaves the machine-id alone."""
PACKAGES_MAX = 100
PASSWORD_MAX = 256
_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_:~@/=-]{0,127}")
_LETS_IN = frozenset(
    {"users", "user", "password", "chpasswd", "ssh_authorized_keys", "ssh_import_id"}
    | {"bootcmd", "runcmd", "write_files"}
)
"""Of user-data: what makes somebody, or may do so by a command."""


@open_to_all("a pure function")
def faults(wish: CloudWish) -> dict[str, str]:
    """Field to the sentence that says what is wrong with it."""
    found: dict[str, str] = {}
    if wish.hostname and not _HOSTNAME.fullmatch(wish.hostname):
        found["hostname"] = _("Letters, digits and dashes, such as web01 or web01.example.org.")
    if wrong := _wrong_user(wish):
        found["user"] = wrong
    if len(wish.password) > PASSWORD_MAX or "\0" in wish.password or "\n" in wish.password:
        found["password"] = _("One line of at most %(n)d characters.") % {"n": PASSWORD_MAX}
    if wrong := _wrong_key(wish.keys):
        found["keys"] = wrong
    packages = wish.packages.split()
    bad = next((name for name in packages if not _PACKAGE.fullmatch(name)), "")
    if bad or len(packages) > PACKAGES_MAX:
        found["packages"] = _("Not the name of a package: %(name)s") % {"name": bad[:40]}
    try:
        cloud_seeds.read(wish.text)
    except Invalid as invalid:
        found["user_data"] = _said(invalid)
    return {**found, **cloud_networks.faults(wish)}


@open_to_all("a pure function")
def lets_in(wish: CloudWish) -> bool:
    """Whether somebody may be able to sign in to a cloud image that is told this.

    Such an image has no password of its own; its own user gets one, or a key, from here only.
    """
    if wish.password or wish.keys.strip():
        return True
    try:
        return not _LETS_IN.isdisjoint(cloud_seeds.read(wish.text))
    except Invalid:
        return True  # what it says is not known yet


@internal("a part of a creation")
def files(wish: CloudWish, name: str, *, copy: str = "", mac: str = "") -> dict[str, str]:
    """user-data, meta-data, and network-config for a fixed address; the password hashed.

    Raises Invalid. mac: of the card that gets the address.
    copy: the UUID of a guest whose disks ran as another one before: cloud-init begins anew there
    (host name, host keys), and its machine-id is made anew.
    """
    typed = cloud_seeds.read(wish.text)
    fields = _fields(wish)
    if copy:
        fields = {"ssh_deletekeys": True, "preserve_hostname": False, **_ANEW, **fields}
    user_data = cloud_seeds.write(cloud_seeds.merge(fields, typed))
    host = wish.hostname or re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "guest"
    meta = {"instance-id": f"kvmweb-{copy or name}", "local-hostname": host}
    meta_data = cloud_seeds.write(meta).removeprefix(cloud_seeds.HEAD)
    network = {"network-config": cloud_networks.text(wish, mac)} if wish.is_fixed else {}
    return {"user-data": user_data, "meta-data": meta_data, **network}


@internal("a part of a creation")
def image(answers: Mapping[str, str]) -> bytes:
    """The disc that carries them."""
    return cloud_seeds.disc(answers)


def _fields(wish: CloudWish) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if wish.hostname:
        values.update(hostname=wish.hostname.partition(".")[0], fqdn=wish.hostname)
    if users := _users(wish.user):
        first, *others = users
        keys = _keys(wish.keys)
        if wish.password:
            values["ssh_pwauth"] = True
        values["users"] = ["default", _user(first, wish.password, keys)]
        values["users"] += [_user(name, "", keys) for name in others]
    if wish.packages.split():
        values["packages"] = wish.packages.split()
    return values


def _users(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _user(name: str, password: str, keys: list[str]) -> dict[str, Any]:
    user: dict[str, Any] = {"name": name, "groups": "sudo, wheel"}
    user |= {"shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL"}
    user["lock_passwd"] = not password
    if password:
        user["passwd"] = password_hashes.sha512(password)
    if keys:
        user["ssh_authorized_keys"] = [*keys]  # of its own: YAML would write an alias
    return user


def _wrong_user(wish: CloudWish) -> str:
    names = _users(wish.user)
    if not all(_USER.fullmatch(name) for name in names):
        return _("Lower-case letters, digits, dashes; it begins with a letter.")
    if len(names) > USERS_MAX:
        return _("At most %(n)d users.") % {"n": USERS_MAX}
    if twice := next((name for name in names if names.count(name) > 1), ""):
        return _("%(name)s is named twice.") % {"name": twice}
    if not names and (wish.password or wish.keys.strip()):
        return _("Whose password and keys are these?")
    return ""


def _keys(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [ssh_keys.check(line) for line in lines if line and not line.startswith("#")]


def _wrong_key(text: str) -> str:
    lines = text.splitlines()
    if len(lines) > KEYS_MAX:
        return _("At most %(n)d keys.") % {"n": KEYS_MAX}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        try:
            ssh_keys.check(line)
        except ValueError as error:
            return _("Line %(n)d is not an SSH public key: %(why)s.") % {"n": number, "why": error}
    return ""


def _said(invalid: Invalid) -> str:
    values = {"n": invalid.context.get("line", ""), "why": invalid.detail}
    return _("Line %(n)s: %(why)s") % values if values["n"] else invalid.detail
