"""Real managers against the responder's process: net-snmp walks it, tshark judges every answer."""

import random
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from mibs import ber, message
from mibs.oid import Oid, format_oid, parse_oid
from mibs.snapshotfile import write_snapshot
from mibs.tree import Tree, dump
from tests.mibs.ask import encode_request
from tests.mibs.sample import sample_snapshot
from tests.mibs.served import Served, responder
from tests.require import require_programs

pytestmark = pytest.mark.peer

LINKS, APPLICATIONS = 12, 4
MOVING = ("1.3.6.1.2.1.1.3.", "1.3.6.1.2.1.11.")  # sysUpTime and the responder's own counters
# Nothing in this snapshot changed since the responder started, so that times relative to it stand still.
SNAPSHOT = sample_snapshot(LINKS, APPLICATIONS, since=1e9)
EXCEPTIONS = {"", "noSuchObject", "noSuchInstance", "endOfMibView"}  # noted by tshark, and legal
NAMES = {
    ber.INTEGER: "INTEGER", ber.OCTET_STRING: "STRING", ber.OBJECT_IDENTIFIER: "OID", ber.IP_ADDRESS: "IpAddress",
    ber.COUNTER32: "Counter32", ber.GAUGE32: "Gauge32", ber.TIME_TICKS: "Timeticks", ber.COUNTER64: "Counter64",
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with responder(tmp_path_factory.mktemp("walk"), SNAPSHOT) as running:
        yield running


def run(program: str, *arguments: str) -> list[str]:
    """Lines of the program's output; it must succeed and complain of nothing."""
    path = require_programs(program)[program]
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr + done.stdout[-300:]
    return done.stdout.splitlines()


def parsed(lines: list[str]) -> list[tuple[Oid, str]]:
    """Names and values; long hex strings go on over several lines."""
    rows: list[tuple[Oid, str]] = []
    for line in lines:
        name, equals, value = line.partition(" = ")
        if "No more variables left" in value or line == "End of MIB":
            break
        if equals:
            rows.append((parse_oid(name), value.strip()))
        else:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
    return rows


def still(rows: list[tuple[Oid, str]]) -> list[tuple[Oid, str]]:
    return [row for row in rows if not format_oid(row[0]).startswith(MOVING)]


def as_net_snmp_prints(tag: int, value: bytes) -> str:
    """What `snmpwalk -On -OQ`-less output looks like for one value; strings in hex (-Ox)."""
    integer = int.from_bytes(value, "big")
    if tag == ber.OCTET_STRING:
        return '""' if not value else "Hex-STRING: " + value.hex(" ").upper()
    if tag == ber.IP_ADDRESS:
        return "IpAddress: " + ".".join(map(str, value))
    if tag == ber.TIME_TICKS:
        hundredths = integer % 100
        hours, rest = divmod(integer // 100, 3600)
        return f"Timeticks: ({integer}) {hours % 24}:{rest // 60:02}:{rest % 60:02}.{hundredths:02}"
    if tag == ber.OBJECT_IDENTIFIER:
        from mibs.oid import decode_oid

        return "OID: ." + format_oid(decode_oid(value))
    return f"{NAMES[tag]}: {integer}"


def oracle(skip_counter64: bool = False) -> list[tuple[Oid, str]]:
    """The snapshot decoded and sorted, without what moves; times relative to the start are all 0 here."""
    rows = dump(Tree(SNAPSHOT), lambda kind, value: ber.encode_integer(0, ber.TIME_TICKS))
    return still(
        [(name, as_net_snmp_prints(tag, v)) for name, tag, v in rows if not (skip_counter64 and tag == ber.COUNTER64)]
    )


@pytest.mark.parametrize("repetitions", [1, 10, 50, 1000])
def test_bulk_walk_equals_the_dump_twice(served: Served, repetitions: int) -> None:
    arguments = ("-v2c", "-c", "public", "-On", "-Ox", f"-Cr{repetitions}", served.target, ".1")
    first, second = (parsed(run("snmpbulkwalk", *arguments)) for _ in range(2))
    names = [name for name, _ in first]
    assert all(a < b for a, b in pairwise(names))
    assert still(first) == still(second) == oracle()
    assert len(first) > 500


def test_walks_by_get_next(served: Served) -> None:
    v2c = parsed(run("snmpwalk", "-v2c", "-c", "public", "-On", "-Ox", served.target, ".1"))
    assert still(v2c) == oracle()
    v1 = parsed(run("snmpwalk", "-v1", "-c", "public", "-On", "-Ox", served.target, ".1"))
    assert still(v1) == oracle(skip_counter64=True)


def test_several_columns_at_once(served: Served) -> None:
    columns = [f".1.3.6.1.2.1.31.1.1.1.{arc}" for arc in (1, 6, 10, 18)]
    arguments = ("-v2c", "-c", "public", "-On", "-Cn1", "-Cr5", served.target, ".1.3.6.1.2.1.1.3", *columns)
    names = [name for name, _ in parsed(run("snmpbulkget", *arguments))]
    indexes = [5, 8, 11, 14, 17]
    expected = [parse_oid(f"{column}.{index}") for index in indexes for column in columns]
    assert names == [parse_oid(".1.3.6.1.2.1.1.3.0"), *expected]


def test_get_and_exceptions(served: Served) -> None:
    def get(version: str, *names: str) -> subprocess.CompletedProcess[str]:
        path = require_programs("snmpget")["snmpget"]
        command = [path, version, "-c", "public", "-On", "-r0", "-Cf", served.target, *names]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    done = get("-v2c", ".1.3.6.1.2.1.1.5.0", ".1.3.6.1.2.1.2.2.1.2.6", ".1.3.6.1.2.1.2.2.1.14.5")
    assert done.stdout.splitlines() == [
        '.1.3.6.1.2.1.1.5.0 = STRING: "sample"',
        ".1.3.6.1.2.1.2.2.1.2.6 = No Such Instance currently exists at this OID",
        ".1.3.6.1.2.1.2.2.1.14.5 = No Such Object available on this agent at this OID",
    ]
    done = get("-v1", ".1.3.6.1.2.1.1.5.0", ".1.3.6.1.2.1.31.1.1.1.6.5")
    assert "noSuchName" in done.stderr and ".1.3.6.1.2.1.31.1.1.1.6.5" in done.stderr


def test_set_is_refused(served: Served) -> None:
    path = require_programs("snmpset")["snmpset"]
    for version, reason in (("-v2c", "notWritable"), ("-v1", "noSuchName")):
        command = [path, version, "-c", "public", "-On", "-r0", served.target, ".1.3.6.1.2.1.1.5.0", "s", "x"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode != 0 and reason in done.stderr and ".1.3.6.1.2.1.1.5.0" in done.stderr


def test_stranger_hears_nothing(served: Served) -> None:
    path = require_programs("snmpget")["snmpget"]
    command = [path, "-v2c", "-c", "private", "-r0", "-t0.3", served.target, ".1.3.6.1.2.1.1.5.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert "Timeout" in done.stderr


def test_swap_during_walks(tmp_path: Path) -> None:
    """Snapshots with ever other rows, swapped many times a second, while walks run: order holds, no error."""
    with responder(tmp_path, sample_snapshot(40, 3)) as running:
        stop = threading.Event()

        def swap() -> None:
            rng = random.Random(1)
            while not stop.is_set():
                write_snapshot(running.snapshot, sample_snapshot(rng.randint(20, 60), 3, seed=rng.randrange(99)))
                time.sleep(0.02)

        thread = threading.Thread(target=swap)
        thread.start()
        try:
            for i in range(12):
                repetitions = (1, 5, 10, 50)[i % 4]
                lines = run("snmpbulkwalk", "-v2c", "-c", "public", "-On", f"-Cr{repetitions}", running.target, ".1")
                names = [name for name, _ in parsed(lines)]
                assert all(a < b for a, b in pairwise(names)) and len(names) > 400
        finally:
            stop.set()
            thread.join()


def test_tshark_finds_nothing_malformed(served: Served, tmp_path: Path) -> None:
    """Answers to every kind of request, put into a capture file and judged by an independent decoder."""
    texts = ("1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.2.2.1.14.5", "1.3.6.1.2.1.2.2.1.2.6", "2.5")
    asked = [parse_oid(text) for text in texts]
    requests = []
    for version in (0, 1):
        for tag in (message.GET, message.GET_NEXT, message.SET):
            requests.append(encode_request(tag, asked, version=version))
            requests += [encode_request(tag, [name], version=version, request_id=-(2**31)) for name in asked]
    tree = Tree(SNAPSHOT)
    names = [name for name, _, _ in dump(tree, lambda kind, value: b"\x43\x01\x00")]
    for start in range(0, len(names), 10):
        requests.append(encode_request(message.GET_BULK, [names[start]], second=200, request_id=2**31 - 1))
    requests.append(encode_request(message.GET_BULK, names[-9:], first=2, second=3))
    requests.append(encode_request(message.GET_BULK, [], first=2, second=3))
    answers = [served.exchange(request) for request in requests]
    assert None not in answers
    dissected = dissect([answer for answer in answers if answer is not None], tmp_path)
    assert len(dissected) == len(requests)
    for line in dissected:
        protocols, malformed, expert, _ = line.split("\t")
        assert "snmp" in protocols and malformed == "" and set(expert.split(",")) <= EXCEPTIONS, line
    counts = [len(line.split("\t")[3].split(",")) for line in dissected]
    assert max(counts) > 30


def dissect(datagrams: list[bytes], folder: Path) -> list[str]:
    """Fields of each datagram as tshark sees them: protocols, expert items, names.  Takes a text2pcap hexdump."""
    dump_text = "\n".join("000000 " + datagram.hex(" ") for datagram in datagrams) + "\n"
    text, capture = folder / "answers.txt", folder / "answers.pcap"
    text.write_text(dump_text)
    run_quietly("text2pcap", "-q", "-u", "161,40000", str(text), str(capture))
    fields = ["frame.protocols", "_ws.malformed", "_ws.expert.message", "snmp.name"]
    arguments = [part for name in fields for part in ("-e", name)]
    return run_quietly("tshark", "-r", str(capture), "-T", "fields", *arguments)


def run_quietly(program: str, *arguments: str) -> list[str]:
    path = require_programs(program)[program]
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()
