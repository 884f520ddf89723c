"""exporters/ipfix/sequence.py: loss, lateness, restart."""

from __future__ import annotations

from exporters.ipfix.sequence import MAX_GAPS, MAX_LOSS, SequenceCheck, SequenceStats


def run(*messages: tuple[int, int]) -> SequenceStats:
    """Messages as (sequence number, records)."""
    check, stats = SequenceCheck(), SequenceStats()
    for sequence, records in messages:
        check.account(sequence, records, exact=True, stats=stats)
    return stats


def test_in_step() -> None:
    assert run((0, 10), (10, 5), (15, 1)) == SequenceStats()


def test_the_first_message_may_have_any_number() -> None:
    assert run((4_000_000, 10), (4_000_010, 5)) == SequenceStats()


def test_messages_without_records_do_not_count() -> None:
    assert run((0, 0), (0, 10), (10, 0), (10, 0), (10, 3)) == SequenceStats()


def test_loss() -> None:
    assert run((0, 10), (30, 10)) == SequenceStats(sequence_lost=20)


def test_a_late_message_is_not_a_loss() -> None:
    assert run((0, 10), (20, 10), (10, 10), (30, 5)) == SequenceStats(sequence_reordered=10)


def test_late_messages_fill_a_gap_piece_by_piece() -> None:
    stats = run((0, 10), (50, 10), (20, 10), (40, 10), (10, 10))
    assert stats == SequenceStats(sequence_lost=10, sequence_reordered=30)


def test_a_piece_is_taken_once() -> None:
    stats = run((0, 10), (30, 10), (10, 10), (10, 10))
    assert stats.sequence_lost == 10
    assert stats.sequence_restarts == 1  # the same number again fits nowhere


def test_wrap() -> None:
    top = 1 << 32
    assert run((top - 15, 10), (top - 5, 10), (5, 10)) == SequenceStats()
    assert run((top - 15, 10), (5, 10)) == SequenceStats(sequence_lost=10)
    assert run((top - 15, 10), (5, 10), (top - 5, 10)) == SequenceStats(sequence_reordered=10)


def test_restart_at_zero_is_not_a_loss() -> None:
    stats = run((900_000, 10), (0, 10), (10, 10))
    assert stats == SequenceStats(sequence_restarts=1)


def test_restart_far_ahead_is_not_a_loss() -> None:
    assert run((0, 10), (10 + MAX_LOSS + 1, 10)) == SequenceStats(sequence_restarts=1)
    assert run((0, 10), (10 + MAX_LOSS, 10)) == SequenceStats(sequence_lost=MAX_LOSS)


def test_uncounted_records_leave_the_next_number_open() -> None:
    check, stats = SequenceCheck(), SequenceStats()
    check.account(0, 10, exact=True, stats=stats)
    check.account(10, 0, exact=False, stats=stats)
    check.account(17, 10, exact=True, stats=stats)
    check.account(27, 10, exact=True, stats=stats)
    assert stats == SequenceStats()


def test_the_history_of_gaps_is_bounded() -> None:
    check, stats = SequenceCheck(), SequenceStats()
    for number in range(0, 2000, 20):
        check.account(number, 10, exact=True, stats=stats)
    assert len(check._gaps) == MAX_GAPS
    assert stats.sequence_lost == 990
    check.account(10, 10, exact=True, stats=stats)  # its gap is forgotten
    assert stats.sequence_restarts == 1
