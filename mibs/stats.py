"""Counters of the responder: everything that came in, went out or was dropped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class AgentStats:
    """Counts since the responder's start; several are served as the snmp group (`system.SNMP_COUNTERS`)."""

    in_packets: int = 0
    out_packets: int = 0
    out_octets: int = 0
    bad_versions: int = 0  # not v1 or v2c
    bad_community_names: int = 0  # unknown community, or known but not from that source
    bad_sources: int = 0  # of those: known community, source outside its prefixes
    bad_community_uses: int = 0  # SET with a community that may only read
    parse_errors: int = 0  # malformed: not SNMP, cut, or with octets left over
    unsupported_pdus: int = 0  # responses, traps, informs, reports sent to us
    total_request_variables: int = 0
    get_requests: int = 0
    get_nexts: int = 0
    get_bulks: int = 0
    set_requests: int = 0
    get_responses: int = 0
    no_such_names: int = 0  # v1 noSuchName and v2c exceptions for a name asked exactly
    too_bigs: int = 0
    silent_drops: int = 0  # answer over the limit even when empty
    proxy_drops: int = 0  # always 0: no proxy
    not_ready: int = 0  # asked before the first snapshot
