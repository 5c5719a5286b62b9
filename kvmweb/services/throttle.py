"""Slow down who guesses, without ever locking a named account for the person it belongs to.

Counted per account and address, and per address alone; kept in the shared cache, so that all web
processes count together. An attempt is counted before it is checked: many at once gain nothing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time

from django.core.cache import caches

from kvmweb.core import tokens
from kvmweb.core.errors import Busy
from kvmweb.services.marks import internal

FREE_PER_ACCOUNT = 5
FREE_PER_ADDRESS = 40
FIRST_DELAY_S = 5
DELAY_MAX_S = 300
FORGET_S = 900

cache = caches["door"]


@internal("part of every check of a password or code")
def admit(what: str, address: str) -> None:
    """Count one attempt. what: the account as typed. Raises Busy (context: seconds)."""
    place = _network(address)
    _count(f"address:{place}", FREE_PER_ADDRESS)
    _count(f"account:{what.casefold()}:{place}", FREE_PER_ACCOUNT)


@internal("part of every check of a password or code")
def forget(what: str, address: str) -> None:
    """The attempt was right: the account begins anew from here, the address loses one."""
    place = _network(address)
    key = _key(f"account:{what.casefold()}:{place}")
    cache.delete_many([f"{key}:tries", f"{key}:until"])
    with contextlib.suppress(ValueError):
        cache.decr(_key(f"address:{place}") + ":tries")


def _count(name: str, free: int) -> None:
    key = _key(name)
    wait = (cache.get(f"{key}:until") or 0) - time.time()
    if wait > 0:
        raise Busy("too many attempts", seconds=str(int(wait) + 1))
    cache.add(f"{key}:tries", 0, FORGET_S)
    try:
        tries = cache.incr(f"{key}:tries")
    except ValueError:
        tries = 1
    cache.touch(f"{key}:tries", FORGET_S)
    if tries < free:
        return
    delay = min(FIRST_DELAY_S * 2 ** min(tries - free, 10), DELAY_MAX_S)
    if not cache.add(f"{key}:until", time.time() + delay, delay):
        raise Busy("too many attempts", seconds=str(delay))


def _key(name: str) -> str:
    return f"kvmweb:throttle:{tokens.fingerprint(name)}"


def _network(address: str) -> str:
    """An IPv6 customer has a /64: one place."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
