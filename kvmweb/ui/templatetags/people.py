"""Template filters of the pages about people and of the audit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.conf import settings

from kvmweb.core import plain
from kvmweb.ui import act_details, acts, roles, words

register = template.Library()


@register.simple_tag
def idle_s() -> int:
    """Seconds without activity after which a session ends."""
    return int(settings.KVMWEB_IDLE_S)


@register.filter
def act_label(verb: str) -> words.Text:
    """What an act in the audit is called."""
    return acts.label(verb)


@register.filter
def outcome_state(outcome: str) -> words.State:
    """How its outcome is shown."""
    return acts.shown(outcome)


@register.filter
def detail_text(detail: dict[str, Any]) -> str:
    """The values of an act on one line, in words."""
    return act_details.text(detail)


@register.filter
def by_noun(verbs: Iterable[str]) -> list[tuple[words.Text, list[str]]]:
    """Rights in groups, by what they are about."""
    return roles.groups(verbs)


@register.filter
def choices_by_noun(field: Any) -> list[tuple[words.Text, list[Any]]]:
    """The check boxes of a field of rights, in the same groups."""
    boxes = {str(box.data["value"]): box for box in field}
    return [(label, [boxes[verb] for verb in verbs]) for label, verbs in roles.groups(boxes)]


@register.filter
def browser(agent: str) -> str:
    """Which browser on which system, as far as its header says."""
    known = [
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]
    systems = ["Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux"]
    name = next((label for sign, label in known if sign in agent), "")
    system = next((label for label in systems if label in agent), "")
    return " · ".join(part for part in (name, system) if part) or plain.line(agent, 60)
