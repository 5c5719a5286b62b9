"""The second factor: one-time codes of an app, and recovery codes for when it is lost.

The secrets and the rule "a code works once" are allauth.mfa's.
"""

from __future__ import annotations

from typing import Any

from allauth.core.internal import cryptokit
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, validate_totp_code
from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, WrongState
from kvmweb.services import audit, rights, sessions, throttle
from kvmweb.services.marks import internal, open_to_all
from kvmweb.store.models import Person, Session

_OWN = "one's own second factor"


@internal("asked by sign-in and by the list of people")
def is_on(person: Person) -> bool:
    """Whether a code is asked for after the password."""
    return bool(
        Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.TOTP).exists()
    )


@open_to_all(_OWN)
def has(actor: Actor) -> bool:
    """Whether the actor's own second factor is on."""
    return is_on(_me(actor))


@open_to_all(_OWN)
def offer(actor: Actor) -> str:
    """A secret to be scanned and proved; nothing is stored."""
    return str(generate_totp_secret())


@open_to_all(_OWN)
def address_of(actor: Actor, secret: str) -> tuple[str, str]:
    """The otpauth:// address of a secret, and its QR code as SVG."""
    address = get_adapter().build_totp_url(_me(actor), secret)
    return address, get_adapter().build_totp_svg(address)


@open_to_all(_OWN)
def turn_on(actor: Actor, secret: str, code: str) -> list[str]:
    """Prove the secret by a code; from now on it is asked for. Gives the recovery codes.

    Other sessions end: they never gave a code. Raises Denied (password not given lately), Invalid.
    """
    person = _confirmed(actor)
    if is_on(person):
        raise WrongState(state="on")
    throttle.admit(f"factor:{person.pk}", actor.address)
    if not validate_totp_code(secret, code):
        raise Invalid(fields={"code": _("This code is not right. Is the clock correct?")})
    throttle.forget(f"factor:{person.pk}", actor.address)
    with audit.act(actor, "me.second-factor", change="on"), rights.changing():
        TOTP.activate(person, secret)
        codes = RecoveryCodes.activate(person).generate_codes()
        Session.objects.filter(person=person).exclude(key_hash=actor.session).delete()
    return list(codes)


@open_to_all(_OWN)
def turn_off(actor: Actor) -> None:
    """Only the password from now on; other sessions end. Raises Denied."""
    person = _confirmed(actor)
    with audit.act(actor, "me.second-factor", change="off"), rights.changing():
        remove(person)
        Session.objects.filter(person=person).exclude(key_hash=actor.session).delete()


@open_to_all(_OWN)
def renew_codes(actor: Actor) -> list[str]:
    """New recovery codes; the old ones are worthless. Raises Denied, WrongState."""
    person = _confirmed(actor)
    if not is_on(person):
        raise WrongState(state="off")
    with audit.act(actor, "me.second-factor", change="recovery-codes"):
        _codes_of(person).delete()
        return list(RecoveryCodes.activate(person).generate_codes())


@open_to_all(_OWN)
def codes_left(actor: Actor) -> int:
    """How many recovery codes are unused."""
    found = _codes_of(_me(actor)).first()
    return len(RecoveryCodes(found).get_unused_codes()) if found else 0


@internal("the second step of sign-in")
def check(person: Person, code: str) -> bool:
    """Whether this is a valid code; it is used up by asking."""
    given = str(cryptokit.normalize_user_code(code))
    for kind in (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES):
        found = Authenticator.objects.filter(user_id=person.pk, type=kind).first()
        if found and found.wrap().validate_code(given):
            found.record_usage()
            return True
    return False


@internal("an administrator, or the person, takes it away")
def remove(person: Person) -> None:
    """No second factor any more."""
    Authenticator.objects.filter(user_id=person.pk).delete()


def _me(actor: Actor) -> Person:
    return Person.objects.get(pk=actor.person_id)


def _confirmed(actor: Actor) -> Person:
    if not sessions.is_confirmed(actor):
        raise Denied("password not given lately", verb="me.confirm")
    return _me(actor)


def _codes_of(person: Person) -> Any:
    return Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.RECOVERY_CODES)
