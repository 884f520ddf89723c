"""The actions of a step, one line each:

down NODE SEGMENT / up NODE SEGMENT      the interface, by hand; both ends of a cable lose their carrier
cut NODE SEGMENT / mend NODE SEGMENT     the cable into a LAN's switch: nobody sees a carrier go, only silence
cost ROUTER SEGMENT COST
kill ROUTER / stop ROUTER / start ROUTER the daemons: kill -9, an orderly end, a start with the present configuration
withdraw ROUTER PREFIX / announce ROUTER PREFIX     one of the case's externals
virtual ROUTER up|down                   says that the virtual links of a router should now be up, or not
stub-router ROUTER on|off                RFC 6987
rfc1583 on|off                           at every router and in our own options
config ROUTER: LINE; LINE                lines for `configure terminal` of an FRR router
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from ipaddress import IPv4Network

from tests.lab import frr
from tests.lab.cases.casefile import LISTENER
from tests.lab.cases.network import CaseNetwork, port
from tests.lab.namespaces import command
from tests.lab.network import BRIDGE_NODE


def perform(network: CaseNetwork, action: str) -> None:
    """Do one action; ValueError if it is none."""
    verb, *words = action.split()
    if verb == "config":
        router, _, lines = action.removeprefix("config ").partition(":")
        frr.configure(network, router.strip(), *(line.strip() for line in lines.split(";")))
        return
    if verb not in ACTIONS:
        raise ValueError(f"{action}: no such action")
    ACTIONS[verb](network, *words)


def _link(network: CaseNetwork, node: str, *words: str) -> None:
    command("ip", "-n", network.namespace(node), *words)


def down(network: CaseNetwork, node: str, segment: str) -> None:
    _link(network, node, "link", "set", segment, "down")
    network.state.down.add((node, segment))


def up(network: CaseNetwork, node: str, segment: str) -> None:
    _link(network, node, "link", "set", segment, "up")
    network.state.down.discard((node, segment))
    if node != LISTENER:
        for external in network.state.externals_of(node):
            network.route_external("replace", external)  # the kernel dropped those through the interface


def cut(network: CaseNetwork, node: str, segment: str) -> None:
    _link(network, BRIDGE_NODE, "link", "set", port(segment, node), "nomaster")
    network.state.cut.add((node, segment))


def mend(network: CaseNetwork, node: str, segment: str) -> None:
    _link(network, BRIDGE_NODE, "link", "set", port(segment, node), "master", segment)
    network.state.cut.discard((node, segment))


def cost(network: CaseNetwork, router: str, segment: str, value: str) -> None:
    network.state.costs[router, segment] = int(value)
    if network.plan.routers[router].program == "frr":
        frr.configure(network, router, f"interface {segment}", f"ip ospf cost {int(value)}")
    else:
        network.reconfigure_bird(router)


def kill(network: CaseNetwork, router: str) -> None:
    network.state.dead.add(router)
    network.stop_router(router, signal.SIGKILL)


def stop(network: CaseNetwork, router: str) -> None:
    network.state.dead.add(router)
    network.stop_router(router, signal.SIGTERM)


def start(network: CaseNetwork, router: str) -> None:
    network.state.dead.discard(router)
    network.start_router(router)


def withdraw(network: CaseNetwork, router: str, prefix: str) -> None:
    wanted = IPv4Network(prefix)
    for external in network.state.externals_of(router):
        if external.prefix == wanted:
            network.state.externals.remove(external)
            network.route_external("delete", external)


def announce(network: CaseNetwork, router: str, prefix: str) -> None:
    wanted = IPv4Network(prefix)
    for external in network.case.externals:
        if (external.router, external.prefix) == (router, wanted) and external not in network.state.externals:
            network.state.externals.append(external)
            network.route_external("add", external)


def virtual(network: CaseNetwork, router: str, word: str) -> None:
    mine = [each for each in network.case.virtuals if router in each.ends]
    others = [each for each in network.state.virtuals if each not in mine]
    network.state.virtuals = others + (mine if word == "up" else [])


def stub_router(network: CaseNetwork, router: str, switch: str) -> None:
    change = network.state.stub_routers.add if switch == "on" else network.state.stub_routers.discard
    change(router)
    if network.plan.routers[router].program == "frr":
        line = "max-metric router-lsa administrative"
        frr.configure(network, router, "router ospf", line if switch == "on" else f"no {line}")
    else:
        network.reconfigure_bird(router)


def rfc1583(network: CaseNetwork, switch: str) -> None:
    network.state.rfc1583 = switch == "on"
    for router in network.state.living():
        if network.plan.routers[router].program == "frr":
            line = "compatible rfc1583"
            frr.configure(network, router, "router ospf", line if switch == "on" else f"no {line}")
        else:
            network.reconfigure_bird(router)


ACTIONS: dict[str, Callable[..., None]] = {
    "down": down,
    "up": up,
    "cut": cut,
    "mend": mend,
    "cost": cost,
    "kill": kill,
    "stop": stop,
    "start": start,
    "withdraw": withdraw,
    "announce": announce,
    "virtual": virtual,
    "stub-router": stub_router,
    "rfc1583": rfc1583,
}
