"""A router's configuration in BIRD's language."""

from __future__ import annotations

from collections.abc import Iterator

from tests.lab.cases.casefile import End, Segment
from tests.lab.cases.frrconf import DEAD, HELLO, RETRANSMIT, ranges
from tests.lab.cases.state import State

PROTOCOL = "lab"
NETWORK = {"broadcast": "broadcast", "p2p": "ptp", "p2mp": "ptmp"}


def configuration(state: State, router: str) -> str:
    """bird.conf."""
    case, entry = state.case, state.case.routers[router]
    # a protocol that may export is an ASBR to BIRD, whether or not it exports anything
    exported = "filter externals" if any(each.router == router for each in case.externals) else "none"
    lines = [
        f"router id {entry.id};",
        "log stderr { info, remote, warning, error, auth, fatal, bug };",
        "timeformat protocol iso long;",
        "protocol device { scan time 1; }",
        # a kernel route leads to OSPF whatever OSPF itself knows about the prefix
        "protocol kernel { learn; scan time 2; ipv4 { preference 200; import all; export where source = RTS_OSPF; }; }",
        *_filter(state, router),
        f"protocol ospf v2 {PROTOCOL} {{",
        f"  rfc1583compat {'yes' if state.rfc1583 else 'no'};",
        f"  stub router {'yes' if router in state.stub_routers else 'no'};",
        "  ecmp yes limit 64;",
        "  tick 1;",
        "  merge external yes;",  # equal external routes of several ASBRs too, as FRR does
        f"  ipv4 {{ import all; export {exported}; }};",
        *(f"  {line}" for line in entry.extra.strip().splitlines()),
    ]
    for number in case.areas_of(router):
        lines += [f"  area {number} {{", *(f"    {line}" for line in _area(state, router, number)), "  };"]
    return "\n".join([*lines, "}"]) + "\n"


def _filter(state: State, router: str) -> Iterator[str]:
    yield "filter externals {"
    for external in state.externals_of(router):
        metric = f"ospf_metric{external.type} = {external.metric};"
        yield f"  if source = RTS_INHERIT && net = {external.prefix} then {{ {metric} accept; }}"
    yield "  reject;"
    yield "}"


def _area(state: State, router: str, number: int) -> Iterator[str]:
    case, area = state.case, state.case.area(number)
    border = len(case.areas_of(router)) > 1
    if area.kind != "normal":
        yield "nssa;" if area.kind == "nssa" else "stub yes;"
        if border:
            yield f"summary {'no' if area.no_summary else 'yes'};"
            if area.kind == "nssa":
                yield f"default nssa {'yes' if area.no_summary else 'no'};"
                if case.routers[router].translate == "always":
                    yield "translator yes;"
            if area.default_cost != 1 or area.kind == "stub":
                yield f"default cost {area.default_cost};"
    yield from case.routers[router].extra_of.get(str(number), "").strip().splitlines()
    networks = []
    for each in ranges(case, number, router):
        networks.append(f"{each.prefix}{'' if each.advertise else ' hidden'};")  # it has no cost of a range
    if networks:
        yield f"networks {{ {' '.join(networks)} }};"
    if case.routers[router].loopback == number:
        yield 'interface "lo" { stub yes; cost 1; };'
    for segment, end in case.segments_of(router):
        if segment.area == number:
            yield from _interface(state, segment, end)
    for virtual in case.virtuals:
        if virtual.area == number and router in virtual.ends:
            other = case.routers[next(each for each in virtual.ends if each != router)].id
            yield f"virtual link {other} {{ hello {HELLO}; dead {DEAD}; retransmit {RETRANSMIT}; }};"


def _interface(state: State, segment: Segment, end: End) -> Iterator[str]:
    words = [f"cost {state.cost(segment, end)};"]
    if segment.type == "stub":
        words.append("stub yes;")
    else:
        words += [
            f"type {NETWORK[segment.type]};",
            f"hello {HELLO}; dead {DEAD}; wait {DEAD}; retransmit {RETRANSMIT};",
            f"priority {state.case.routers[end.node].priority};",
        ]
        if segment.type == "p2mp":
            others = " ".join(f"{each.address.ip};" for each in segment.routers if each.node != end.node)
            words.append(f"neighbors {{ {others} }};")
        if (auth := segment.auth) is not None:
            if auth.type == "simple":
                words.append(f'authentication simple; password "{auth.key}";')
            else:
                algorithm = {"md5": "keyed md5"}.get(auth.type, auth.type.replace("hmac-sha-", "hmac sha"))
                secret = f'password "{auth.key}" {{ id {auth.key_id}; algorithm {algorithm}; }};'
                words.append(f"authentication cryptographic; {secret}")
    yield f'interface "{segment.name}" {{ {" ".join(words)} }};'
