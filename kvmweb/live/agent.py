"""The card of a guest's agent as a region: while it is looked at, the agent is asked now and then.

The rounds of statistics are the clock; `services.agent` keeps the pace, once for all who look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.template.loader import render_to_string

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.core.agent import AgentState
from kvmweb.core.errors import Denied, NotFound
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.live.regions import UNVERSIONED, Part, Picture, part
from kvmweb.services import agent, guest_page
from kvmweb.ui import agent as face

_ASKED = (AgentState.READING, AgentState.ANSWERING, AgentState.FROZEN, AgentState.SILENT)


class AgentRegion:
    """One reader's card of one guest."""

    list_id = ""

    def __init__(self, ref: Ref) -> None:
        self._ref = ref
        self._asks = True
        self.topics = frozenset(
            {topics.of(ref), topics.of(ref.on_host), topics.agent(ref), topics.USE}
        )

    def look(self, actor: Actor) -> Picture:
        """The card, and the question behind it where its answer is old."""
        try:
            details = guest_page.show(actor, self._ref)
            card = agent.card(actor, self._ref)
            self._asks = card.state in _ASKED
            if self._asks:
                agent.look(actor, self._ref)
        except (NotFound, Denied):
            return Picture(UNVERSIONED)  # the page says so as a whole
        context = {"agent": face.face(card, details), "it": {"details": details}}
        html = render_to_string("guests/agent_card.html#agent", context)
        return Picture(UNVERSIONED, {f"{self._ref.dom_id}-agent": part(html.strip())})

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> Mapping[str, Part] | None:
        """Nothing of the card is in the statistics: only a reason to ask again."""
        if self._asks and str(self._ref.on_host) in {notice.ref for notice in notices}:
            try:
                agent.look(actor, self._ref)
            except (NotFound, Denied):
                return None
        return {}
