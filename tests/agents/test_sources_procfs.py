"""A /proc made here for the rules, and the real one for ourselves."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from agents.sources.procfs import LIGHT_FILES, ProcessTable


def process(
    root: Path,
    pid: int,
    *,
    name: str = "prog",
    sockets: tuple[int, ...] = (),
    command: str = "",
    exe: str = "",
    start: int = 4711,
) -> None:
    folder = root / str(pid)
    (folder / "fd").mkdir(parents=True, exist_ok=True)
    for place, inode in enumerate(sockets):
        (folder / "fd" / str(place)).symlink_to(f"socket:[{inode}]")
    fields = " ".join(["S", *["0"] * 18, str(start), "0"])
    (folder / "stat").write_text(f"{pid} ({name}) {fields}\n")
    (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")
    (folder / "cgroup").write_text("1:name=systemd:/x\n0::/system.slice/prog.service\n")
    (folder / "exe").unlink(missing_ok=True)
    (folder / "exe").symlink_to(exe or f"/usr/bin/{name}")


def test_holders_are_found_and_remembered(tmp_path: Path) -> None:
    process(tmp_path, 10, sockets=(1, 2))
    process(tmp_path, 20, sockets=(3,))
    (tmp_path / "net").mkdir()
    table = ProcessTable(str(tmp_path))
    assert table.holders([1, 3, 99, 0]) == {1: 10, 3: 20}
    looked_at = table.stats.processes
    assert table.holders([1, 3, 99]) == {1: 10, 3: 20}  # 99 is nobody's: remembered too
    assert table.stats.processes == looked_at
    assert table.stats.nobody == 1


def test_a_process_id_used_again_does_not_own_what_its_predecessor_left(tmp_path: Path) -> None:
    """A daemon opens its socket, forks and ends; later its id belongs to somebody else."""
    process(tmp_path, 10, name="daemon", sockets=(1, 2))
    table = ProcessTable(str(tmp_path))
    assert table.holders([1, 2]) == {1: 10, 2: 10}
    shutil.rmtree(tmp_path / "10")
    process(tmp_path, 11, name="daemon", sockets=(1,))
    assert table.holders([1, 2]) == {1: 10, 2: 10}  # what is known of it still holds
    process(tmp_path, 10, name="stranger", start=4712)
    assert table.holders([1, 2]) == {1: 11}


def test_a_quick_look_takes_the_likely_ones(tmp_path: Path) -> None:
    for pid in range(10, 60):
        process(tmp_path, pid)
    process(tmp_path, 5, sockets=(1,))
    table = ProcessTable(str(tmp_path))
    table.holders([1])
    (tmp_path / "5" / "fd" / "9").symlink_to("socket:[2]")
    process(tmp_path, 70, sockets=(3,))
    scans, looked_at = table.stats.full_scans, table.stats.processes
    assert table.holders([2], thorough=False) == {2: 5}  # it had sockets before
    assert table.holders([3], thorough=False) == {3: 70}  # it is new
    assert table.stats.full_scans == scans
    assert table.stats.processes - looked_at < 40
    process(tmp_path, 30, sockets=(4,))
    assert table.holders([4], thorough=False) == {}
    assert table.holders([4]) == {4: 30}


def test_heavy_processes_are_not_looked_at_quickly(tmp_path: Path) -> None:
    process(tmp_path, 10, sockets=tuple(range(1, LIGHT_FILES + 10)))
    table = ProcessTable(str(tmp_path))
    assert table.holders([1]) == {1: 10}
    (tmp_path / "10" / "fd" / "999").symlink_to("socket:[999]")
    assert table.holders([999], thorough=False) == {}
    assert table.holders([999]) == {999: 10}


def test_facts(tmp_path: Path) -> None:
    process(tmp_path, 10, name="python3", exe="/usr/bin/python3.11", command="python3 -u /srv/shop.py --x")
    process(tmp_path, 11, name="a) b (c", exe="/opt/odd")
    table = ProcessTable(str(tmp_path))
    facts = table.facts(10)
    assert facts is not None
    assert (facts.name, facts.executable, facts.script) == ("python3", "/usr/bin/python3.11", "/srv/shop.py")
    assert (facts.cgroup, facts.unit) == ("/system.slice/prog.service", "prog.service")
    odd = table.facts(11)
    assert odd is not None
    assert (odd.name, odd.script) == ("a) b (c", "")
    assert table.facts(12) is None
    process(tmp_path, 10, name="other", exe="/usr/bin/other")  # exec: the same process, another program
    changed = table.facts(10)
    assert changed is not None
    assert changed.name == "other"


def test_raw_and_ping_sockets(tmp_path: Path) -> None:
    (tmp_path / "self" / "net").mkdir(parents=True)
    (tmp_path / "self" / "net" / "raw").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ...\n"
        "    1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000 0\n"
    )
    table = ProcessTable(str(tmp_path))
    assert table.kernel_sockets("raw") == [(1, 1234)]
    assert table.kernel_sockets("icmp6") == []


def test_this_process() -> None:
    with socket.socket() as mine:
        table = ProcessTable()
        inode = os.fstat(mine.fileno()).st_ino
        assert table.holders([inode]) == {inode: os.getpid()}
        facts = table.facts(os.getpid())
        assert facts is not None
        assert "python" in facts.executable
