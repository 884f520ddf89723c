from ospf.doubt import AUDIT_SECONDS, GRACE_SECONDS, OVERDUE_SECONDS, SILENCE_SECONDS, SUSPECTS, Doubt
from ospf.lsa import MAX_AGE, Lsa, RouterLsa, encode_lsa
from ospf.lsdb import Lsdb


def lsa(router: int = 1, sequence: int = 1, age: int = 0) -> Lsa:
    return encode_lsa(
        type=1, link_state_id=router, advertising_router=router, body=RouterLsa(0, ()), sequence=sequence, age=age
    )


def test_an_acknowledged_lsa_is_suspect_until_it_is_heard() -> None:
    lsdb = Lsdb(0)
    doubt = Doubt(lsdb, 0.0)
    doubt.acknowledged([lsa(1).header, lsa(2).header, lsa(3, age=MAX_AGE).header], 10.0)
    assert doubt.next_timeout() == 10.0 + GRACE_SECONDS
    lsdb.install(lsa(1), 10.1)
    assert doubt.handle_timeout(10.4) == []
    assert doubt.handle_timeout(10.5) == ["an LSA was acknowledged that was not heard"]
    assert doubt.handle_timeout(11.0) == [] and doubt.next_timeout() == AUDIT_SECONDS


def test_a_newer_instance_is_suspect_too_and_an_older_one_is_not() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(sequence=5), 0.0)
    doubt = Doubt(lsdb, 0.0)
    doubt.acknowledged([lsa(sequence=4).header, lsa(sequence=5).header], 1.0)
    assert doubt.handle_timeout(2.0) == []
    doubt.acknowledged([lsa(sequence=6).header], 2.0)
    assert len(doubt.handle_timeout(3.0)) == 1


def test_suspects_are_bounded() -> None:
    doubt = Doubt(Lsdb(0), 0.0)
    doubt.acknowledged((lsa(router).header for router in range(1, SUSPECTS + 50)), 0.0)
    assert len(doubt.handle_timeout(1.0)) == SUSPECTS


def test_silence_and_overdue() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(), 0.0)
    doubt = Doubt(lsdb, 0.0)
    assert doubt.handle_timeout(SILENCE_SECONDS) == []
    assert doubt.handle_timeout(SILENCE_SECONDS + AUDIT_SECONDS) == ["silence past the refresh time"]
    doubt.heard_update(OVERDUE_SECONDS)
    assert doubt.handle_timeout(OVERDUE_SECONDS + AUDIT_SECONDS) == ["an LSA missed its refresh"]
