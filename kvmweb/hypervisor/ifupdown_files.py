"""/etc/network/interfaces and what it includes: read, and written again with a bridge more or less.

Pure: text in, text out. What is not about the bridge and its interfaces stays as it is.
Source: interfaces(5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MAIN = "/etc/network/interfaces"
_KEYWORDS = frozenset(
    {"iface", "auto", "mapping", "source", "source-directory", "rename", "no-auto-down",
     "no-scripts", "template"}
)  # fmt: skip
_OF_CARDS = ("wpa-", "wireless-", "ethernet-", "bridge_", "bridge-")
_PORTS = ("bridge_ports", "bridge-ports")


@dataclass(slots=True)
class Block:
    """A line with a keyword, and all that belongs to it. words: of the first line."""

    lines: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """Empty for what comes before the first keyword."""
        return self.lines[0].split() if self.lines and _is_keyword(self.lines[0]) else []

    def is_iface(self, name: str) -> bool:
        """Whether it sets up this interface."""
        return self.words[:2] == ["iface", name]


Files = dict[str, str]
"""Path to text."""


def blocks(text: str) -> list[Block]:
    """All of a file, in order; a line that ends in a backslash and the next one stay together."""
    found = [Block()]
    goes_on = False
    for line in text.splitlines():
        if not goes_on and _is_keyword(line):
            found.append(Block())
        found[-1].lines.append(line)
        goes_on = line.endswith("\\")
    return found


def names(files: Files) -> set[str]:
    """Every interface that is set up."""
    return {it.words[1] for it in _all(files) if it.words[:1] == ["iface"] and len(it.words) > 1}


def ports(files: Files, bridge: str) -> list[str]:
    """Interfaces of a bridge, as it was written by us or by hand; empty when it is no bridge."""
    found: list[str] = []
    for block in _all(files):
        if block.is_iface(bridge):
            for line in block.lines[1:]:
                words = line.split()
                if words[:1] and words[0] in _PORTS:
                    found += [word for word in words[1:] if word not in ("none", "all")]
                elif _is_port(words):
                    found.append(words[words.index("dev") + 1])
    return list(dict.fromkeys(found))


def is_bridge(files: Files, name: str) -> bool:
    """Whether this interface is written down as a bridge."""
    return any(
        line.strip().startswith(_PORTS) or "type bridge" in line
        for block in _all(files)
        if block.is_iface(name)
        for line in block.lines[1:]
    )


def created(files: Files, bridge: str, device: str) -> Files:
    """With a bridge that has the device's settings, and the device in it."""
    own = [block for block in _all(files) if block.is_iface(device)]
    last = len(own) - 1
    at = -1

    def change(block: Block) -> list[str]:
        nonlocal at
        if block.is_iface(device):
            at += 1
            head = " ".join(["iface", bridge, *block.words[2:]])
            kept = [it for it in block.lines[1:] if not it.strip().startswith(_OF_CARDS)]
            kept, rest = _trimmed(kept)
            first = _made(bridge, device) if at == 0 else []
            end = [_gone(bridge)] if at == last else []
            manual = [f"iface {device} inet manual"] if at == last else []
            return [head, *first, *kept, *end, *([""] if manual else []), *manual, *rest]
        return _renamed(block, device, bridge)

    if own:
        return _each(files, change)
    lines = ["", f"auto {bridge}", f"iface {bridge} inet manual", *_made(bridge, device)]
    lines += [_gone(bridge), "", f"iface {device} inet manual", ""]
    return {**files, MAIN: files.get(MAIN, "").rstrip("\n") + "\n" + "\n".join(lines)}


def attached(files: Files, bridge: str, device: str) -> Files:
    """With the device in this bridge, and no settings of its own."""
    is_written = False

    def change(block: Block) -> list[str]:
        nonlocal is_written
        if block.is_iface(bridge) and not is_written:
            is_written = True
            return _with_port(block.lines, bridge, device)
        if block.is_iface(device):
            return _trimmed(block.lines[1:])[1]
        return _renamed(block, device, "")

    found = _each(files, change)
    main = found.get(MAIN, "")
    return {**found, MAIN: main.rstrip("\n") + f"\n\niface {device} inet manual\n"}


def detached(files: Files, bridge: str, device: str) -> Files:
    """Without the device in this bridge; it stays without settings."""

    def change(block: Block) -> list[str]:
        if not block.is_iface(bridge):
            return block.lines
        return [_without_port(it, device) for it in block.lines if not _is_port(it.split(), device)]

    return _each(files, change)


def deleted(files: Files, bridge: str) -> Files:
    """Without the bridge: its settings are those of its first interface again."""
    inside = ports(files, bridge)
    first = inside[0] if inside else ""
    manual = ["iface", first, "inet", "manual"]

    def change(block: Block) -> list[str]:
        if block.is_iface(bridge):
            kept, rest = _trimmed([it for it in block.lines[1:] if not _is_ours(it, bridge)])
            if not first or block.words[3:4] == ["manual"]:
                return rest
            kept = [it for it in kept if not it.strip().startswith(("bridge_", "bridge-"))]
            return [" ".join(["iface", first, *block.words[2:]]), *kept, *rest]
        if first and block.words == manual and not _is_manual(files, bridge):
            return _trimmed(block.lines[1:])[1]
        return _renamed(block, bridge, "" if _is_manual(files, bridge) else first)

    return _each(files, change)


def _is_manual(files: Files, name: str) -> bool:
    own = [block for block in _all(files) if block.is_iface(name)]
    return all(block.words[3:4] == ["manual"] for block in own)


def _each(files: Files, change: Callable[[Block], list[str]]) -> Files:
    found = {}
    for path, text in files.items():
        lines = [line for block in blocks(text) for line in change(block)]
        found[path] = "\n".join(lines) + ("\n" if lines else "")
    return found


def _all(files: Files) -> Iterator[Block]:
    for text in files.values():
        yield from blocks(text)


def _is_keyword(line: str) -> bool:
    words = line.split()
    return bool(words) and (words[0] in _KEYWORDS or words[0].startswith("allow-"))


def _trimmed(lines: list[str]) -> tuple[list[str], list[str]]:
    """What belongs to the block, and the empty lines and comments before the next one."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return lines[:end], lines[end:]


def _made(bridge: str, device: str) -> list[str]:
    return [
        f"    pre-up ip link add name {bridge} type bridge stp_state 0 forward_delay 0 || true",
        f"    pre-up ip link set dev {bridge} address $(cat /sys/class/net/{device}/address)",
        _port(bridge, device),
    ]


def _port(bridge: str, device: str) -> str:
    return f"    pre-up ip link set dev {device} master {bridge} up"


def _gone(bridge: str) -> str:
    return f"    post-down ip link delete dev {bridge} type bridge || true"


def _is_port(words: list[str], device: str = "") -> bool:
    is_one = words[:4] == ["pre-up", "ip", "link", "set"] and "master" in words and "dev" in words
    return is_one and (not device or words[words.index("dev") + 1] == device)


def _is_ours(line: str, bridge: str) -> bool:
    words = line.split()
    about = words[:3] in (["pre-up", "ip", "link"], ["post-down", "ip", "link"])
    return about and bridge in words


def _with_port(lines: list[str], bridge: str, device: str) -> list[str]:
    for number, line in enumerate(lines):
        words = line.split()
        if words[:1] and words[0] in _PORTS:
            others = [word for word in words[1:] if word != "none"]
            added = " ".join([words[0], *others, device])
            return [*lines[:number], f"    {added}", *lines[number + 1 :]]
    last = max((n for n, line in enumerate(lines) if _is_port(line.split())), default=0)
    return [*lines[: last + 1], _port(bridge, device), *lines[last + 1 :]]


def _without_port(line: str, device: str) -> str:
    words = line.split()
    if words[:1] and words[0] in _PORTS and device in words[1:]:
        others = [word for word in words[1:] if word != device] or ["none"]
        return "    " + " ".join([words[0], *others])
    return line


def _renamed(block: Block, before: str, after: str) -> list[str]:
    """A list of interfaces to be brought up, with another one in it; `after` empty: with one less.

    A bridge is no hardware that appears: what waited for that is brought up at boot instead.
    """
    words = block.words
    is_list = words[:1] and (words[0] == "auto" or words[0].startswith("allow-"))
    if not is_list or before not in words[1:]:
        return block.lines
    others = [word for word in words[1:] if word != before]
    found = [" ".join([words[0], *others])] if others else []
    if after and words[0] == "auto" and not found:
        return [f"auto {after}", *block.lines[1:]]
    return [*found, *([f"auto {after}"] if after else []), *block.lines[1:]]
