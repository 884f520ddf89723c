"""`python -m tests.lab.up`: build the lab, say what is there, keep it until Ctrl-C."""

from __future__ import annotations

import signal
import sys

from tests.lab.network import Network
from tests.lab.plan import Plan


def describe(plan: Plan, network: Network) -> str:
    """The table of routers, links and hosts, and how to look at them."""
    lines = [f"{'router':8}{'id':14}{'program':9}namespace"]
    lines += [
        f"{name:8}{router.id:14}{router.program:9}{network.namespace(name)}" for name, router in plan.routers.items()
    ]
    lines += ["", f"{'host':8}{'address':14}{'default':12}namespace"]
    lines += [
        f"{name:8}{host.address:14}{host.default:12}{network.namespace(name)}" for name, host in plan.hosts.items()
    ]
    lines += ["", f"{'prefix':18}ends"]
    for segment in plan.segments:
        lines.append(f"{segment.prefix!s:18}" + "   ".join(f"{end} {end.address.ip}" for end in segment.ends))
    directory = network.directory
    lines += [
        "",
        f"up in {network.seconds_to_converge:.1f} s; look around with:",
        f"  ip netns exec {network.namespace('h1')} ping {plan.hosts['h6'].address}",
        f"  vtysh --vty_socket {directory}/r1 -c 'show ip ospf database'",
        f"  birdc -s {directory}/r6/bird.ctl show ospf state",
        f"  ip netns exec {network.namespace('gw')} tcpdump -ni lan",
        "Ctrl-C takes it all down.",
    ]
    return "\n".join(lines)


def main() -> int:
    try:
        with Network() as network:
            print(describe(network.plan, network), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\ntaken down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
