"""Command responder for SNMPv1 and SNMPv2c over a `Tree` (RFC 1157, RFC 3416, RFC 3584).

Covered: GET, GETNEXT, GETBULK; v2c exceptions; v1 noSuchName and the skipping of Counter64; GETBULK cut
to a number of octets instead of tooBig (RFC 3416 4.2.3), any max-repetitions and non-repeaters; SET
refused (notWritable; to v1 noSuchName, which is what RFC 3584 4.4 makes of it, since nobody may send
readOnly any more).  No answer at all to: what does not parse, other versions, unknown communities, known
communities from elsewhere (a GETBULK is an amplifier), PDUs that are no request.  All of it is counted.
Left out: SNMPv3, notifications.

Pure: octets and the peer's address in, octets or None out.  `now` is a clock that never steps back, in
seconds; sysUpTime is its distance from `started`, and `started_epoch` is the wall clock at that moment,
by which times kept as epoch seconds (ifLastChange) become TimeTicks.
"""

from __future__ import annotations

from mibs import ber, message
from mibs.access import ALLOWED, SOURCE_REFUSED, AccessList
from mibs.columns import LIVE_COUNTER, LIVE_UPTIME
from mibs.errors import BerDecodeError
from mibs.message import Envelope, Request
from mibs.oid import decode_oid, oid_key
from mibs.stats import AgentStats
from mibs.system import SNMP_COUNTERS
from mibs.tree import Tree

DEFAULT_BULK_OCTETS = 1400  # whole message; below what an Ethernet MTU leaves to UDP
MAX_MESSAGE_OCTETS = 8192  # answer to GET and GETNEXT; over it tooBig
SMALLEST_LIMIT_OCTETS = 484  # RFC 3417 3.2.1; any one varbind of ours fits
LIMIT32 = 0xFFFFFFFF
REMEMBERED_MOMENTS = 65536
TICKS = 100  # TimeTicks per second

EXCEPTIONS = {
    tag: bytes((tag, 0)) for tag in (ber.NO_SUCH_OBJECT, ber.NO_SUCH_INSTANCE, ber.END_OF_MIB_VIEW)
}


class Agent:
    """`tree` None: nothing is known yet, nothing is answered.  Limits under 484 octets raise ValueError."""

    def __init__(
        self,
        access: AccessList,
        *,
        started: float,
        started_epoch: float,
        tree: Tree | None = None,
        bulk_octets: int = DEFAULT_BULK_OCTETS,
        message_octets: int = MAX_MESSAGE_OCTETS,
    ) -> None:
        if min(bulk_octets, message_octets) < SMALLEST_LIMIT_OCTETS:
            raise ValueError(f"a limit under {SMALLEST_LIMIT_OCTETS} octets")
        self.tree = tree
        self.stats = AgentStats()
        self.last_cause = ""  # why the last datagram was dropped: one of a few
        self.last_error = ""  # the same with its particulars
        self._access = access
        self._started = started
        self._started_epoch = started_epoch
        self._bulk_octets = bulk_octets
        self._message_octets = message_octets
        self._moments: dict[float, bytes] = {}
        self._uptime = 0  # TimeTicks at the datagram being answered, not yet modulo 2^32

    def replace(self, tree: Tree) -> None:
        """Answer from this snapshot from now on.  A walk goes on by name, whichever snapshot it began in."""
        self.tree = tree

    def uptime_ticks(self, now: float) -> int:
        return max(int((now - self._started) * TICKS), 0)

    def receive(self, data: bytes, source: str, now: float) -> bytes | None:
        """The answer to one datagram from `source` (address text), or None.  Never raises on network data."""
        stats = self.stats
        stats.in_packets += 1
        try:
            envelope = message.read_envelope(data)
            if not self._admitted(envelope, source):
                return None
            tree = self.tree
            if tree is None:
                stats.not_ready += 1
                self._dropped("no snapshot yet")
                return None
            request = message.read_request(data, envelope)
            self._uptime = self.uptime_ticks(now)
            answer = self._answer(tree, envelope, request)
        except BerDecodeError as error:
            stats.parse_errors += 1  # RFC 3418 snmpInASNParseErrs
            self._dropped(f"malformed: {error.reason}", f"malformed: {error}")
            return None
        if answer is None:
            return None
        stats.out_packets += 1
        stats.out_octets += len(answer)
        stats.get_responses += 1
        return answer

    def _dropped(self, cause: str, detail: str = "") -> None:
        self.last_cause, self.last_error = cause, detail or cause

    def _admitted(self, envelope: Envelope, source: str) -> bool:
        stats = self.stats
        if envelope.version not in (message.VERSION_1, message.VERSION_2C):
            stats.bad_versions += 1
            self._dropped("version not served", f"version {envelope.version} not served")
            return False
        verdict = self._access.verdict(envelope.community, source)
        if verdict != ALLOWED:
            stats.bad_community_names += 1
            stats.bad_sources += verdict == SOURCE_REFUSED
            self._dropped(verdict)
            return False
        if envelope.pdu_tag not in message.REQUESTS:
            stats.unsupported_pdus += 1
            self._dropped("PDU is no request", f"PDU {envelope.pdu_tag:#x} is no request")
            return False
        if envelope.pdu_tag == message.GET_BULK and envelope.version == message.VERSION_1:
            raise BerDecodeError("GETBULK in SNMPv1")
        return True

    def _answer(self, tree: Tree, envelope: Envelope, request: Request) -> bytes | None:
        stats, pdu = self.stats, envelope.pdu_tag
        v1 = envelope.version == message.VERSION_1
        stats.total_request_variables += len(request.names)
        limit = self._message_octets
        status, index = message.NO_ERROR, 0
        if pdu == message.GET_BULK:
            stats.get_bulks += 1
            limit = self._bulk_octets
            budget = limit - message.overhead(envelope.head) - len(envelope.head)
            varbinds = self._get_bulk(tree, request, budget)
        elif pdu == message.SET:
            stats.set_requests += 1
            stats.bad_community_uses += 1
            varbinds = request.varbinds
            if request.names:
                status, index = message.NO_SUCH_NAME if v1 else message.NOT_WRITABLE, 1
        else:
            if pdu == message.GET:
                stats.get_requests += 1
                varbinds, index = self._get(tree, request, v1)
            else:
                stats.get_nexts += 1
                varbinds, index = self._get_next(tree, request, v1)
            if index:  # RFC 1157 4.1.2: the request as it was, with the first name that failed
                status, varbinds = message.NO_SUCH_NAME, request.varbinds
        answer = message.encode_response(envelope.head, request.request_id, status, index, varbinds)
        if len(answer) <= limit or pdu == message.GET_BULK:
            return answer
        return self._too_big(envelope, request, v1)

    def _too_big(self, envelope: Envelope, request: Request, v1: bool) -> bytes | None:
        self.stats.too_bigs += 1
        varbinds = request.varbinds if v1 else b""  # RFC 3416 4.2.1
        answer = message.encode_response(envelope.head, request.request_id, message.TOO_BIG, 0, varbinds)
        if len(answer) <= self._message_octets:
            return answer
        self.stats.silent_drops += 1  # RFC 3418 snmpSilentDrops
        self._dropped("answer too big even when empty")
        return None

    def _get(self, tree: Tree, request: Request, v1: bool) -> tuple[bytes, int]:
        pieces = []
        for index, name in enumerate(request.names, 1):
            key = oid_key(decode_oid(name))
            row = tree.exact(key)
            if row >= 0 and not (v1 and tree.next_v1[row] != row):  # RFC 3584 4.2.2.1: no Counter64 to v1
                pieces.append(tree.varbind(row, self._live))
                continue
            self.stats.no_such_names += 1
            if v1:
                return b"", index
            tag = ber.NO_SUCH_INSTANCE if tree.implements(key) else ber.NO_SUCH_OBJECT
            pieces.append(exception(name, tag))
        return b"".join(pieces), 0

    def _get_next(self, tree: Tree, request: Request, v1: bool) -> tuple[bytes, int]:
        pieces = []
        for index, name in enumerate(request.names, 1):
            row = tree.after(name)
            if v1:
                row = tree.next_v1[row]
            if row < len(tree):
                pieces.append(tree.varbind(row, self._live))
                continue
            self.stats.no_such_names += 1
            if v1:
                return b"", index
            pieces.append(exception(name, ber.END_OF_MIB_VIEW))
        return b"".join(pieces), 0

    def _get_bulk(self, tree: Tree, request: Request, budget: int) -> bytes:
        """RFC 3416 4.2.3: non-repeaters once, the others max-repetitions times, cut where it gets too big."""
        names = request.names
        once = max(request.first, 0)
        repetitions = max(request.second, 0)
        pieces: list[bytes] = []
        for name in names[:once]:
            piece = self._next_varbind(tree, tree.after(name), name)
            budget -= len(piece)
            if budget < 0:
                return b"".join(pieces)
            pieces.append(piece)
        rows = [tree.after(name) for name in names[once:]]
        if not rows or not repetitions:
            return b"".join(pieces)
        if len(rows) == 1:
            pieces.append(self._one_column(tree, rows[0], names[once], repetitions, budget))
        else:
            pieces.extend(self._many_columns(tree, rows, names[once:], repetitions, budget))
        return b"".join(pieces)

    def _one_column(self, tree: Tree, row: int, name: bytes, repetitions: int, budget: int) -> bytes:
        octets, end = tree.run(row, repetitions, budget, self._live)
        if end > row:
            name = tree.name(end - 1)
            tree.remember(name, end - 1)
        if end == len(tree) and end - row < repetitions:
            last = exception(name, ber.END_OF_MIB_VIEW)
            if len(octets) + len(last) <= budget:
                octets += last  # once is enough: all repeaters are at the end
        return octets

    def _many_columns(
        self, tree: Tree, rows: list[int], names: list[bytes], repetitions: int, budget: int
    ) -> list[bytes]:
        pieces: list[bytes] = []
        size = len(tree)
        last = list(names)
        going_on = True
        for _ in range(repetitions):
            if not going_on:  # a whole repetition of endOfMibView: enough
                break
            going_on = False
            for i, row in enumerate(rows):
                piece = self._next_varbind(tree, row, last[i])
                budget -= len(piece)
                if budget < 0:
                    return pieces
                pieces.append(piece)
                if row < size:
                    going_on = True
                    rows[i] = row + 1
                    if row + 1 == size:
                        last[i] = tree.name(row)
        return pieces

    def _next_varbind(self, tree: Tree, row: int, name: bytes) -> bytes:
        if row < len(tree):
            return tree.varbind(row, self._live)
        return exception(name, ber.END_OF_MIB_VIEW)

    def _live(self, kind: int, value: float) -> bytes:
        """Element of a live instance at the time of the datagram being answered."""
        if kind == LIVE_UPTIME:
            return ber.encode_integer(self._uptime & LIMIT32, ber.TIME_TICKS)
        if kind == LIVE_COUNTER:
            count: int = getattr(self.stats, SNMP_COUNTERS[int(value)])
            return ber.encode_integer(count & LIMIT32, ber.COUNTER32)
        known = self._moments.get(value)
        return known if known is not None else self._moment(value)

    def _moment(self, epoch: float) -> bytes:
        """sysUpTime at an epoch second; 0 = before the start (RFC 2863 ifLastChange)."""
        ticks = max(int((epoch - self._started_epoch) * TICKS), 0)
        element = ber.encode_integer(min(ticks, self._uptime) & LIMIT32, ber.TIME_TICKS)
        if ticks <= self._uptime:  # else the clocks differ and the answer is not final
            if len(self._moments) >= REMEMBERED_MOMENTS:
                self._moments.clear()
            self._moments[epoch] = element
        return element


def exception(name: bytes, tag: int) -> bytes:
    """Varbind of a name that has no value; `name` is BER contents."""
    return ber.encode(ber.SEQUENCE, ber.encode(ber.OBJECT_IDENTIFIER, name) + EXCEPTIONS[tag])
