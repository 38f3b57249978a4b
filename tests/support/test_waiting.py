import pytest

from tests.support.waiting import eventually


def test_the_answer_is_given_as_soon_as_it_is_true() -> None:
    answers = iter([None, "", "now"])
    assert eventually(lambda: next(answers), interval=0.0) == "now"


def test_what_never_comes_true_is_told_with_its_last_answer() -> None:
    with pytest.raises(AssertionError, match=r"not true after 0.05 seconds; it last gave \[\]"):
        eventually(list, 0.05)


def test_an_error_of_the_condition_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 / 0)
