from __future__ import annotations

import threading

import pytest

from hyperspy_smartalign.gui.mailbox import Mailbox


def test_calls_are_made_in_order_where_they_are_delivered():
    mailbox, made = Mailbox(), []

    def post():
        for number in range(100):
            mailbox.post(lambda number=number: made.append((number, threading.current_thread())))

    thread = threading.Thread(target=post)
    thread.start()
    thread.join()
    assert made == []
    mailbox.deliver()
    assert made == [(number, threading.current_thread()) for number in range(100)]


def test_it_rings_once_for_all_that_waits():
    mailbox, rung, made = Mailbox(), [], []
    mailbox.ring = rung.append
    for number in range(3):
        mailbox.post(lambda number=number: made.append(number))
    assert len(rung) == 1
    rung[0]()
    assert made == [0, 1, 2]
    mailbox.post(lambda: made.append(3))
    assert len(rung) == 2
    mailbox.deliver()
    mailbox.deliver()
    assert made == [0, 1, 2, 3]


def test_what_waited_before_there_was_a_bell_is_rung_for():
    mailbox, rung, made = Mailbox(), [], []
    mailbox.post(lambda: made.append(1))
    mailbox.ring = rung.append
    assert len(rung) == 1
    # Another view takes over, of which the first bell knows nothing.
    mailbox.ring = lambda deliver: deliver()
    assert made == [1]
    mailbox.ring = None
    mailbox.post(lambda: made.append(2))
    assert made == [1]


def test_calls_may_post_further_ones():
    mailbox, made = Mailbox(), []
    mailbox.post(lambda: mailbox.post(lambda: made.append("second")))
    mailbox.deliver()
    assert made == ["second"]


def test_an_error_does_not_keep_the_others_away():
    mailbox, made = Mailbox(), []

    def fails():
        raise ValueError("first")

    def fails_too():
        raise RuntimeError("second")

    for call in (fails, fails_too, lambda: made.append("last")):
        mailbox.post(call)
    with pytest.raises(ValueError, match="first"):
        mailbox.deliver()
    assert made == ["last"]
    mailbox.deliver()
