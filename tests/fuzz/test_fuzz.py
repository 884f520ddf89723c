"""A little of the fuzzing at every test run, and that it would find what it looks for."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.errors import OspfDecodeError
from tests.fuzz.__main__ import Campaign, run
from tests.fuzz.mutation import BLOCK, cases, change
from tests.fuzz.run import STEPS, StepBudgetExceeded, Tally, Target, count_steps, run_block, run_case
from tests.fuzz.targets import LSAS, LSAS3, PACKETS, TARGETS, no_repair, plainly

NAMES = [target.name for target in TARGETS]


def test_every_type_of_packet_and_lsa_of_both_versions_is_a_target() -> None:
    for version, kinds in ((2, LSAS), (3, LSAS3)):
        wanted = {f"v{version} {name}" for name in PACKETS.values()} | {
            f"v{version} {name} LSA" for name in kinds.values()
        }
        assert wanted <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_nothing_but_the_one_error_leaves_a_decoder(target: Target) -> None:
    assert target.seeds
    decode = target.make()
    if target.repair is not no_repair:
        for seed in target.seeds:  # some captures are broken on purpose, but no decoder refuses all
            try:
                decode(seed)
                break
            except OspfDecodeError:
                continue
        else:
            assert target.name.startswith("v3")  # captured under other addresses: repair makes the checksum right
    tally = run_block(target, 0, sample=20)
    assert tally.findings == [] and (tally.cases, tally.counted) == (BLOCK, BLOCK // 20)
    assert tally.accepted > BLOCK // 10  # mutations get past the door
    assert 0 < tally.worst <= 1


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_octets(target: Target, data: st.DataObject) -> None:
    octets = bytearray(data.draw(st.one_of(st.binary(max_size=200), st.sampled_from(target.seeds))))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(octets)))
        octets[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    if data.draw(st.booleans()):
        target.repair(octets, data.draw(st.randoms()))
    tally = Tally()
    run_case(target, target.make(), bytes(octets), tally, count=True)
    assert tally.findings == []


def of_count(data: bytes) -> int:
    """A decoder that believes a count field and takes a step for each, whatever octets there are."""
    total = 0
    for _ in range(int.from_bytes(data[:2], "big")):
        total += 1
    return total


def of_struct(data: bytes) -> object:
    """A decoder that does not look how much there is."""
    return struct.unpack_from("!II", data)


def test_a_decoder_that_takes_too_many_steps_is_found() -> None:
    target = Target("greedy", plainly(of_count), (bytes(40),), no_repair)
    tally = run_block(target, 0, sample=1)
    assert 0 < tally.over_budget < tally.counted == BLOCK and tally.escaped == 0
    assert "more than" in tally.findings[0]


def test_another_error_that_leaves_a_decoder_is_found() -> None:
    target = Target("careless", plainly(of_struct), (bytes(8),), no_repair)
    tally = run_block(target, 0)
    assert tally.escaped and "unpack_from requires" in tally.findings[0]


def test_a_loop_without_end_is_ended() -> None:
    def endless(data: bytes) -> None:
        while True:
            try:
                raise OspfDecodeError("again")
            except OspfDecodeError:
                continue

    with pytest.raises(StepBudgetExceeded):
        count_steps(endless, b"", 1000)
    assert sys.gettrace() is None or sys.gettrace().__module__ != "tests.fuzz.run"  # type: ignore[union-attr]


def test_the_steps_of_a_decoder_are_counted() -> None:
    few, many = count_steps(of_count, b"\0\1", STEPS), count_steps(of_count, b"\0\x0b", STEPS)
    assert many - few == 20  # two lines a turn


def test_a_case_is_found_again_by_its_block() -> None:
    seeds = (bytes(range(40)), bytes(60))
    first = list(cases("name", 3, seeds, no_repair))
    assert first == list(cases("name", 3, seeds, no_repair)) and len(first) == BLOCK
    assert first != list(cases("name", 4, seeds, no_repair)) and first != list(cases("other", 3, seeds, no_repair))
    assert len(set(first)) > BLOCK * 0.6


@given(st.binary(max_size=60), st.integers(0, 7), st.randoms())
@settings(max_examples=200, deadline=None)
def test_any_octets_can_be_changed(data: bytes, kind: int, rng: object) -> None:
    change(bytearray(data), kind, (data, b"other"), rng)  # type: ignore[arg-type]


def test_it_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = TARGETS[6:9]
    state = tmp_path / "state.json"
    whole = Campaign(chosen, None)
    run(whole, 7 * BLOCK)
    for count in (2 * BLOCK, 5 * BLOCK, 7 * BLOCK):
        part = Campaign(chosen, state)
        run(part, count)
        assert part.cases == count
    assert part.tallies == whole.tallies
    assert {name: fields["cases"] for name, fields in json.loads(state.read_text()).items()} == {
        target.name: cases for target, cases in zip(chosen, (3000, 2000, 2000), strict=True)
    }
    assert f"{7 * BLOCK:,} of {7 * BLOCK:,} cases" in capsys.readouterr().out
