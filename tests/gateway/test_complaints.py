from gateway.complaints import INTERVAL, MAX_CAUSES, Complaints


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
