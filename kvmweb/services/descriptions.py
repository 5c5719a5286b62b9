"""Title, description and tags: kept in libvirt's own metadata, so that they travel with a guest."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.refs import Ref
from kvmweb.services import audit, power_line
from kvmweb.services.guard import guarded, open_to_all
from kvmweb.services.power_line import Outcome

TITLE_MAX = 255
DESCRIPTION_MAX = 32_000
TAGS_MAX = 20
TAG = re.compile(r"[A-Za-z0-9\u4e00-\u9fff._-]{1,32}")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
"""What XML 1.0 cannot carry. Source: XML 1.0 production 2."""


@guarded("guest.describe")
def describe(
    actor: Actor,
    ref: Ref,
    *,
    title: str,
    description: str,
    tags: tuple[str, ...],
    definition_hash: str = "",
) -> Outcome:
    """Write all three. Raises Invalid, Conflict when the definition is not the one that was seen.

    Source: virDomainSetMetadata, live and config.
    """
    wrong = faults(title, description, tags)
    if wrong:
        raise Invalid(fields=wrong)
    audit.running().detail.update(title=title, tags=list(tags), description=description[:200])
    return power_line.carry_out(
        ref,
        "guest.describe",
        20.0,
        {
            "title": title,
            "description": description,
            "tags": list(tags),
            "definition_hash": definition_hash,
        },
    )


@open_to_all("a pure function")
def faults(title: str, description: str, tags: Iterable[str]) -> dict[str, str]:
    """Field to the sentence that says what is wrong with it."""
    found: dict[str, str] = {}
    if len(title) > TITLE_MAX:
        found["title"] = _("At most %(n)d characters.") % {"n": TITLE_MAX}
    elif "\n" in title or "\r" in title:
        found["title"] = _("A title is one line.")
    elif _FORBIDDEN.search(title):
        found["title"] = _("Control characters cannot be stored.")
    if len(description) > DESCRIPTION_MAX:
        found["description"] = _("At most %(n)d characters.") % {"n": DESCRIPTION_MAX}
    elif _FORBIDDEN.search(description):
        found["description"] = _("Control characters cannot be stored.")
    tags = list(tags)
    wrong = next((tag for tag in tags if not TAG.fullmatch(tag)), None)
    if wrong is not None:
        found["tags"] = _(
            "“%(tag)s” cannot be a tag: 1 to 32 letters, digits, dots, dashes or underscores."
        ) % {"tag": wrong[:40]}
    elif len(tags) > TAGS_MAX:
        found["tags"] = _("At most %(n)d tags.") % {"n": TAGS_MAX}
    return found


@open_to_all("a pure function")
def split_tags(text: str) -> tuple[str, ...]:
    """Tags as typed: separated by spaces, commas or lines; each once, in order."""
    return tuple(dict.fromkeys(part for part in re.split(r"[\s,，、;；]+", text) if part))
