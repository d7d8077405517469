"""What every worker does: a shard for each task, whatever becomes of the others."""

import threading

import pytest

from trajprobe.execution.work import ahead


def test_items_are_made_ahead_in_their_order_and_an_error_arrives_in_its_place():
    made = []

    def items():
        for number in range(3):
            made.append(number)
            yield number
        raise ValueError("no fourth")

    taken = ahead(items())
    assert [next(taken), next(taken)] == [0, 1]
    assert next(taken) == 2
    assert made == [0, 1, 2]
    with pytest.raises(ValueError, match="no fourth"):
        next(taken)


def test_the_next_item_is_begun_before_it_is_asked_for():
    begun = threading.Event()

    def items():
        yield 0
        begun.set()
        yield 1

    taken = ahead(items())
    assert next(taken) == 0
    assert begun.wait(60)
    assert list(taken) == [1]
