"""Real errors of the test driver become our problems."""

from __future__ import annotations

import libvirt
import pytest

from kvmweb.core import errors
from kvmweb.hypervisor import faults
from kvmweb.hypervisor.connections import Line

TWIN = (
    "<domain type='test'><name>test</name><memory>1024</memory><os><type>hvm</type></os></domain>"
)
MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def line():
    made = Line("test:///default", "tests")
    yield made
    made.retire()


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda c: c.lookupByUUIDString(MISSING), errors.NotFound),
        (lambda c: c.networkLookupByName("none"), errors.NotFound),
        (lambda c: c.storagePoolLookupByName("none"), errors.NotFound),
        (lambda c: c.defineXML(TWIN), errors.Exists),
        (lambda c: c.getMemoryStats(-1, 0), errors.NotSupported),
        (lambda c: c.defineXML("<domain"), errors.Invalid),
        (lambda c: c.defineXML("<domain type='test'><name/></domain>"), errors.Invalid),
        (lambda c: c.listAllDomains()[0].openConsole(None, c.newStream(0), 0), errors.NotSupported),
        (lambda c: c.networkLookupByName("default").create(), errors.WrongState),
    ],
)
def test_libvirt_error_is_a_problem_with_its_words_kept(line, act, problem):
    with pytest.raises(problem) as caught:
        line.submit(act).result(5)
    assert caught.value.detail
    assert isinstance(caught.value.__cause__, libvirt.libvirtError)


def test_no_socket_is_host_down():
    line = Line("qemu+unix:///system?socket=/nonexistent", "tests")
    with pytest.raises(errors.HostDown, match="nonexistent"):
        line.submit(lambda c: c.getLibVersion()).result(5)
    line.retire()


@pytest.mark.parametrize("uri", ["qemu+ssh://nobody@127.0.0.1:1/system", "nonsense:///"])
def test_uri_that_leads_nowhere_is_a_problem(uri):
    line = Line(uri, "tests")
    with pytest.raises(errors.Problem):
        line.submit(lambda c: c.getLibVersion()).result(20)
    line.retire()


def test_every_mapped_code_exists_once():
    assert len(faults._BY_CODE) >= 30
    assert set(faults._BY_CODE.values()) <= set(errors.PROBLEMS.values())
