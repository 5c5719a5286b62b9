"""The last word on each object counts, whatever the order of listings and events."""

from kvmweb.core.refs import Kind
from kvmweb.hub.batches import fold
from tests.hub import plain


def test_the_last_record_of_an_object_wins() -> None:
    batch = fold([plain.guest(1, title="old"), plain.guest(1, title="new", event_at=5.0)])
    told = batch.told[Kind.GUEST][plain.uuid(1)]
    assert told is not None
    assert (told.record["title"], told.event_at) == ("new", 5.0)


def test_gone_after_a_record_is_gone_and_a_record_after_gone_is_there() -> None:
    batch = fold([plain.guest(1), plain.gone(1), plain.gone(2), plain.guest(2)])
    assert batch.told[Kind.GUEST][plain.uuid(1)] is None
    assert batch.told[Kind.GUEST][plain.uuid(2)] is not None


def test_a_listing_takes_away_what_was_told_before_it_and_nothing_told_after() -> None:
    batch = fold([plain.guest(1), plain.guest(2), plain.listed(2), plain.guest(3)])
    assert batch.told[Kind.GUEST][plain.uuid(1)] is None
    assert batch.told[Kind.GUEST][plain.uuid(3)] is not None
    assert batch.listed[Kind.GUEST] == {plain.uuid(2), plain.uuid(3)}


def test_gone_after_a_listing_leaves_the_listing() -> None:
    batch = fold([plain.listed(1, 2), plain.gone(2)])
    assert batch.listed[Kind.GUEST] == {plain.uuid(1)}


def test_an_unknown_type_is_passed_over() -> None:
    assert fold([{"type": "weather"}]).link is None
