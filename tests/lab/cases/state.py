"""What steps change while a case runs; the configuration of every router follows from it at any time."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.lab.cases.casefile import Case, End, External, Segment, Virtual


@dataclass
class State:
    """The case as it stands now. Names are the case's; everything absent is as the case's file says."""

    case: Case
    costs: dict[tuple[str, str], int] = field(default_factory=dict)  # (router, segment) -> cost
    stub_routers: set[str] = field(default_factory=set)
    down: set[tuple[str, str]] = field(default_factory=set)  # (node, segment): interface shut
    cut: set[tuple[str, str]] = field(default_factory=set)  # (node, segment): unplugged without carrier loss
    dead: set[str] = field(default_factory=set)  # routers without daemons
    externals: list[External] = field(default_factory=list)
    virtuals: list[Virtual] = field(default_factory=list)  # those that should be up
    rfc1583: bool = False
    full_listeners: bool = False  # those of mode "full" are attached: routers announce them on point-to-point links

    def __post_init__(self) -> None:
        self.externals = [external for external in self.case.externals if not external.absent]
        self.virtuals = list(self.case.virtuals)
        self.rfc1583 = self.case.rfc1583

    def cost(self, segment: Segment, end: End) -> int:
        return self.costs.get((end.node, segment.name), end.cost)

    def externals_of(self, router: str) -> list[External]:
        return [external for external in self.externals if external.router == router]

    def living(self) -> list[str]:
        return [name for name in self.case.routers if name not in self.dead]

    def speaks(self, segment: Segment, node: str) -> bool:
        """Whether the router is there, with carrier, and can be heard on the segment."""
        if segment.type != "broadcast" and any((end.node, segment.name) in self.down for end in segment.ends):
            return False
        ends = {(node, segment.name)}
        return node not in self.dead and not ends & self.down and not ends & self.cut

    def connected(self, area: int, heard_on: str) -> set[str]:
        """Routers whose LSAs of the area can reach the named segment, by the area's segments and live virtual links."""
        groups = [
            {end.node for end in segment.routers if self.speaks(segment, end.node)} | {f"segment {segment.name}"}
            for segment in self.case.segments
            if segment.area == area
        ]
        if area == 0:
            groups += [set(virtual.ends) - self.dead for virtual in self.virtuals]
        reached = {f"segment {heard_on}"}
        while more := [group for group in groups if group & reached and group - reached]:
            reached.update(*more)
        return reached & set(self.case.routers)

    def expected_links(self, node: str, area: int) -> int:
        """Links to routers and transit networks the router-LSA must have in the area; virtual links not counted."""
        count = 0
        for segment, end in self.case.segments_of(node):
            if segment.area != area or not self.speaks(segment, end.node):
                continue
            others = sum(self.speaks(segment, each.node) for each in segment.routers if each.node != node)
            heard = segment.listen == "full" and self.full_listeners
            count += bool(others or heard) if segment.type == "broadcast" else others + heard
        return count
