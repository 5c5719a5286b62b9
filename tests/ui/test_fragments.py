"""The out-of-band envelope."""

import json

import pytest

from kvmweb.ui import fragments


def test_a_replacement_is_marked_on_its_own_element() -> None:
    assert fragments.replace('<tr id="a"><td>x</td></tr>').startswith(
        '<tr hx-swap-oob="true" id="a"'
    )


def test_only_the_outer_element_of_a_replacement_is_marked() -> None:
    assert fragments.replace("<div><div></div></div>").count("hx-swap-oob") == 1


def test_a_row_in_an_answer_is_wrapped_and_on_the_socket_is_not() -> None:
    row = fragments.replace('<tr id="a"></tr>')
    assert fragments.answer([row]).startswith("<template><tr")
    assert fragments.push([row]).startswith("<tr")


def test_rows_are_appended_inside_a_table_body() -> None:
    html = fragments.append('<tr id="a"></tr>', "rows")
    assert html == '<tbody hx-swap-oob="beforeend:#rows"><tr id="a"></tr></tbody>'


def test_a_removal_names_the_element_and_nothing_else() -> None:
    assert fragments.remove("guest-a-b") == '<tr id="guest-a-b" hx-swap-oob="delete"></tr>'


def test_text_is_escaped() -> None:
    assert "<script>" not in fragments.text("x", "<script>")


def test_an_order_lists_the_ids() -> None:
    assert 'data-order="b a"' in fragments.order("rows", ["b", "a"])


def test_what_is_no_element_is_refused() -> None:
    with pytest.raises(ValueError, match="one element"):
        fragments.replace("text")


def test_triggers_are_ascii_whatever_they_say() -> None:
    header = fragments.triggers(close_dialog="关闭")
    assert header.isascii()
    assert json.loads(header) == {"kvmweb:close-dialog": "关闭"}
