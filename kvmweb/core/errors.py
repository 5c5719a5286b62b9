"""The closed list of problems (DESIGN 9).

libvirt's codes become one of these in `hypervisor.faults`; sentences for people are made of them
in `ui.messages`. A `Problem` crosses the worker's socket as (code, detail, context).
"""

from __future__ import annotations

from typing import ClassVar


class Problem(Exception):  # noqa: N818 - the product's word for it
    """Something a person can be told.

    detail: libvirt's or our own technical words, shown under "Details" to those who may see them.
    context: values for the sentence, such as `{"name": "web01", "state": "running"}`.
    """

    code: ClassVar[str] = "fault"
    http_status: ClassVar[int] = 500
    close_code: ClassVar[int] = 1011

    def __init__(self, detail: str = "", **context: str) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.context = context


class Fault(Problem):
    """Something broke that nobody foresaw; logged with an id."""


class NotFound(Problem):
    """It does not exist, or this person may not see it: the same answer for both."""

    code, http_status, close_code = "not-found", 404, 4404


class Denied(Problem):
    """The person sees the object but lacks the verb. context: verb."""

    code, http_status, close_code = "denied", 403, 4403


class OutOfBounds(Denied):
    """An address of the network that the portal fetches nothing from, whoever asks."""

    code = "out-of-bounds"


class WrongState(Problem):
    """Not possible in the object's state. context: state, when known."""

    code, http_status, close_code = "wrong-state", 409, 4409


class Exists(Problem):
    """A thing of that name or UUID is there already."""

    code, http_status, close_code = "exists", 409, 4409


class Busy(Problem):
    """Somebody else is at work on it; try again."""

    code, http_status, close_code = "busy", 409, 4409


class Conflict(Problem):
    """It changed since the person saw it: nothing was written."""

    code, http_status, close_code = "conflict", 409, 4409


class Invalid(Problem):
    """The input is wrong. fields: field name to sentence, already in the person's language."""

    code, http_status, close_code = "invalid", 422, 4400

    def __init__(
        self, detail: str = "", *, fields: dict[str, str] | None = None, **context: str
    ) -> None:
        super().__init__(detail, **context)
        self.fields = fields or {}


class Unknown(Invalid):
    """A field that does not exist: somebody else's form, or a mistyped link. context: field."""

    http_status = 400


class Overlap(Problem):
    """Its addresses or its bridge are in use by something else on the host."""

    code, http_status, close_code = "overlap", 409, 4409


class NotSupported(Problem):
    """This host, driver or guest cannot do it."""

    code, http_status, close_code = "not-supported", 501, 4501


class Maintenance(Problem):
    """The host is in maintenance: no guest starts or is made there. context: host, reason."""

    code, http_status, close_code = "maintenance", 409, 4409


class AgentSilent(Problem):
    """The guest agent did not answer."""

    code, http_status, close_code = "agent-silent", 409, 4409


class Quota(Problem):
    """It would exceed a limit that was set for this person or project."""

    code, http_status, close_code = "quota", 409, 4429


class Cancelled(Problem):
    """Somebody stopped it."""

    code, http_status, close_code = "cancelled", 409, 4409


class HostDown(Problem):
    """The host, or its worker, did not answer within the deadline. context: host."""

    code, http_status, close_code = "host-down", 503, 4503


class Unready(Problem):
    """The portal's own database is locked, full or away."""

    code, http_status, close_code = "unready", 503, 1013


PROBLEMS: dict[str, type[Problem]] = {
    problem.code: problem
    for problem in (
        Fault, NotFound, Denied, OutOfBounds, WrongState, Exists, Busy, Conflict,
        Invalid, Overlap, NotSupported, Maintenance, AgentSilent, Quota, Cancelled, HostDown,
        Unready,
    )
}  # fmt: skip


def problem(code: str, detail: str = "", context: dict[str, str] | None = None) -> Problem:
    """Rebuild a problem that crossed the worker's socket; an unknown code is a `Fault`."""
    return PROBLEMS.get(code, Fault)(detail, **(context or {}))
