"""The archive of every LSA instance heard: records, their octets, and the database they add up to (pure).

Not only changes: duplicates and refreshes are what tells a misconfigured network from a healthy one (Shaikh and
Greenberg, NSDI 2004), so everything a listener hears is kept, and most of it costs a few octets.

**A record** is one LSA instance: when it was heard (milliseconds since 1970), in which *stream* (instance, OSPF
version, area, attachment), which router said it (0: nobody, the LSA reached MaxAge here), what became of it
(`OUTCOMES`), and its octets. A *mark* says that an attachment began with nothing (BEGUN) or holds the whole database
(SETTLED).

**The octets of a record.** Numbers are varints (7 bits an octet, lowest first, the high bit says that more follow).

    octet    bits 0-2 outcome, or 7 for a mark | bits 3-4 content: SAME, PATCH, WHOLE | bit 5 sequence number and
             checksum follow | bit 6 path as before | bit 7 time as before
    time     milliseconds since the record before                                              unless bit 7
    path     number of (stream, router); the next free one is defined here, field by field      unless bit 6
    mark     its kind; nothing more follows                                                     of a mark
    key      number of the LSA's key; the next free one is a key not met since the last snapshot
    age      as in the LSA's header, DoNotAge bit included
    sequence zigzag difference to the instance archived last of this key; checksum in 2 octets  if bit 5
    content  PATCH: octets kept in front, octets kept at the end, what stands between; WHOLE: all of it

*Content* is the LSA without age, sequence number, checksum and length, which are in the record or follow from it. The
base of every difference is the instance of this key archived last, whatever became of it. So a refresh is about 8
octets, a duplicate 4, a cost change 12, before zlib sees them.

**Snapshots.** Differences would need all of the past, so numbering starts anew at each snapshot (`snapshot`), which
repeats every LSA held, with the time it came, as records of outcome HELD. How often, and how all this lies in a file:
`ospf.segment`.

Both versions of OSPF have the same 20-octet header but for octets 2 and 3 (RFC 2328 A.4.1: options, type; RFC 5340
A.4.2: type), which is all this module knows of an LSA. Left out: packets (Hellos, acknowledgments), which are not LSAs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ospf.errors import OspfArchiveError
from ospf.lsa import DO_NOT_AGE, HEADER_LENGTH, MAX_AGE

OUTCOMES = ("added", "changed", "refreshed", "duplicate", "older", "removed", "held")
ADDED, CHANGED, REFRESHED, DUPLICATE, OLDER, REMOVED, HELD = range(7)
BEGUN, SETTLED = 0, 1
MARK_NAMES = ("begun", "settled")
MAX_NAME = 255  # octets of an instance's or an attachment's name

_MARK = 7
_SAME, _PATCH, _WHOLE = 0, 1, 2
_NUMBERED, _PATH_AS_BEFORE, _TIME_AS_BEFORE = 0x20, 0x40, 0x80
_FIRST = 0x80000001  # InitialSequenceNumber, RFC 2328 12.1.6
_MAX_VARINT = 10  # octets


class Stream(NamedTuple):
    """One database: an area of an instance as one attachment sees it."""

    instance: str
    version: int  # 2 or 3
    area: int
    source: str  # the attachment's name


class Record(NamedTuple):
    """One LSA instance heard; `outcome` one of ADDED ... HELD, `raw` the LSA's octets."""

    time: int  # milliseconds since 1970
    stream: Stream
    router: int
    outcome: int
    raw: bytes


class Mark(NamedTuple):
    """BEGUN: the attachment of this stream starts with nothing, in every area. SETTLED: it holds everything."""

    time: int
    stream: Stream
    kind: int


Item = Record | Mark


class Held(NamedTuple):
    """An LSA in a database: its octets as received, and when (milliseconds since 1970)."""

    raw: bytes
    received: int
    router: int

    def expires(self) -> int | None:
        """When it reaches MaxAge (milliseconds since 1970), None with DoNotAge (RFC 1793 2.2)."""
        age = int.from_bytes(self.raw[:2], "big")
        return None if age & DO_NOT_AGE else self.received + (MAX_AGE - min(age, MAX_AGE)) * 1000


def lsa_key(version: int, raw: bytes) -> bytes:
    """What tells LSAs of one database apart: type, link state id, advertising router."""
    return raw[3:12] if version == 2 else raw[2:12]


class Databases:
    """What the records read so far add up to: the LSAs held, by stream and key."""

    def __init__(self) -> None:
        self.streams: dict[Stream, dict[bytes, Held]] = {}
        self.unsettled: dict[Stream, int] = {}  # attachments begun and not yet settled, and since when
        self.time = 0

    def __len__(self) -> int:
        return sum(map(len, self.streams.values()))

    def apply(self, item: Item) -> None:
        """Take one record or mark."""
        self.time = max(self.time, item.time)
        if isinstance(item, Mark):
            self._mark(item)
            return
        held = self.streams.setdefault(item.stream, {})
        key = lsa_key(item.stream.version, item.raw)
        if item.outcome == REMOVED:
            held.pop(key, None)
        elif item.outcome not in (DUPLICATE, OLDER):
            held[key] = Held(item.raw, item.time, item.router)

    def _mark(self, mark: Mark) -> None:
        source = mark.stream._replace(area=0)
        if mark.kind == SETTLED:
            self.unsettled.pop(source, None)
            return
        self.unsettled[source] = mark.time
        for stream in [s for s in self.streams if s._replace(area=0) == source]:
            del self.streams[stream]

    def alive(self, at: int) -> dict[Stream, dict[bytes, Held]]:
        """The databases at `at` (milliseconds since 1970), without what has reached MaxAge by then."""
        found = {}
        for stream, held in self.streams.items():
            found[stream] = {key: each for key, each in held.items() if (end := each.expires()) is None or end > at}
        return found

    def postpone(self, step: int, until: int) -> None:
        """The clock was set forward by `step` ms: what was received up to `until`, by the old clock, was later."""
        for held in self.streams.values():
            for key, each in held.items():
                if each.received <= until:
                    held[key] = each._replace(received=each.received + step)

    def expire(self, now: int) -> None:
        """Forget what reached MaxAge; what came later than `now` (the clock was set back) came now."""
        self.streams = {stream: held for stream, held in self.alive(now).items() if held}
        for held in self.streams.values():
            for key, each in held.items():
                if each.received > now:
                    held[key] = each._replace(received=now)
        self.time = min(self.time, now)


class _Reference:
    """The instance of a key that was archived last."""

    __slots__ = ("checksum", "content", "number", "sequence")

    def __init__(self, number: int, sequence: int, checksum: bytes, content: bytes) -> None:
        self.number, self.sequence, self.checksum, self.content = number, sequence, checksum, content


class Encoder:
    """Items to octets. Times must not go back; ValueError otherwise."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all numbering: a snapshot follows."""
        self._time = 0
        self._path = -1
        self._paths: dict[tuple[Stream, int], int] = {}
        self._keys: dict[tuple[int, bytes], _Reference] = {}

    def encode(self, item: Item) -> bytes:
        """The octets of one record or mark; OspfArchiveError if it is not an LSA or a name is too long."""
        out = bytearray(1)
        if isinstance(item, Mark):
            first = _MARK | self._put_path_and_time(out, item, 0)
            _put(out, item.kind)
        else:
            content = _content(item.raw)
            first = item.outcome | self._put_path_and_time(out, item, item.router)
            first |= self._put_lsa(out, item, content)
        out[0] = first
        return bytes(out)

    def _put_path_and_time(self, out: bytearray, item: Item, router: int) -> int:
        definition = b"" if (item.stream, router) in self._paths else _path_octets(item.stream, router)
        first = self._put_time(out, item.time)
        return first | self._put_path(out, item.stream, router, definition)

    def _put_time(self, out: bytearray, time: int) -> int:
        step, self._time = time - self._time, max(time, self._time)
        if step < 0:
            raise ValueError("an item is older than the one before")
        if not step:
            return _TIME_AS_BEFORE
        _put(out, step)
        return 0

    def _put_path(self, out: bytearray, stream: Stream, router: int, definition: bytes) -> int:
        number = self._paths.setdefault((stream, router), len(self._paths))
        if number == self._path:
            return _PATH_AS_BEFORE
        _put(out, number)
        out += definition
        self._path = number
        return 0

    def _put_lsa(self, out: bytearray, record: Record, content: bytes) -> int:
        raw, version = record.raw, record.stream.version
        sequence, checksum = int.from_bytes(raw[12:16], "big"), raw[16:18]
        age = int.from_bytes(raw[:2], "big")
        name = (version, lsa_key(version, raw))
        last = self._keys.get(name)
        if last is None:
            last = self._keys[name] = _Reference(len(self._keys), sequence, checksum, content)
            _put(out, last.number)
            _put(out, age)
            _put(out, _zigzag(sequence - _FIRST))
            out += checksum
            _put(out, len(content))
            out += content
            return _WHOLE << 3 | _NUMBERED
        form = 0
        _put(out, last.number)
        _put(out, age)
        if sequence != last.sequence or checksum != last.checksum:
            form |= _NUMBERED
            _put(out, _zigzag(sequence - last.sequence))
            out += checksum
            last.sequence, last.checksum = sequence, checksum
        if content != last.content:
            form |= _PATCH << 3
            _put_patch(out, last.content, content)
            last.content = content
        return form


class Decoder:
    """Octets to items, the mirror of `Encoder`; OspfArchiveError on octets no encoder writes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._time = 0
        self._path = -1
        self._paths: list[tuple[Stream, int]] = []
        self._keys: list[_Reference] = []

    def decode(self, data: bytes) -> Iterator[Item]:
        """The items of whole records."""
        at, end = 0, len(data)
        try:
            while at < end:
                item, at = self._item(data, at)
                yield item
        except (IndexError, UnicodeDecodeError) as error:
            raise OspfArchiveError(f"a record at octet {at}: {error}") from error

    def _item(self, data: bytes, at: int) -> tuple[Item, int]:
        first = data[at]
        at += 1
        if not first & _TIME_AS_BEFORE:
            step, at = _get(data, at)
            self._time += step
        if not first & _PATH_AS_BEFORE:
            self._path, at = _get(data, at)
            if self._path == len(self._paths):
                path, at = _get_path(data, at)
                self._paths.append(path)
        stream, router = self._paths[self._path]
        outcome = first & 7
        if outcome == _MARK:
            kind, at = _get(data, at)
            return Mark(self._time, stream, kind), at
        raw, at = self._lsa(first, data, at, stream.version)
        return Record(self._time, stream, router, outcome, raw), at

    def _lsa(self, first: int, data: bytes, at: int, version: int) -> tuple[bytes, int]:
        number, at = _get(data, at)
        age, at = _get(data, at)
        form = first >> 3 & 3
        if number == len(self._keys):
            if form != _WHOLE or not first & _NUMBERED:
                raise OspfArchiveError("a key's first record is not whole")
            last = _Reference(version, _FIRST, b"", b"")
            self._keys.append(last)
        else:
            last = self._keys[number]
        if first & _NUMBERED:
            step, at = _get(data, at)
            last.sequence += step >> 1 ^ -(step & 1)
            last.checksum = data[at : at + 2]
            at += 2
        if form == _WHOLE:
            size, at = _get(data, at)
            last.content = data[at : at + size]
            at += size
        elif form == _PATCH:
            last.content, at = _get_patch(data, at, last.content)
        if at > len(data) or len(last.content) < 10 or last.sequence >> 32 or age > 0xFFFF:
            raise OspfArchiveError("a record that is no LSA")
        content = last.content
        length = HEADER_LENGTH + len(content) - 10
        numbers = last.sequence.to_bytes(4, "big") + last.checksum + (length & 0xFFFF).to_bytes(2, "big")
        return age.to_bytes(2, "big") + content[:10] + numbers + content[10:], at


def snapshot(databases: Databases) -> Iterator[Record]:
    """Every LSA held, oldest reception first: what a snapshot repeats."""
    held = [
        Record(each.received, stream, each.router, HELD, each.raw)
        for stream, lsas in databases.streams.items()
        for each in lsas.values()
    ]
    return iter(sorted(held, key=lambda record: record.time))


def differences(
    held: Mapping[bytes, Held], now: Iterable[bytes], stream: Stream, time: int, router: int = 0
) -> list[Record]:
    """The records that turn the database `held` into `now`: for databases that are polled, or that lost records."""
    found, present = [], set()
    for raw in now:
        key = lsa_key(stream.version, raw)
        present.add(key)
        known = held.get(key)
        if known is None:
            outcome = ADDED
        elif known.raw[12:18] == raw[12:18]:  # the same instance
            continue
        else:
            outcome = REFRESHED if _content(known.raw) == _content(raw) else CHANGED
        found.append(Record(time, stream, router, outcome, raw))
    gone = [Record(time, stream, 0, REMOVED, each.raw) for key, each in held.items() if key not in present]
    return gone + found


def is_lsa(raw: bytes) -> bool:
    """Whether these octets have an LSA's length."""
    return len(raw) >= HEADER_LENGTH and int.from_bytes(raw[18:20], "big") == len(raw)


def _content(raw: bytes) -> bytes:
    if not is_lsa(raw):
        raise OspfArchiveError(f"not an LSA: {len(raw)} octets")
    return raw[2:12] + raw[20:]


def _put(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _get(data: bytes, at: int) -> tuple[int, int]:
    octet = data[at]
    if octet < 0x80:
        return octet, at + 1
    number, shift = octet & 0x7F, 7
    for position in range(at + 1, at + _MAX_VARINT):
        octet = data[position]
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number, position + 1
        shift += 7
    raise OspfArchiveError("a number without end")


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _put_patch(out: bytearray, old: bytes, new: bytes) -> None:
    shorter = min(len(old), len(new))
    front = _equal_in_front(old, new, shorter)
    back = _equal_in_front(old[front:][::-1], new[front:][::-1], shorter - front)
    _put(out, front)
    _put(out, back)
    middle = new[front : len(new) - back]
    _put(out, len(middle))
    out += middle


def _equal_in_front(a: bytes, b: bytes, most: int) -> int:
    """How many octets both begin with, at most `most`."""
    low, high = 0, most
    while low < high:
        half = (low + high + 1) // 2
        if a[low:half] == b[low:half]:
            low = half
        else:
            high = half - 1
    return low


def _get_patch(data: bytes, at: int, old: bytes) -> tuple[bytes, int]:
    front, at = _get(data, at)
    back, at = _get(data, at)
    size, at = _get(data, at)
    if front + back > len(old) or at + size > len(data):
        raise OspfArchiveError("a difference that does not fit")
    return old[:front] + data[at : at + size] + old[len(old) - back :], at + size


def _path_octets(stream: Stream, router: int) -> bytes:
    if stream.version not in (2, 3):
        raise OspfArchiveError(f"OSPF version {stream.version}")
    out = bytearray((stream.version,))
    out += stream.area.to_bytes(4, "big") + router.to_bytes(4, "big")
    for name in (stream.instance, stream.source):
        octets = name.encode()
        if len(octets) > MAX_NAME:
            raise OspfArchiveError(f"{name[:20]!r}...: a name longer than {MAX_NAME} octets")
        out.append(len(octets))
        out += octets
    return bytes(out)


def _get_path(data: bytes, at: int) -> tuple[tuple[Stream, int], int]:
    version, area, router = data[at], data[at + 1 : at + 5], data[at + 5 : at + 9]
    at += 9
    names = []
    for _ in range(2):
        size = data[at]
        names.append(data[at + 1 : at + 1 + size].decode())
        at += 1 + size
    if at > len(data) or version not in (2, 3):
        raise OspfArchiveError("a path that is none")
    stream = Stream(names[0], version, int.from_bytes(area, "big"), names[1])
    return (stream, int.from_bytes(router, "big")), at
