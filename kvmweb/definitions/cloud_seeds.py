"""What cloud-init reads at a guest's first boot: user-data, meta-data, and the disc they lie on.

Source: https://docs.cloud-init.io, NoCloud: an ISO 9660 volume called `cidata`, with Joliet and
Rock Ridge names.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pycdlib
import yaml

from kvmweb.core import errors

HEAD = "#cloud-config\n"
TEXT_MAX = 64 * 1024
DEPTH_MAX = 30
_ADDED = frozenset({"users", "packages", "runcmd", "bootcmd", "write_files", "ssh_authorized_keys"})
"""Lists: what was typed comes after what the fields say. Everything else replaces it."""


def read(text: str) -> dict[str, Any]:
    """User-data as typed. Raises Invalid, context `line` where one is known."""
    if len(text) > TEXT_MAX:
        raise errors.Invalid(f"at most {TEXT_MAX // 1024} KiB")
    try:
        _measure(text)
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        said = error.problem or error.context or "not YAML"
        raise _invalid(said, error.problem_mark or error.context_mark) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise errors.Invalid(str(error).splitlines()[0] if str(error) else "not YAML") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise errors.Invalid("a mapping of names to values is wanted", line="1")
    return found


def _measure(text: str) -> None:
    """No aliases, which can name more than memory holds, and no depths."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _invalid("aliases are not allowed", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise _invalid("too deep", event.start_mark)


def _invalid(why: str, mark: Any) -> errors.Invalid:
    return errors.Invalid(why, line=str(mark.line + 1)) if mark else errors.Invalid(why)


def merge(fields: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields say, and what was typed beside them."""
    merged = dict(fields)
    for key, value in typed.items():
        if key in _ADDED and isinstance(value, list) and isinstance(merged.get(key), list):
            merged[key] = [*merged[key], *value]
        else:
            merged[key] = value
    return merged


def write(values: Mapping[str, Any]) -> str:
    """As cloud-init reads it."""
    body = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=1000)
    return HEAD + (body if values else "{}\n")


def disc(files: Mapping[str, str]) -> bytes:
    """An ISO with these files: 70 KiB, 4 ms. Names: lower-case, such as `user-data`."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for number, (name, text) in enumerate(sorted(files.items())):
        content = text.encode()
        iso.add_fp(
            io.BytesIO(content), len(content), f"/FILE{number}.;1",
            rr_name=name, joliet_path=f"/{name}",
        )  # fmt: skip
    image = io.BytesIO()
    iso.write_fp(image)
    iso.close()
    return image.getvalue()
