"""Every problem, obstacle, verb and state can be told to a person."""

import pytest
from django.utils.translation import override

from kvmweb.access.verbs import VERBS
from kvmweb.core import errors, records
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.services.power import TABLE
from kvmweb.ui import messages, roles, words


@pytest.mark.parametrize("code", errors.PROBLEMS)
def test_a_problem_has_a_sentence_and_a_next_step(code: str) -> None:
    said = messages.problem(errors.problem(code))
    assert said.sentence.endswith(".")
    assert said.step.endswith(".")
    assert "%(" not in said.sentence


def test_a_problem_with_context_names_the_object() -> None:
    said = messages.problem(errors.HostDown("recv: timeout", host="rack-2"))
    assert said.sentence == "Host rack-2 is not answering."
    assert said.detail == ""  # read by who may, and then handed in


def test_a_context_with_a_percent_sign_is_harmless() -> None:
    assert "100%(x)s" in messages.problem(errors.Exists(name="100%(x)s")).sentence


def test_a_denied_verb_is_said_by_its_label_and_not_its_code() -> None:
    assert "Force off" in messages.problem(errors.Denied(verb="guest.destroy")).sentence


def test_a_state_in_a_problem_is_said_in_words() -> None:
    assert "Shut off" in messages.problem(errors.WrongState(state="shut-off")).sentence


def test_who_has_no_field_to_correct_is_not_sent_to_one() -> None:
    assert messages.problem(errors.Invalid(fields={"name": "Too long."})).step
    said = messages.problem(errors.Invalid(fields={"": "A clone builds on it."}))
    assert (said.sentence, said.step) == ("A clone builds on it.", "")


@pytest.mark.parametrize("obstacle", [found for found in Obstacle if found])
def test_an_obstacle_has_a_reason(obstacle: Obstacle) -> None:
    reason = messages.obstacle(Offer("guest.start", obstacle))
    assert reason.endswith(".")


def test_a_missing_right_is_named_and_says_how_to_get_it() -> None:
    reason = messages.obstacle(Offer("guest.resize", Obstacle.NO_RIGHT))
    assert "“Change the processor, memory and devices”" in reason
    reason = messages.obstacle(Offer("guest.destroy", Obstacle.NO_RIGHT))
    assert "Force off" in reason
    assert "administrator" in reason


@pytest.mark.parametrize("verb", [*VERBS, *TABLE])
def test_a_verb_has_a_label(verb: str) -> None:
    assert str(words.verb(verb).label) != verb


@pytest.mark.parametrize("state", records.GuestState)
def test_a_guest_state_has_word_icon_and_tone(state: records.GuestState) -> None:
    shown = words.guest_state(state)
    assert shown.label
    assert shown.icon
    assert shown.tone in {"good", "busy", "warn", "bad", "calm"}


def test_a_stuck_guest_says_so_whatever_libvirt_calls_it() -> None:
    assert str(words.guest_state("running", is_answering=False).label) == "Not answering"
    assert str(words.guest_state("shut-off", is_answering=False).label) == "Shut off"


@pytest.mark.parametrize("state", records.HostState)
def test_a_host_state_has_a_word(state: records.HostState) -> None:
    assert words.host_state(state).label


def test_a_message_follows_the_active_language_and_not_the_one_at_import() -> None:
    with override("zh-hans"):
        assert messages.problem(errors.Busy()).sentence


def test_rights_are_told_apart_by_their_group_and_their_words() -> None:
    groups = roles.groups(VERBS)
    assert sorted(verb for _label, verbs in groups for verb in verbs) == sorted(VERBS)
    for label, verbs in groups:
        said = [str(words.verb(verb).label) for verb in verbs]
        assert len(set(said)) == len(said), label
