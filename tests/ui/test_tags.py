"""Numbers, times and icons as templates write them."""

import datetime as dt
import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from kvmweb.ui import words
from kvmweb.ui.templatetags import kvmweb as tags

ROOT = Path(__file__).resolve().parents[2]
SPRITE = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/icons/sprite.svg").read_text()))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (8 * 1024**3, "8 GiB"),
        (1024**5 * 2000, "2,000 PiB"),
    ],
)
def test_a_size_is_binary_with_few_figures(value: int | None, shown: str) -> None:
    assert tags.size(value).replace(",", "") == shown.replace(",", "")


@pytest.mark.parametrize(
    ("part", "whole", "shown"), [(1, 2, 50), (None, 2, 0), (3, 2, 100), (1, 0, 0)]
)
def test_a_share_stays_within_a_hundred(part: int | None, whole: int, shown: int) -> None:
    assert tags.share(part, whole) == shown


def test_an_age_is_relative_with_the_absolute_in_its_title() -> None:
    html = tags.age(timezone.now() - dt.timedelta(hours=3, minutes=5))
    assert "3 hours ago" in html
    assert 'title="' in html


def test_an_age_of_an_epoch_number_is_understood() -> None:
    assert "just now" in tags.age(timezone.now().timestamp() - 2)


def test_a_missing_moment_is_a_dash() -> None:
    assert tags.age(None) == "–"
    assert tags.lasting(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(40, "40 s"), (720, "12 min"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")]
)
def test_a_duration_has_at_most_two_units(seconds: int, shown: str) -> None:
    assert tags.lasting(timezone.now() - dt.timedelta(seconds=seconds)) == shown


def test_every_icon_that_a_word_names_is_in_the_sprite() -> None:
    named = {verb.icon for verb in words._VERBS.values()}
    named |= {state.icon for state in [*words._GUEST_STATES.values(), *words._HOST_STATES.values()]}
    assert named <= SPRITE


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    named = {
        name
        for path in ROOT.glob("templates/**/*.html")
        for name in re.findall(r'\{% icon "([^"]+)"', path.read_text())
    }
    assert named <= SPRITE


def test_a_vendor_file_is_found_by_the_last_part_of_its_package() -> None:
    page = Template("{% load kvmweb %}{% vendor 'patternfly' 'patternfly.min.css' %}")
    assert re.search(
        r"vendor/(@|%40)patternfly/patternfly/[\d.]+/patternfly.min.css$", page.render(Context())
    )


def test_what_libvirt_calls_a_device_is_said_as_a_person_calls_it() -> None:
    words = "{{ 'cdrom'|disk_device }}, {{ 'network'|card_kind }}, {{ 'vdpa'|card_kind }}"
    shown = Template("{% load devices %}" + words).render(Context())
    assert shown == "CD-ROM, Virtual network, vdpa"


def test_a_link_that_is_down_is_not_one_whose_network_went_away() -> None:
    key = "{% load i18n %}{% translate 'up' %} {% translate 'down' %} {% translate 'unplugged' %}"
    with translation.override("zh-hans"):
        assert len(set(Template(key).render(Context()).split())) == 3
