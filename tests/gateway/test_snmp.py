import os
import signal
from pathlib import Path

from twisted.internet.task import Clock

from gateway.config import parse
from gateway.pipeline import Pipeline
from gateway.snmp import BACKOFF, CHECK, SnmpProcess
from mibs.snapshotfile import map_snapshot
from tests.gateway.small import diamond
from tests.gateway.test_udp import free_port, wait_for


def config(tmp_path: Path, **communities: tuple[str, ...]):
    listen = f"udp://127.0.0.1:{free_port()}"
    return parse({"state_dir": str(tmp_path), "snmp": {"listen": [listen], "communities": communities}})


def test_a_process_that_dies_is_started_again_and_a_stop_leaves_nothing(tmp_path: Path) -> None:
    clock = Clock()
    snmp = SnmpProcess(clock, config(tmp_path, public=["127.0.0.0/8"]), tmp_path)
    snmp.start()
    first = snmp._process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    assert wait_for(lambda: first.poll() is not None)
    clock.advance(CHECK)  # it is seen to be gone
    assert snmp._process is None
    snmp._not_before -= BACKOFF[1] + 1  # the pause is over
    clock.advance(CHECK)
    second = snmp._process
    assert second is not None and second.pid != first.pid
    assert snmp.stats()["restarts"] == 1
    snmp.stop()
    assert second.poll() is not None
    assert not list(tmp_path.glob("snmp.snapshot*")) and not clock.getDelayedCalls()


def test_the_snapshot_is_replaced_whole(tmp_path: Path) -> None:
    snmp = SnmpProcess(Clock(), config(tmp_path, public=["127.0.0.0/8"]), tmp_path)
    pipeline = Pipeline(parse({}), 0.0)
    snmp.publish(pipeline.published(1.0))
    small = (tmp_path / "snmp.snapshot").stat().st_size
    pipeline.receive_topology(diamond())
    snmp.publish(pipeline.published(2.0))
    assert (tmp_path / "snmp.snapshot").stat().st_size > small
    assert map_snapshot(tmp_path / "snmp.snapshot")


def test_without_a_community_nothing_listens(tmp_path: Path) -> None:
    clock = Clock()
    snmp = SnmpProcess(clock, config(tmp_path), tmp_path)
    snmp.start()
    snmp.publish(Pipeline(parse({}), 0.0).published(1.0))
    assert snmp._process is None and not clock.getDelayedCalls() and not list(tmp_path.glob("snmp.snapshot"))
    snmp.stop()


def test_a_community_that_looks_like_an_option_is_none(tmp_path: Path, monkeypatch) -> None:
    commands: list = []
    monkeypatch.setattr("gateway.snmp.subprocess.Popen", lambda command, **rest: commands.append(command))
    SnmpProcess(Clock(), config(tmp_path, **{"-x": ["127.0.0.0/8"]}), tmp_path)._spawn()
    assert "--community=-x=127.0.0.0/8" in commands[0]
