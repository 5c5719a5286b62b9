"""The guest list as a page: what it says in every situation, and that it stays small."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from lxml import html as parser

from tests import mirrors

pytestmark = pytest.mark.django_db
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "\"' onclick='x",
    "a\u202eb\u200f",
    "</td></tr>",
    "{{ 7 }}",
]


@pytest.fixture
def ann() -> Client:
    return signed_in("ann", ("administrator", "everything"))


def signed_in(name: str, *grants: tuple[str, str]) -> Client:
    client = Client()
    client.force_login(mirrors.person(name, *grants))
    return client


def get(client: Client, address: str = "/guests/", **headers: str) -> Any:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return parser.fromstring(answer.content.decode())


def rows(page: Any) -> list[list[str]]:
    found = page.xpath("//*[@id='guest-rows']/tr")
    return [[cell.text_content().strip() for cell in row] for row in found]


def said(page: Any) -> str:
    return " ".join(page.get_element_by_id("guest-empty").text_content().split())


def test_a_row_says_all_that_the_list_shows(ann: Client) -> None:
    mirrors.host()
    mirrors.guest(
        name="web01", title="Shop", state="running", vcpus=2, memory=2 * mirrors.GIB, cpu=12.4,
        memory_used=mirrors.GIB, addresses=["10.0.0.7"], has_autostart=True, tags=["web", "prod"],
        record={"has_pending_changes": True},
    )  # fmt: skip
    assert rows(get(ann)) == [
        ["", "web01Shop", "local", "RunningChanges pending", "2", "2 GiB", "12 %", "1 GiB",
         "10.0.0.7", "Yes", "webprod", "Shut down"]
    ]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_keep_their_direction_to_themselves(
    ann: Client, name: str
) -> None:
    mirrors.host()
    mirrors.guest(name=name, title=name, tags=[name.replace("|", "")], addresses=["10.0.0.7"])
    page = get(ann)
    row = page.xpath("//*[@id='guest-rows']/tr")
    assert len(row) == 1
    assert [bdi.text_content() for bdi in row[0].iter("bdi")] == [name, name, name]
    assert not page.xpath("//*[@onerror or @onclick]")


@pytest.mark.parametrize(
    ("hosts", "address", "sentence"),
    [
        ([], "/guests/", "No host yet"),
        (["up"], "/guests/", "No guests"),
        (["down"], "/guests/", "The host is not answering"),
        (["up"], "/guests/?q=nothing", "Nothing matches the filter"),
    ],
)
def test_an_empty_list_says_why(ann: Client, hosts: list[str], address: str, sentence: str) -> None:
    for index, state in enumerate(hosts):
        mirrors.host(f"host{index}", state)
    assert said(get(ann, address)).startswith(sentence)


def test_no_right_is_never_an_empty_list() -> None:
    mirrors.host()
    mirrors.guest(name="secret")
    page = get(signed_in("cy", ("storage-admin", "everything")))
    assert said(page).startswith("You have no right to see guests")
    assert "secret" not in parser.tostring(page, encoding="unicode")


def test_rows_of_a_host_away_are_greyed_with_their_age(ann: Client) -> None:
    mirrors.host("local", "down")
    mirrors.guest(state="running")
    page = get(ann)
    row = page.xpath("//*[@id='guest-rows']/tr")[0]
    assert row.get("class") == "is-away"
    assert row.xpath(".//time/@datetime")
    assert "not answering" in page.get_element_by_id("guest-away").text_content()
    assert row.xpath(".//button[@data-act or @data-ask]/@aria-disabled") == ["true"]
    assert row.xpath(".//button[@data-act or @data-ask]/@data-tip") == [
        "The host is not answering."
    ]


def test_a_viewer_reads_why_a_button_cannot_be_pressed() -> None:
    mirrors.host()
    mirrors.guest(state="running")
    page = get(signed_in("bo", ("viewer", "everything")))
    (why,) = page.xpath("//*[@id='guest-rows']//button[@data-act or @data-ask]/@data-tip")
    assert "Shut down" in why


def test_everything_shown_stands_in_the_address(ann: Client) -> None:
    mirrors.host()
    mirrors.fill(250)
    answer = ann.get("/guests/?q=guest&sort=-vcpus&state=&page=2&columns=host&columns=cpu")
    address = "/guests/?q=guest&sort=-vcpus&page=2&columns=host%2Ccpu"
    assert answer.headers["HX-Push-Url"] == address
    page = parser.fromstring(answer.content.decode())
    assert page.get_element_by_id("guests").get("data-page") == address
    heads = [head.text_content().strip() for head in page.xpath("//thead//th")]
    assert heads == ["Name", "Host", "CPU use"]
    assert page.xpath("//thead//th[2]/a/@href") == ["?q=guest&sort=host&columns=host%2Ccpu"]
    assert len(rows(page)) == 100
    assert page.xpath("//a[@rel='next']/@href") == [
        "?q=guest&sort=-vcpus&columns=host%2Ccpu&page=3"
    ]


def test_templates_can_be_chosen_where_there_are_some(ann: Client) -> None:
    mirrors.guest(name="web01")
    assert not get(ann).xpath("//select[@name='template']")
    mirrors.guest(name="golden", is_template=True, record={"template": {"at": 1.0}})
    page = get(ann, "/guests/?template=none")
    assert [row[1] for row in rows(page)] == ["web01"]
    assert page.xpath("//select[@name='template']/option[@selected]/@value") == ["none"]
    assert page.get_element_by_id("guests").get("data-page") == "/guests/?template=none"


def test_what_was_not_understood_is_said(ann: Client) -> None:
    mirrors.host()
    page = get(ann, "/guests/?sort=beauty&page=x")
    assert "order, page" in page.xpath("//*[@id='guests']/p")[0].text_content()


def test_an_unknown_field_is_refused(ann: Client) -> None:
    assert ann.get("/guests/?limit=5").status_code == 400


def test_a_hundred_rows_are_sixty_kilobytes_at_most(ann: Client) -> None:
    mirrors.host()
    mirrors.fill(1000)
    for address in ("/guests/", "/guests/?sort=-cpu"):
        answer = ann.get(address)
        assert answer.content.count(b"<tr id=") == 100
        assert len(answer.content) <= 60 * 1024


def test_the_list_is_for_those_who_signed_in() -> None:
    assert Client().get("/guests/").status_code == 302
