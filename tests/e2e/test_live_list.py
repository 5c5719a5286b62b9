"""What the modules do to a list while somebody works in it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser
LIST = """<!doctype html><html lang="en"><body data-prefix="/">
<i id="list-order" hidden></i>
<button id="sort-again" hidden><b data-count></b></button>
<table class="list"><tbody id="rows">
<tr id="a"><th><a href="#a">alpha</a></th><td class="s">Running</td>
<td><input type="checkbox"></td></tr>
<tr id="b"><th><a href="#b">beta</a></th><td class="s">Shut off</td>
<td><input type="checkbox"></td></tr>
</tbody></table><button id="outside">outside</button>
<script type="module">
import { morph } from "/js/morph.js";
import * as order from "/js/order.js";
import * as keys from "/js/keys.js";
order.start(); keys.start();
window.push = (html) => {
  const box = document.createElement("template");
  box.innerHTML = html;
  const fresh = box.content.firstElementChild;
  morph(document.getElementById(fresh.id), fresh);
};
window.wish = (ids) => {
  const wish = document.getElementById("list-order");
  wish.dataset.list = "rows";
  wish.dataset.order = ids;
  order.order();
};
window.ready = true;
</script></body></html>"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", "": "application/octet-stream"}

    def do_GET(self) -> None:
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(LIST.encode())
        return None

    def log_message(self, *_args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(ROOT / "static"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


@pytest.fixture
def page(address: str, browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(address)
    page.wait_for_function("window.ready")
    yield page
    page.close()


ROW = """<tr id="a"><th><a href="#a">alpha</a></th><td class="s">{}</td>
<td><input type="checkbox"></td></tr>"""


def rows(page: Page) -> list[str]:
    return page.eval_on_selector_all("#rows > tr", "rows => rows.map((row) => row.id)")


def test_a_push_changes_the_cell_and_marks_it_for_a_second(page: Page) -> None:
    page.evaluate("(html) => push(html)", ROW.format("Paused"))
    assert page.inner_text("#a .s") == "Paused"
    assert page.eval_on_selector_all(".is-changed", "cells => cells.length") == 1
    page.wait_for_selector(".is-changed", state="detached", timeout=3000)


def test_a_push_leaves_focus_and_ticks_alone(page: Page) -> None:
    page.check("#a input")
    page.focus("#a a")
    page.evaluate("(html) => push(html)", ROW.format("Paused"))
    assert page.is_checked("#a input")
    assert page.evaluate("document.activeElement.textContent") == "alpha"


def test_rows_move_when_nobody_is_in_the_list(page: Page) -> None:
    page.hover("#outside")
    page.evaluate("wish('b a')")
    assert rows(page) == ["b", "a"]
    assert not page.is_visible("#sort-again")


def test_rows_stay_under_the_pointer_and_the_new_order_is_offered(page: Page) -> None:
    page.hover("#a")
    page.evaluate("wish('b a')")
    assert rows(page) == ["a", "b"]
    assert page.inner_text("#sort-again") == "2"
    page.evaluate("document.getElementById('sort-again').click()")
    assert rows(page) == ["b", "a"]
    assert not page.is_visible("#sort-again")


def test_rows_move_by_themselves_when_the_pointer_leaves(page: Page) -> None:
    page.hover("#a")
    page.evaluate("wish('b a')")
    page.hover("#outside")
    page.wait_for_function("document.querySelector('#rows > tr').id === 'b'", timeout=2000)


def test_j_k_and_x_walk_and_select(page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.querySelector('.is-at').id") == "b"
    page.keyboard.press("x")
    assert page.is_checked("#b input")
    page.keyboard.press("k")
    assert page.evaluate("document.querySelector('.is-at').id") == "a"


def test_a_shortcut_is_no_shortcut_while_typing(page: Page) -> None:
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.focus("textarea")
    page.keyboard.type("jx")
    assert page.input_value("textarea") == "jx"
    assert page.query_selector(".is-at") is None
