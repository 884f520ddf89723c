"""What attachments hear goes to the archive and to the watch; both by the listeners' clock, told by the wall's."""

from pathlib import Path

from gateway.published import Event
from gateway.watches import Archivist, Watch, Where
from ospf.anomalies import AnomalyConfig
from ospf.archivefile import ArchiveFile, ArchiveReader
from ospf.config import AttachConfig
from ospf.domain import DomainKey
from ospf.events import LsaHeard, ParameterMismatch, Synchronised
from ospf.listener import Listener
from tests.ospf.test_domain import router_lsa

KEY = DomainKey("default", 2)
OFFSET = 1_700_000_000.0


def where(number: int = 0, key: DomainKey = KEY) -> Where:
    return Where(number, f"eth{number}", key)


def listener(**more) -> Listener:
    return Listener(AttachConfig("eth0", **more), 0.0)


def test_the_archive_has_what_was_heard_at_wall_clock_times(tmp_path: Path) -> None:
    archivist = Archivist(ArchiveFile(tmp_path))
    archivist.start()
    one = listener()
    archivist.attached(where(), one, 10.0, OFFSET)
    for number in (1, 2, 3):
        archivist.hear(LsaHeard(router_lsa(number), 10.0 + number, "added", 0, 9), where(), OFFSET)
    archivist.hear(Synchronised(0, 3, 0.1, 14.0, "attach"), where(), OFFSET)
    archivist.stop()
    reader = ArchiveReader(tmp_path)
    for at, count in ((OFFSET + 11.5, 1), (OFFSET + 20, 3)):
        databases = reader.at(at)
        assert databases is not None and len(databases) == count
    assert archivist.stats()["ospf_archive"]["records"] >= 3


def test_what_was_not_recorded_is_made_good_from_the_database(tmp_path: Path) -> None:
    archivist = Archivist(ArchiveFile(tmp_path))
    archivist.start()
    one = listener()
    one.lsdb.install(router_lsa(7), 12.0)
    archivist.attached(where(), one, 10.0, OFFSET)
    one.stats.lsas_unrecorded = 1
    archivist.look(13.0, OFFSET)
    archivist.stop()
    databases = ArchiveReader(tmp_path).at(OFFSET + 14)
    assert databases is not None and len(databases) == 1


def test_an_anomaly_is_told_once_with_the_instance_and_the_wall_clock() -> None:
    told: list[Event] = []
    watch = Watch(AnomalyConfig(), told.append)
    for key in (KEY, DomainKey("red", 2)):
        place = where(key=key)
        watch.attached(place, listener(instance=key.instance), 10.0, OFFSET)
        watch.hear(ParameterMismatch(1, "hello_interval", 5, 10, 20.0), place, OFFSET)
        watch.look(21.0, OFFSET)
    assert [(e.kind, e.time) for e in told] == [("parameter_mismatch", OFFSET + 20.0)] * 2
    assert not told[0].subject.startswith("red/") and told[1].subject.startswith("red/")
    assert watch.stats()["anomalies"]["parameter_mismatch"] == 2 and watch.stats()["anomalies"]["now"] == 2
    assert watch.restarting(KEY, 22.0) == {} and watch.restarting(DomainKey("blue", 2), 22.0) == {}
