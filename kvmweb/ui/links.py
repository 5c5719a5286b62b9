"""Where things live: the address of every object and of every action on it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.urls import get_script_prefix

from kvmweb.core import refs
from kvmweb.ui import words

PLACES: dict[refs.Kind, str] = {
    refs.Kind.HOST: "hosts",
    refs.Kind.GUEST: "guests",
    refs.Kind.POOL: "storage",
    refs.Kind.NETWORK: "networks",
    refs.Kind.VOLUME: "storage/volumes",
    refs.Kind.INTERFACE: "networks/topology",
    refs.Kind.FILTER: "networks/filters",
}


LISTED = frozenset({refs.Kind.INTERFACE})
"""Kinds without a page of their own yet: they are found in their list."""


def of(ref: refs.Ref) -> str:
    """The page of this object."""
    if ref.kind in LISTED:
        return f"{get_script_prefix()}{PLACES[ref.kind]}/#{ref.dom_id}"
    parts = (PLACES[ref.kind], ref.host, ref.id)
    return get_script_prefix() + "/".join(part for part in parts if part) + "/"


def in_bin(ref: refs.Ref) -> str:
    """A guest in the recycle bin: its row there."""
    return f"{get_script_prefix()}bin/#{ref.dom_id}"


def bridge(host: refs.Ref, name: str) -> str:
    """A bridge of this host: its row among them."""
    return f"{get_script_prefix()}networks/bridges/?host={host.host}#bridge-{quote(name)}"


def device(host: refs.Ref, name: str) -> str:
    """What this host calls by this name, among its devices."""
    return f"{of(host)}devices/?{urlencode({'search': name})}"


def action(ref: refs.Ref, verb: str) -> str:
    """Where this verb is posted (and, by GET, asked about)."""
    return f"{of(ref)}{words.verb(verb).path}/"
