"""A job in words: what it does, how far it is, and what became of each object."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from kvmweb.core import errors
from kvmweb.core.jobs import JobRecord, JobState, JobStep
from kvmweb.ui import guest_page, links, messages, words
from kvmweb.ui.words import State, Text

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


@dataclass(frozen=True, slots=True)
class StepLine:
    """One object of a job. sentence: why it failed; detail: libvirt's own words."""

    name: str
    url: str
    shown: State
    sentence: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class JobCard:
    """Context of `jobs/detail.html`."""

    job: JobRecord
    label: Text
    icon: str
    shown: State
    lines: tuple[StepLine, ...]

    @property
    def dom_id(self) -> str:
        """Of the card, wherever it stands."""
        return f"job-{self.job.id}"


def card(job: JobRecord) -> JobCard:
    """The job and each of its steps."""
    word = words.verb(job.word)
    return JobCard(
        job=job,
        label=word.label,
        icon=word.icon,
        shown=STATES[job.state],
        lines=tuple(_line(step) for step in job.steps),
    )


def _line(step: JobStep) -> StepLine:
    said = None
    if step.problem:
        context = {"host": step.ref.host}
        said = messages.problem(errors.problem(step.problem, step.detail, context))
    return StepLine(
        name=step.name or str(_("Unknown guest")),
        url=links.of(step.ref) if step.name else "",
        shown=STATES[step.state],
        sentence=said.sentence if said else "",
        detail=said.detail if said else "",
    )


def question(word: str, count: int) -> str:
    """What is asked before a forced verb on many guests."""
    return ngettext("%(verb)s: %(n)d guest?", "%(verb)s: %(n)d guests?", count) % {
        "verb": words.verb(word).label,
        "n": count,
    }


def warning(word: str) -> Text:
    """What may be lost."""
    return guest_page.warning(word)
