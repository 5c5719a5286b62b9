"""A job in words: what it does, how far it is, and what became of each object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from kvmweb.core import errors
from kvmweb.core.jobs import JobRecord, JobState, JobStep, JobSubject
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.ui import guest_page, links, messages, words
from kvmweb.ui.words import State, Text

_TO_OFF = ("guest.destroy", "guest.shutdown", "guest.shutdown_acpi", "guest.shutdown_agent")


class Offered(Protocol):
    """A chosen guest with the offer of the act on it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def offer(self) -> Offer:
        """Possible, or why not."""


STATES: dict[JobState, State] = {
    JobState.WAITING: State(_("Waiting"), "clock", "calm"),
    JobState.RUNNING: State(_("Under way"), "busy", "busy"),
    JobState.DONE: State(_("Done"), "good", "good"),
    JobState.UNCHANGED: State(pgettext_lazy("job", "Was so already"), "check", "good"),
    JobState.ASKED: State(_("Takes longer, goes on"), "clock", "info"),
    JobState.FAILED: State(_("Failed"), "bad", "bad"),
    JobState.CANCELLED: State(_("Cancelled"), "off", "calm"),
    JobState.INTERRUPTED: State(_("Interrupted"), "warn", "warn"),
}


SERIAL = "?console=serial:serial0"
"""The console that the page of a guest opens first."""
STEPS: dict[str, Text] = {
    "prepare": _("Prepare"),
    "disk": _("Make the disk"),
    "seed": _("Write the answers for cloud-init"),
    "kernel": _("Fetch the installer"),
    "define": _("Define the guest"),
    "start": _("Start the guest"),
    "off": _("Force it off"),
    "shut-down": _("Shut it down"),
    "undefine": _("Delete the definition"),
    "bin": _("Put it into the recycle bin"),
    "volume": _("Delete the disk"),
    "delete-volumes": _("Delete the volumes"),
    "stop-pool": _("Stop the pool"),
    "delete-content": _("Remove its folder or volume group"),
    "forget-pool": _("Forget the pool"),
    "define-pool": _("Define the pool"),
    "build-pool": _("Build it"),
    "start-pool": _("Start the pool"),
    "fill": _("Create and fill"),
    "copy": _("Copy"),
    "copy-live": _("Copy while it runs"),
    "link": _("Make the linked disk"),
    "switch": _("Switch over to the copy"),
    "wipe": _("Overwrite"),
    "checksum": _("Compute the checksum"),
    "reach": _("Reach the address"),
    "fetch": _("Fetch"),
    "inspect": _("Inspect the image"),
}
"""What each step of a work is called; a kind of work adds its words."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """One object of a job, or one step. sentence: why it failed; detail: libvirt's own words.

    label: what the step does. percent: how far it is, while that is known and it is under way.
    """

    name: str
    url: str
    shown: State
    label: Text = ""
    percent: float | None = None
    sentence: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a job is about. url: empty where it is gone, or not there yet."""

    name: str
    url: str
    is_binned: bool


@dataclass(frozen=True, slots=True)
class JobCard:
    """Context of `jobs/detail.html`."""

    job: JobRecord
    label: Text
    icon: str
    shown: State
    lines: tuple[StepLine, ...]
    subjects: tuple[Subject, ...] = ()
    more: int = 0
    """So many are not named here, but in its lines."""
    is_press: bool = False
    """On many guests: each has a line."""
    result_url: str = ""
    """Where what came of it is shown, once it is done."""
    bin_url: str = ""
    """Where what it deleted can be brought back."""

    @property
    def dom_id(self) -> str:
        """Of the card, wherever it stands."""
        return dom_id(self.job.id)

    @property
    def title(self) -> str:
        """What is done, and to what where that is one thing."""
        if len(self.subjects) != 1 or self.more:
            return str(self.label)
        return f"{self.label} · {self.subjects[0].name}"


def dom_id(job: UUID) -> str:
    """Of a job's card."""
    return f"job-{job}"


def card(job: JobRecord) -> JobCard:
    """The job and each of its steps."""
    word = words.verb(job.word)
    is_press = any(step.ref for step in job.steps)
    binned = next((it.ref for it in job.subjects if it.is_binned and it.ref), None)
    return JobCard(
        job=job,
        label=word.label,
        icon=word.icon,
        shown=STATES[job.state],
        lines=tuple(_line(step) for step in job.steps),
        subjects=tuple(_subject(it) for it in job.subjects),
        is_press=is_press,
        more=len(job.steps) - len(job.subjects) if is_press else 0,
        bin_url=links.in_bin(binned) if binned else "",
        result_url=_result(job),
    )


def _result(job: JobRecord) -> str:
    """The page of what was made; an installer in text is met where it speaks."""
    if job.result is None or job.state is not JobState.DONE:
        return ""
    return links.of(job.result) + (SERIAL if job.is_in_text else "")


def _subject(it: JobSubject) -> Subject:
    if it.ref is None:
        return Subject(it.name, "", is_binned=False)
    url = links.in_bin(it.ref) if it.is_binned else links.of(it.ref)
    return Subject(it.name, url, it.is_binned)


def _line(step: JobStep) -> StepLine:
    said = None
    if step.problem and step.state is not JobState.CANCELLED:
        context = {"host": step.ref.host} if step.ref else {}
        problem = errors.problem(step.problem, step.detail, context)
        said = messages.problem(problem, detail=step.detail)
    return StepLine(
        name=step.name if step.ref is None or step.name else str(_("Unknown guest")),
        url=links.of(step.ref) if step.ref and step.name else "",
        shown=STATES[step.state],
        label=STEPS.get(step.word, ""),
        percent=step.percent if step.state is JobState.RUNNING else None,
        sentence=said.sentence if said else "",
        detail=said.detail if said else "",
    )


def skipped(offered: Iterable[Offered]) -> list[tuple[str, list[str]]]:
    """What a press on many would not reach: each reason, and the names that it holds for."""
    found: dict[str, list[str]] = {}
    for one in offered:
        if not one.offer.is_possible:
            is_off = one.offer.obstacle is Obstacle.NOT_RUNNING and one.offer.verb in _TO_OFF
            reason = str(_("Already off.")) if is_off else messages.obstacle(one.offer)
            found.setdefault(reason, []).append(one.name)
    return list(found.items())


def question(word: str, count: int) -> str:
    """What is asked before a forced verb on many guests."""
    return ngettext("%(verb)s: %(n)d guest?", "%(verb)s: %(n)d guests?", count) % {
        "verb": words.verb(word).label,
        "n": count,
    }


def warning(word: str) -> Text:
    """What may be lost."""
    return guest_page.warning(word)
