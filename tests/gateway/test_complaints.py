from gateway.complaints import INTERVAL, MAX_CAUSES, Budget, Complaints


def test_once_per_cause_and_minute_and_the_rest_is_told() -> None:
    complaints = Complaints()
    assert complaints.say("a", "broken", 0.0) == "broken"
    assert complaints.say("b", "other", 0.0) == "other"
    assert [complaints.say("a", "broken", t) for t in (1.0, 2.0, INTERVAL - 0.1)] == [None] * 3
    assert complaints.say("a", "broken", INTERVAL) == "broken (3 more since)"
    assert complaints.say("a", "broken", 2 * INTERVAL) == "broken"


def test_causes_are_bounded() -> None:
    complaints = Complaints()
    for n in range(3 * MAX_CAUSES):
        complaints.say(str(n), "x", float(n))
    assert len(complaints._causes) == MAX_CAUSES


def test_a_budget_of_lines_a_minute() -> None:
    budget = Budget(lines=2)
    assert [budget.say(text, 10.0) for text in "abcd"] == ["a", "b", None, None]
    assert budget.say("e", 69.9) is None
    assert [budget.say(text, 70.0) for text in "fg"] == ["f (3 lines left out before)", "g"]
    assert budget.say("h", 5.0) == "h"  # the clock was set back
