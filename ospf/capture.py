"""Captures as IP packets with times: pcap and pcapng, plain or gzipped, read in a stream with scapy (IO).

scapy reads the file formats; Ethernet (with VLAN tags), Linux cooked (both), raw IP, loopback, PPP and Frame Relay
frames are opened here, since scapy's own dissection is a hundred times slower; any other link type goes through it. GRE
around an IP packet is taken off, as on the tunnels that monitors use. scapy is an optional extra (`anemone[replay]`)
and imported here only.

Every packet is counted from 1, as Wireshark does, and errors say at which packet they are. A file that ends in the
middle of a packet gives what is whole and then `OspfCaptureError`.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ospf.errors import OspfCaptureError

ETHERNET, PPP, RAW, LOOP, NULL = 1, 9, 101, 108, 0
COOKED, COOKED2, FRAME_RELAY = 113, 276, 107
IPV4, IPV6 = 228, 229
ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD
VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
GRE = 47
MAX_TUNNELS = 2  # one inside the other
MAX_PACKET = 0xFFFF  # octets scapy reads of one
EXTRA = "scapy is not installed; pip install 'anemone[replay]' brings it"

_WORDS = struct.Struct("!H")


class Frame(NamedTuple):
    """One packet of the file; `packet` is an IP packet, b"" when there is none in it."""

    number: int
    time: float  # seconds since 1970
    packet: bytes


@dataclass(slots=True)
class Progress:
    """How far a file was read: octets of it (as on disk) and packets."""

    octets: int = 0
    of: int = 0
    packets: int = 0


class _Noting:
    """A file that remembers whether it ended in the middle of a read."""

    def __init__(self, file: Any, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self.torn = False

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self._progress.octets += len(data)
        if 0 < len(data) < size:
            self.torn = True
        return data

    def close(self) -> None:
        self._file.close()


class _Remarks(logging.Handler):
    """What scapy would print."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


def read_capture(path: str | Path, progress: Progress | None = None) -> Iterator[Frame]:
    """The packets of a capture in order. OspfCaptureError when it is none, or at the packet where it is damaged."""
    reader_class, scapy_error = _scapy()
    progress = Progress() if progress is None else progress
    runtime, remarks = logging.getLogger("scapy.runtime"), _Remarks()
    before = runtime.handlers, runtime.propagate
    runtime.handlers, runtime.propagate = [remarks], False
    try:
        yield from _frames(reader_class, scapy_error, str(path), progress, remarks)
    finally:
        runtime.handlers, runtime.propagate = before


def _frames(
    reader_class: Any, scapy_error: type[Exception], path: str, progress: Progress, remarks: _Remarks
) -> Iterator[Frame]:
    try:
        progress.of = Path(path).stat().st_size
        reader = reader_class(path)
    except OSError as error:
        raise OspfCaptureError(f"{path}: {error.strerror or error}") from error
    except (scapy_error, EOFError) as error:
        raise OspfCaptureError(f"{path}: not a capture (pcap or pcapng): {remarks.last or error}") from error
    with reader:
        file = reader.f = _Noting(reader.f, progress)
        time, number = 0.0, 0
        while True:
            try:
                data, about = next(reader)
            except StopIteration:
                break
            except (scapy_error, struct.error, ValueError) as error:
                raise OspfCaptureError(f"{path}: packet {number + 1}: {error}") from error
            if file.torn or len(data) < min(getattr(about, "caplen", 0), MAX_PACKET):
                file.torn = True
                break
            number += 1
            progress.packets = number
            link_type, time = _about(reader, about, time)
            yield Frame(number, time, ip_packet(link_type, data))
        if file.torn or remarks.last:
            reason = remarks.last or "the file ends in the middle of a packet"
            raise OspfCaptureError(f"{path}: damaged after packet {number}: {reason}")


def _about(reader: Any, about: Any, before: float) -> tuple[int, float]:
    """(link type, time) of a packet; one without a time has that of the packet before."""
    if hasattr(about, "tshigh"):  # pcapng
        if about.tshigh is None:
            return about.linktype, before
        return about.linktype, (about.tshigh << 32 | about.tslow) / about.tsresol
    return reader.linktype & 0xFFFF, about.sec + about.usec / (1e9 if reader.nano else 1e6)


def ip_packet(link_type: int, data: bytes) -> bytes:
    """The IP packet (version 4 or 6) in a frame, b"" when there is none."""
    open_frame = _OPENERS.get(link_type)
    inner = _dissected(link_type, data) if open_frame is None else open_frame(data)
    for _ in range(MAX_TUNNELS):
        if len(inner) < 20 or inner[0] >> 4 != 4 or inner[9] != GRE:
            break
        inner = _inside_gre(inner[(inner[0] & 15) * 4 :])
    return inner if inner and inner[0] >> 4 in (4, 6) else b""


def _ethernet(data: bytes) -> bytes:
    at = 12
    while len(data) >= at + 2:
        (kind,) = _WORDS.unpack_from(data, at)
        if kind not in VLAN_TAGS:
            return _of_type(kind, data, at + 2)
        at += 4
    return b""


def _of_type(kind: int, data: bytes, at: int) -> bytes:
    return data[at:] if kind in (ETHERTYPE_IPV4, ETHERTYPE_IPV6) else b""


def _cooked(data: bytes) -> bytes:
    return _of_type(int.from_bytes(data[14:16], "big"), data, 16)


def _cooked2(data: bytes) -> bytes:
    return _of_type(int.from_bytes(data[:2], "big"), data, 20)


def _loopback(data: bytes) -> bytes:
    return data[4:]  # the address family differs from system to system, the IP version does not


def _ppp(data: bytes) -> bytes:
    at = 2 if data[:2] == b"\xff\x03" else 0
    return data[at + 2 :] if data[at : at + 2] in (b"\x00\x21", b"\x00\x57") else b""


def _inside_gre(data: bytes) -> bytes:
    # RFC 2784 2, RFC 2890 2: checksum, key and sequence number are 4 octets each
    if len(data) < 4 or data[1] & 7:
        return b""
    at = 4 + 4 * sum(bool(data[0] & bit) for bit in (0x80, 0x20, 0x10))
    return _of_type(int.from_bytes(data[2:4], "big"), data, at)


def _frame_relay(data: bytes) -> bytes:
    # Q.922 address up to the octet with the EA bit; then NLPID (RFC 2427 3, 4) or, from Cisco, the Ethernet type
    at = 1
    while at <= 4 and data[at - 1 : at] and not data[at - 1] & 1:
        at += 1
    if data[at : at + 1] != b"\x03":
        return _of_type(int.from_bytes(data[at : at + 2], "big"), data, at + 2)
    at += 2 if data[at + 1 : at + 2] == b"\0" else 1
    if data[at : at + 4] == b"\x80\0\0\0":
        return _of_type(int.from_bytes(data[at + 4 : at + 6], "big"), data, at + 6)
    return data[at + 1 :] if data[at : at + 1] in (b"\xcc", b"\x8e") else b""


def _raw(data: bytes) -> bytes:
    return data


_OPENERS: dict[int, Callable[[bytes], bytes]] = {
    ETHERNET: _ethernet, COOKED: _cooked, COOKED2: _cooked2, PPP: _ppp, NULL: _loopback, LOOP: _loopback,
    FRAME_RELAY: _frame_relay,
    RAW: _raw, IPV4: _raw, IPV6: _raw, 12: _raw, 14: _raw,
}  # fmt: skip


def _dissected(link_type: int, data: bytes) -> bytes:
    """What scapy finds in a frame of a rarer link type."""
    import scapy.layers.all  # noqa: F401  (they register their link types)
    from scapy.config import conf
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6

    layer = conf.l2types.num2layer.get(link_type)
    if layer is None:
        return b""
    try:
        found = layer(data)
        inner = found.getlayer(IP) or found.getlayer(IPv6)
    except Exception:  # scapy's dissectors raise what they like on hostile octets
        return b""
    return bytes(inner.original) if inner is not None else b""


def _scapy() -> tuple[Any, type[Exception]]:
    try:
        from scapy.error import Scapy_Exception
        from scapy.utils import RawPcapReader
    except ModuleNotFoundError as error:
        raise OspfCaptureError(EXTRA) from error
    return RawPcapReader, Scapy_Exception
