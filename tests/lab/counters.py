"""The routers' own counters: octets of every interface, and nft counters by application on every interface.

Interface octets are the kernel's `tx_bytes` (`rx_bytes`), which a router's ifHCOutOctets reads: frames without
preamble and check sequence, layer 3 + 14.  nft counts IP packets where they leave (postrouting: forwarded and
own ones), layer 3 only, so that 14 octets per packet are added here, explicitly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from tests.lab.namespaces import command
from tests.lab.network import Network
from tests.lab.traffic import APPLICATIONS

L2_OVERHEAD = 14
Reading = dict[str, int]  # "router interface" -> octets
AppReading = dict[tuple[str, str], int]  # ("router interface", application) -> octets with layer 2


@dataclass(frozen=True)
class Counters:
    """One reading of everything."""

    octets: Reading  # transmitted
    applications: AppReading
    received: Reading

    def __sub__(self, earlier: Counters) -> Counters:
        return Counters(
            {key: value - earlier.octets[key] for key, value in self.octets.items()},
            {key: value - earlier.applications[key] for key, value in self.applications.items()},
            {key: value - earlier.received[key] for key, value in self.received.items()},
        )


def ruleset(interfaces: Iterable[str]) -> str:
    """The nft rules of a router."""
    lines = ["table ip lab {"]
    rules = []
    for interface in interfaces:
        for application in APPLICATIONS:
            name = f"{interface}/{application.name}"
            lines.append(f"  counter {name} {{ }}")
            rules.append(f'    oifname "{interface}" {application.match} counter name {name}')
    lines += ["  chain leaving {", "    type filter hook postrouting priority 300;", *rules, "  }", "}"]
    return "\n".join(lines) + "\n"


def install(network: Network) -> None:
    """Load the rules into every router."""
    for router in network.plan.routers:
        rules = ruleset(end.interface for _, end in network.plan.ends_of(router))
        path = network.directory / f"{router}.nft"
        path.write_text(rules)
        network.run(router, "nft", "-f", str(path))


def read(network: Network) -> Counters:
    """Read all routers, one after the other (some 100 ms in all)."""
    octets: Reading = {}
    applications: AppReading = {}
    received: Reading = {}
    for router in network.plan.routers:
        links = json.loads(command("ip", "-n", network.namespace(router), "-j", "-s", "link", "show", "type", "veth"))
        for link in links:
            octets[f"{router} {link['ifname']}"] = link["stats64"]["tx"]["bytes"]
            received[f"{router} {link['ifname']}"] = link["stats64"]["rx"]["bytes"]
        for item in json.loads(network.run(router, "nft", "-j", "list", "counters", "table", "ip", "lab"))["nftables"]:
            if counter := item.get("counter"):
                interface, application = counter["name"].split("/")
                total = counter["bytes"] + L2_OVERHEAD * counter["packets"]
                applications[f"{router} {interface}", application] = total
    return Counters(octets, applications, received)
