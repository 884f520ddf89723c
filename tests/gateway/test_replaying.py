"""gateway.replaying: captures and archives for `anemone topology --pcap`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway import replaying
from gateway.errors import GatewayError
from gateway.query import NothingFound
from ospf.archive import ADDED, BEGUN, CHANGED, Mark, Record
from ospf.archivefile import ArchiveFile
from ospf.changes import TopologyEvent
from tests.ospf.archived import START, STREAM
from tests.ospf.test_capture import PACKET, write_pcap
from tests.ospf.test_past import B, ends

LAN = Path(__file__).parents[1] / "captures" / "ospf-lan" / "in.pcap"
T = START / 1000


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cost changes after 100 s; the attachment begins anew after 200 s and never hears of one router again."""
    monkeypatch.setattr("ospf.archivefile._now", lambda: START)
    written = ArchiveFile(tmp_path / "archive")
    written.open()
    items: list[Record | Mark] = [Record(START + 1000, STREAM, 7, ADDED, lsa.raw) for lsa in ends(10)]
    items += [Record(START + 100_000, STREAM, 7, CHANGED, lsa.raw) for lsa in ends(20, 1)]
    items.append(Mark(START + 200_000, STREAM, BEGUN))
    items.append(Record(START + 201_000, STREAM, 7, ADDED, ends(20, 1)[0].raw))
    written._take(items)
    written.flush(T + 300)
    written.stop()
    return tmp_path / "archive"


def test_the_document_of_a_capture() -> None:
    d = replaying.topology(LAN)
    (topology,) = d["topologies"]
    assert topology["instance"] == "default" and len(topology["routers"]) == 3 and len(topology["prefixes"]) == 13
    assert d["databases"] == [{"instance": "default", "version": 2, "area": "0.0.0.0", "lsas": 16}]
    assert ("cost_changed", "10.98.0.2:10.98.0.2") in {(e["kind"], e["subject"]) for e in d["events"]}
    fates = {fate: sum(row[fate] for row in d["lsas"]) for fate in ("added", "changed", "duplicate", "removed")}
    assert sum(row["lsas"] for row in d["lsas"]) == 48 and fates["removed"] == 1 and fates["duplicate"] > 10
    assert d["packets"]["ospf"] == 95 and d["error"] == "" and d["first"] == "2026-11-21T20:07:31.655Z"


def test_an_instant_and_the_difference_of_two() -> None:
    early = replaying.topology(LAN, at="2026-11-21T20:07:40Z")
    prefixes = {p["prefix"] for p in early["topologies"][0]["prefixes"]}
    assert "172.16.3.0/24" in prefixes and early["last"] == "2026-11-21T20:07:40Z"
    changes = replaying.topology(LAN, diff=("-3s", "now"))
    assert {(c["kind"], c["subject"]) for c in changes} == {
        ("cost_changed", "10.98.0.2:10.98.0.2"), ("prefix_removed", "172.16.3.0/24"),
    }  # fmt: skip
    back = replaying.topology(LAN, diff=("now", "-3s"))
    assert [c["kind"] for c in back] == ["cost_changed", "prefix_added"] and back[0]["detail"] == "77 -> 10"


def test_an_instant_before_the_capture_is_no_answer() -> None:
    with pytest.raises(NothingFound, match=r"nothing was heard by 2020-01-01T00:00:00Z; .* begins at 2026-11-21T20:07"):
        replaying.topology(LAN, at="2020-01-01")
    with pytest.raises(NothingFound, match=r"no topology is known as of 2020-01-01T00:00:00Z; .* begins at"):
        replaying.topology(LAN, diff=("2020-01-01", "now"))


def test_without_events() -> None:
    d = replaying.topology(LAN, events=False)
    assert len(d["topologies"][0]["links"]) == 6
    assert {e["kind"] for e in d["events"]} == {"neighbor_seen", "neighbor_lost"}


def test_area_and_instance() -> None:
    assert len(replaying.topology(LAN, area="0", instance="default")["topologies"]) == 1
    for choice in ({"area": "5"}, {"instance": "vrf"}, {"at": "2020-01-01"}):
        with pytest.raises(NothingFound):
            d = replaying.topology(LAN, **choice)  # type: ignore[arg-type]
            if not d["topologies"]:
                raise NothingFound("at", "nothing yet", "")


def test_an_archive_through_the_listener(archive: Path) -> None:
    for path in (archive, next(archive.iterdir())):
        d = replaying.topology(path)
        kinds = [(e["kind"], e["subject"]) for e in d["events"] if e["kind"] != "prefix_removed"]
        assert kinds[:2] == [("cost_changed", "1.1.1.1:10.0.0.1"), ("cost_changed", "2.2.2.2:10.0.0.2")]
        assert ("router_down", B) in kinds and d["databases"][0]["lsas"] == 1


def test_no_ospf_in_it_is_no_answer(tmp_path: Path) -> None:
    tcp = PACKET[:9] + b"\x06" + PACKET[10:]
    path = write_pcap(tmp_path / "x.pcap", 101, tcp, b"\x00" * 30)
    with pytest.raises(NothingFound, match=r"no OSPF in .*2 packets: 1 not OSPF, 1 not IP"):
        replaying.topology(path)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("not a capture")
    for path, words in ((tmp_path / "x", "not a capture"), (tmp_path / "none", "No such file"), (tmp_path, "archive")):
        with pytest.raises(GatewayError, match=words):
            replaying.topology(path)
    torn = tmp_path / "torn.pcap"
    torn.write_bytes(LAN.read_bytes()[:-9])
    assert "damaged after packet 94" in replaying.topology(torn)["error"]


def test_real_time_waits_as_the_file_did() -> None:
    waits: list[float] = []
    told: list[TopologyEvent] = []
    done = replaying.run(LAN, real_time=True, pause=waits.append, tell=told.append)
    assert len(waits) == 95 and waits[0] == 0 and 11 < waits[-1] < 13  # nobody really waited
    assert told == done.events


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_progress_line_where_somebody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen: Any = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(replaying, "PROGRESS_SECONDS", 0.0)
    replaying.run(write_pcap(tmp_path / "big.pcap", 101, *[PACKET] * 600))
    assert "big.pcap:" in screen.getvalue() and "512 packets" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[K")
