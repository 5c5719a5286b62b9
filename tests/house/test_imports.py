"""Every module can be imported: names that libvirt does not have are seen by no type checker."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import kvmweb

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(kvmweb.__path__, "kvmweb.")
    if not found.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_it_can_be_imported(name: str) -> None:
    assert importlib.import_module(name).__name__ == name
