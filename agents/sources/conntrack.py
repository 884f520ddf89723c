"""ctnetlink: dumps of tracked connections and the events of their end (needs CAP_NET_ADMIN)."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from agents.conntrack import Entry, decode_entries, dump_request
from agents.sources.sockdiag import EVENTS_PER_DRAIN, SO_RCVBUFFORCE, EventStats, netlink_dump

NETLINK_NETFILTER = 12
DESTROY_GROUPS = 1 << (3 - 1)  # NFNLGRP_CONNTRACK_DESTROY
EVENT_BUFFER_OCTETS = 4 * 1024 * 1024
SYSCTL = Path("/proc/sys/net/netfilter")


def accounting_is_on() -> bool:
    """Whether this namespace tracks connections and counts their octets."""
    try:
        counts = (SYSCTL / "nf_conntrack_acct").read_text("ascii").strip() == "1"
        return counts and int((SYSCTL / "nf_conntrack_count").read_text("ascii")) > 0
    except (OSError, ValueError):
        return False


class ConntrackSource:
    """Raises OSError or NetlinkError when connection tracking may not be read."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self.stats = EventStats()
        self._dump = socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER)
        self._events = socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER)
        try:
            self._dump.settimeout(5.0)
            self._events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, EVENT_BUFFER_OCTETS)
            self._events.bind((0, DESTROY_GROUPS))
            self._events.setblocking(False)
            self.dump()
        except Exception:
            self.close()
            raise

    def dump(self) -> list[Entry]:
        """All entries."""
        return list(decode_entries(netlink_dump(self._dump, dump_request())))

    def drain(self) -> list[Entry]:
        """Entries that ended since the last call, with their final counters."""
        chunks: list[bytes] = []
        while len(chunks) < EVENTS_PER_DRAIN:
            try:
                chunks.append(self._events.recv(8192))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.stats.overflows += 1
        self.stats.events += len(chunks)
        return list(decode_entries(chunks))

    def close(self) -> None:
        self._dump.close()
        self._events.close()
