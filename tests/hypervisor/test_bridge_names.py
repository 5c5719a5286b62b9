"""Names that a host's own files and kernel give are no safer than typed ones."""

from __future__ import annotations

from pathlib import Path

from kvmweb.hypervisor import bridge_ifupdown, bridges
from kvmweb.hypervisor.bridge_place import Place
from kvmweb.hypervisor.bridge_ways import Wish

EVIL = "x;id>/tmp/a"
FILES = (
    f"auto br0\niface br0 inet dhcp\n    bridge_ports {EVIL}\n"
    f"auto {EVIL}\niface {EVIL} inet manual\n"
)


def test_a_port_of_a_strange_name_is_not_told(tmp_path: Path) -> None:
    for name in ("eth0", "a b", "$(id)", "vnet0"):
        (tmp_path / "sys/class/net/br0/brif" / name).mkdir(parents=True)
    card = bridges._Card(Place(tmp_path), "br0")
    assert bridges._bridge({"ifupdown": {"br0"}}, card).ports == ("eth0",)


def test_a_port_of_a_strange_name_is_one_word_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "etc/network").mkdir(parents=True)
    (tmp_path / "etc/network/interfaces").write_text(FILES)
    wish = Wish("delete", "br0", ports=(EVIL,))
    plan = bridge_ifupdown.plan(Place(tmp_path), wish)
    assert plan.after == (f"ifup --force '{EVIL}'",)
    assert plan.back_before == (f"ifdown --force '{EVIL}'",)
