"""A router's configuration in FRR's language."""

from __future__ import annotations

from collections.abc import Iterator

from tests.lab.cases.casefile import AreaRange, Case, End, Segment
from tests.lab.cases.state import State

HELLO, DEAD, RETRANSMIT = 1, 4, 2  # seconds
REDISTRIBUTE = "redistribute kernel route-map EXTERNAL"
NETWORK = {"broadcast": "broadcast", "stub": "broadcast", "p2p": "point-to-point", "p2mp": "point-to-multipoint"}


def configuration(state: State, router: str) -> str:
    """ospfd.conf."""
    case = state.case
    entry = case.routers[router]
    lines = [f"hostname {router}", "!"]
    for segment, end in case.segments_of(router):
        lines += _interface(state, segment, end)
    if entry.loopback is not None:
        lines += ["interface lo", f" ip ospf area {entry.loopback}", "!"]
    lines += route_maps(state, router)
    lines += ["router ospf", f" ospf router-id {entry.id}", *(f" {line}" for line in _process(state, router)), "!"]
    return "\n".join(lines) + "\n"


def _interface(state: State, segment: Segment, end: End) -> Iterator[str]:
    yield f"interface {segment.name}"
    yield f" ip ospf area {segment.area}"
    yield f" ip ospf cost {state.cost(segment, end)}"
    yield f" ip ospf network {NETWORK[segment.type]}"
    yield f" ip ospf hello-interval {HELLO}"
    yield f" ip ospf dead-interval {DEAD}"
    yield f" ip ospf retransmit-interval {RETRANSMIT}"
    yield f" ip ospf priority {state.case.routers[end.node].priority}"
    if segment.type == "stub":
        yield " ip ospf passive"
    if (auth := segment.auth) is not None:
        if auth.type == "simple":
            yield " ip ospf authentication"
            yield f" ip ospf authentication-key {auth.key}"
        elif auth.type == "md5":
            yield " ip ospf authentication message-digest"
            yield f" ip ospf message-digest-key {auth.key_id} md5 {auth.key}"
        else:
            raise ValueError(f"{segment.name}: FRR 8.4 has no {auth.type}")
    yield "!"


def _process(state: State, router: str) -> Iterator[str]:
    case, entry = state.case, state.case.routers[router]
    yield "timers throttle spf 20 50 200"
    yield "timers throttle lsa all 1000"
    yield "timers lsa min-arrival 100"
    if state.rfc1583:
        yield "compatible rfc1583"
    if entry.abr == "rfc2328":
        yield "ospf abr-type standard"
    if router in state.stub_routers:
        yield "max-metric router-lsa administrative"
    areas = case.areas_of(router)
    for area in (case.area(number) for number in areas):
        if area.kind != "normal":
            border = len(areas) > 1
            yield f"area {area.number} {area.kind}"
            if area.no_summary and border:
                yield f"area {area.number} {area.kind} no-summary"
            if area.default_cost != 1 and border:
                yield f"area {area.number} default-cost {area.default_cost}"
            if area.kind == "nssa" and entry.translate:
                yield f"area {area.number} nssa translate-{entry.translate}"
        for each in ranges(case, area.number, router):
            if not each.advertise:
                yield f"area {area.number} range {each.prefix} not-advertise"
            elif each.cost is not None:
                yield f"area {area.number} range {each.prefix} cost {each.cost}"
            else:
                yield f"area {area.number} range {each.prefix}"
    for virtual in case.virtuals:
        if router in virtual.ends:
            other = case.routers[next(end for end in virtual.ends if end != router)].id
            yield f"area {virtual.area} virtual-link {other}"
            yield f"area {virtual.area} virtual-link {other} hello-interval {HELLO} dead-interval {DEAD}"
    yield from redistribution(state, router)
    yield from entry.extra.strip().splitlines()


def ranges(case: Case, area: int, router: str) -> list[AreaRange]:
    """Ranges this border router has for an area."""
    if len(case.areas_of(router)) < 2:
        return []
    return [each for each in case.area(area).ranges if not each.routers or router in each.routers]


def redistribution(state: State, router: str) -> Iterator[str]:
    """Kernel routes into OSPF; the default route has a command of its own."""
    if any(external.prefix.prefixlen for external in state.externals_of(router)):
        yield REDISTRIBUTE
    for external in state.externals_of(router):
        if external.prefix.prefixlen == 0:
            yield f"default-information originate always metric {external.metric} metric-type {external.type}"


def route_maps(state: State, router: str) -> list[str]:
    lines = []
    mine = [external for external in state.case.externals if external.router == router and external.prefix.prefixlen]
    for place, external in enumerate(mine, 1):
        lines += [
            f"ip prefix-list E{place} seq 5 permit {external.prefix}",
            "!",
            f"route-map EXTERNAL permit {place}",
            f" match ip address prefix-list E{place}",
            f" set metric {external.metric}",
            f" set metric-type type-{external.type}",
            "!",
        ]
    return lines
