"""Template tags and filters of the portal: vendor files, icons, sizes, times, states."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from kvmweb.core import addresses, records, refs
from kvmweb.ui import links, words

register = template.Library()

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024
_NEAR = 10
_MINUTE, _HOUR, _DAY, _MONTH, _YEAR = 60, 3600, 86_400, 2_592_000, 31_536_000


@register.simple_tag
def vendor(package: str, path: str) -> str:
    """The address of a file of an npm package, by its name or the last part of it."""
    for name, folder in settings.KVMWEB_VENDOR.items():
        if name == package or name.rpartition("/")[2] == package:
            return static(f"{folder}/{path}")
    raise template.TemplateSyntaxError(f"no such package in package.json: {package}")


@lru_cache(maxsize=1)
def _sprite() -> str:
    return static("icons/sprite.svg")


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One of static/icons/sprite.svg. label: said by screen readers; without it they skip it."""
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            label,
            _sprite(),
            name,
        )
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', _sprite(), name
    )


@register.simple_tag
def guest_state(state: str, is_answering: bool = True) -> words.State:
    """For `{% guest_state it.state as shown %}{% include "parts/state.html" %}`."""
    return words.guest_state(state, is_answering=is_answering)


@register.simple_tag
def host_state(state: str, is_enabled: bool = True) -> words.State:
    """How the connection to a host is shown."""
    return words.host_state(state) if is_enabled else words.DISABLED


@register.simple_tag
def activity_state(is_active: bool) -> words.State:
    """How a pool or network is shown."""
    return words.activity(is_active)


@register.simple_tag
def colon() -> str:
    """Between a label and what it says."""
    return words.colon()


@register.simple_tag
def comma() -> str:
    """Between the parts of a list."""
    return words.comma()


@register.filter
def listed(items: Iterable[Any]) -> str:
    """With what the language writes between the parts of a list."""
    return words.listed(items)


@register.filter
def forward_mode(mode: str) -> words.Text:
    """A network's forward mode in plain words."""
    return words.forward(mode)


@register.filter
def pool_type(kind: str) -> words.Text:
    """A pool's type in plain words."""
    return words.pool_type(kind)


@register.filter
def verb_label(verb: str) -> words.Text:
    """What an action is called."""
    return words.verb(verb).label


@register.filter
def ability(probe: str) -> words.Text:
    """What a host was probed for, in words."""
    return words.ability(probe)


@register.filter
def told(card: records.InterfaceRecord) -> list[tuple[str, str]]:
    """The addresses of an interface, each with who said it."""
    return addresses.told(card)


@register.filter
def address_source(told_by: str) -> str:
    """Who says that a guest has an address."""
    return words.source(told_by)


@register.filter
def outcome(code: str) -> words.Text:
    """How an act ended, in few words."""
    return words.outcome(code)


@register.filter
def link(ref: refs.Ref) -> str:
    """The page of an object."""
    return links.of(ref)


@register.filter
def size(value: float | None) -> str:
    """Bytes in binary units, three figures: `1.5 GiB`. None is a dash."""
    return "–" if value is None else _size(float(value), get_language())


@lru_cache(maxsize=4096)
def _size(amount: float, _language: str | None) -> str:
    """Lists repeat few sizes, and a number in a language's own form costs 25 µs."""
    unit = _UNITS[0]
    for unit in _UNITS:
        if abs(amount) < _STEP or unit == _UNITS[-1]:
            break
        amount /= _STEP
    digits = 0 if unit == "B" or amount >= _NEAR or amount == int(amount) else 1
    return f"{formats.number_format(round(amount, digits), decimal_pos=digits)} {unit}"


@register.filter
def percent(value: float | None) -> str:
    """`12 %`; None is a dash."""
    return "–" if value is None else f"{value:.0f} %"


@register.filter
def share(part: float | None, whole: float | None) -> int:
    """What part is of whole, in percent, 0 to 100."""
    if not part or not whole:
        return 0
    return max(0, min(100, round(100 * part / whole)))


def _moment(value: Any) -> dt.datetime | None:
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, tz=dt.UTC)
    return value if isinstance(value, dt.datetime) else None


def _ago(seconds: float) -> str:
    number = int(seconds // _YEAR)
    if number:
        return ngettext("%(n)d year ago", "%(n)d years ago", number) % {"n": number}
    number = int(seconds // _MONTH)
    if number:
        return ngettext("%(n)d month ago", "%(n)d months ago", number) % {"n": number}
    number = int(seconds // _DAY)
    if number:
        return ngettext("%(n)d day ago", "%(n)d days ago", number) % {"n": number}
    number = int(seconds // _HOUR)
    if number:
        return ngettext("%(n)d hour ago", "%(n)d hours ago", number) % {"n": number}
    number = int(seconds // _MINUTE)
    if number:
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", number) % {"n": number}
    return _("just now")


@register.filter
def age(value: Any) -> str | SafeString:
    """A moment (aware datetime or epoch) as relative time; the absolute one in the tooltip."""
    moment = _moment(value)
    if moment is None:
        return "–"
    local = timezone.localtime(moment)
    seconds = (timezone.now() - moment).total_seconds()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        formats.date_format(local, "DATETIME_FORMAT"),
        _ago(seconds) if seconds >= 0 else formats.date_format(local, "Y-m-d H:i"),
    )


@register.filter
def lasting(value: Any) -> str:
    """How long since this moment: `3 d 4 h`, `12 min`, `40 s`. None is a dash."""
    moment = _moment(value)
    if moment is None:
        return "–"
    return period(max(0, int((timezone.now() - moment).total_seconds())))


@register.filter
def period(seconds: int) -> str:
    """A length of time: `3 d 4 h`, `12 min`, `40 s`."""
    if seconds < _MINUTE:
        return _("%(n)d s") % {"n": seconds}
    if seconds < _HOUR:
        return _("%(n)d min") % {"n": seconds // _MINUTE}
    if seconds < _DAY:
        values = {"h": seconds // _HOUR, "m": seconds % _HOUR // _MINUTE}
        return _("%(h)d h %(m)d min") % values
    return _("%(d)d d %(h)d h") % {"d": seconds // _DAY, "h": seconds % _DAY // _HOUR}
