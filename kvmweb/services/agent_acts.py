"""What a person has the agent in a guest do: passwords, keys, its clock, free blocks.

A password goes to the guest and nowhere else: no log, no audit, no notice, no process list, and the
guest's own words about it are not passed on, for they may hold it.
"""

from __future__ import annotations

import re
from typing import NoReturn

from django.utils.translation import gettext as _

from kvmweb.core import plain, ssh_keys
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import agent, audit, power, power_line, present
from kvmweb.services.guard import guarded
from kvmweb.services.power_line import Outcome

USER_MAX = 64
PASSWORD_MAX = 256
KEY_MAX = 4000
_USER = re.compile(r"[^\s:\x00-\x1f\x7f-\x9f/\\-][^:\x00-\x1f\x7f-\x9f/\\]*")
_HASH = re.compile(r"\$[0-9a-z]+\$[ -9;-~]{10,240}")
"""As crypt(5) writes it."""


@guarded("guest.password")
def set_password(
    actor: Actor, ref: Ref, *, user: str, password: str, is_hashed: bool = False
) -> None:
    """Another password for a user of the guest. Raises Invalid (fields), AgentSilent, HostDown."""
    present.reachable(ref)
    audit.running().detail.update(user=plain.line(user, USER_MAX), is_hashed=is_hashed)
    wrong = _user(user)
    if not password or len(password) > PASSWORD_MAX:
        wrong["password"] = _("1 to %(n)d characters.") % {"n": PASSWORD_MAX}
    elif not password.isprintable():
        wrong["password"] = _("Control characters cannot be stored.")
    elif is_hashed and not _HASH.fullmatch(password):
        wrong["password"] = _("This is no hash as in /etc/shadow, such as $6$salt$hash.")
    if wrong:
        raise Invalid(fields=wrong)
    try:
        client.call(
            ref.host, "agent.password", uuid=ref.id, user=user, password=password,
            is_hashed=is_hashed,
        )  # fmt: skip
    except Invalid:
        said = _("The guest did not take it. It may not know this user, or refuse this password.")
        raise Invalid("the guest refused", fields={"": said}) from None


@guarded("guest.keys", is_audited=False)
def keys(actor: Actor, ref: Ref, *, user: str) -> list[str]:
    """The public keys that may sign in as this user, in the guest's words. Raises Invalid."""
    present.reachable(ref)
    wrong = _user(user)
    if wrong:
        raise Invalid(fields=wrong)
    try:
        return [str(key) for key in client.call(ref.host, "agent.keys", uuid=ref.id, user=user)]
    except Invalid as invalid:
        _refused(invalid)


@guarded("guest.keys")
def add_key(actor: Actor, ref: Ref, *, user: str, key: str) -> None:
    """Let this key sign in as this user. Raises Invalid (fields), AgentSilent, HostDown."""
    wrong = _user(user)
    try:
        key = ssh_keys.check(key.strip()) if len(key) <= KEY_MAX else ""
    except ValueError:
        key = ""
    if not key:
        wrong["key"] = _("This is no public SSH key, such as “ssh-ed25519 AAAA… name”.")
    if wrong:
        raise Invalid(fields=wrong)
    _change_keys(ref, user, key, is_added=True)


@guarded("guest.keys")
def remove_key(actor: Actor, ref: Ref, *, user: str, key: str) -> None:
    """This key, as `keys` told it, signs in no more. Raises Invalid, AgentSilent, HostDown."""
    wrong = _user(user)
    if wrong or not key or len(key) > KEY_MAX or not key.isprintable():
        raise Invalid(fields=wrong or {"": _("There is no such key.")})
    _change_keys(ref, user, key, is_added=False)


@guarded("guest.trim")
def trim(actor: Actor, ref: Ref) -> Outcome:
    """Give the blocks that are free in the guest back to its disks; may take minutes."""
    present.reachable(ref)
    limit_s = power.AGENT["guest.trim"].limit_s
    try:
        return power_line.carry_out(ref, "agent.trim", limit_s, {})
    except Invalid as invalid:
        _refused(invalid)


@guarded("guest.time")
def set_time(actor: Actor, ref: Ref) -> None:
    """Put the guest's clock right. Raises Invalid, AgentSilent, HostDown."""
    present.reachable(ref)
    try:
        client.call(ref.host, "agent.time", uuid=ref.id)
    except Invalid as invalid:
        _refused(invalid)
    agent.ask(ref)


def _change_keys(ref: Ref, user: str, key: str, *, is_added: bool) -> None:
    present.reachable(ref)
    detail = {"user": user, "key": plain.line(key, 200), "act": "add" if is_added else "remove"}
    audit.running().detail.update(detail)
    try:
        client.call(
            ref.host, "agent.change_keys", uuid=ref.id, user=user, key=key, is_added=is_added
        )
    except Invalid as invalid:
        _refused(invalid)


def _user(user: str) -> dict[str, str]:
    if _USER.fullmatch(user) and len(user) <= USER_MAX:
        return {}
    return {"user": _("The name of a user of the guest, such as root.")}


def _refused(invalid: Invalid) -> NoReturn:
    """In the guest's own words, which are text and nothing else."""
    words = plain.line(invalid.context.get("refused", ""), 200)
    said = _("The guest refused: %(what)s") % {"what": words} if words else ""
    raise Invalid(invalid.detail, fields={"": said} if said else None) from invalid
