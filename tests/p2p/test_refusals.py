"""Refused strangers: each is news once an hour, and there is a bound to all of them."""

from p2p.refusals import MAX_TOLD, REPEAT_S, RefusalNotes


def test_a_stranger_is_news_once_an_hour() -> None:
    notes = RefusalNotes()
    assert notes.is_news(b"a", 0.0)
    assert not notes.is_news(b"a", REPEAT_S - 1)
    assert notes.is_news(b"b", REPEAT_S - 1)
    assert notes.is_news(b"a", REPEAT_S)


def test_made_up_strangers_do_not_fill_the_log() -> None:
    notes = RefusalNotes()
    told = [notes.is_news(number.to_bytes(2, "big"), 1.0) for number in range(10 * MAX_TOLD)]
    assert sum(told) == MAX_TOLD
    assert notes.is_news(b"somebody", 1.0 + REPEAT_S)
