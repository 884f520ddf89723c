"""`python -m tests.lab.branches.story`: what the gateway must do in this network, chapter by chapter, in one go.

A process of its own, since there is one lab per process. Every chapter says what it saw; the last line of the output is
JSON: chapter -> {"failed": reason or "", "saw": what was seen}. One that fails does not keep the next from trying.
"""

from __future__ import annotations

import json
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ospf.episodes import KINDS as ANOMALIES
from ospf.wire import address_number
from tests.lab.branches.network import HOSTS, HTTP, OTHER, ROUTERS, Branches, address, ends
from tests.lab.cases import compare, truth
from tests.lab.cases.casefile import LISTENER
from tests.lab.cases.truth import Entry, Hop, Table
from tests.lab.namespaces import command, inside

KINDS = {"intra": 0, "inter": 1, "ext1": 2, "ext2": 3}
IF_OPER_STATUS = "1.3.6.1.2.1.2.2.1.8"
IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"
IF_HC_OUT_OCTETS = "1.3.6.1.2.1.31.1.1.1.10"
UP, DOWN = "1", "2"
TOLERANCE = 0.02
LOAD_SECONDS = 10
FOLLOWS_SECONDS = 2.0  # of the event
# Interfaces whose sum is all of the traffic in one direction: where it is parted again and again.
CUTS = {
    "h5 to h6: out of area 1": (("r5", "lan1"),),
    "h5 to h6: over the backbone": (("r1", "lan0"), ("r1", "c13a"), ("r1", "c13b"), ("r2", "c24")),
    "h5 to h6: into area 2": (("r3", "c36"), ("r4", "lan2")),
    "h5 to h6: the end": (("r6", "net6"),),
    "h6 to h5: out of area 2": (("r6", "c36"), ("r6", "lan2")),
    "h6 to h5: over the backbone": (("r3", "lan0"), ("r3", "c13a"), ("r3", "c13b"), ("r4", "c24")),
    "h6 to h5: into area 1": (("r1", "lan1"), ("r2", "lan1")),
    "h6 to h5: the end": (("r5", "net5"),),
}
PARALLEL = (("r1", "c13a"), ("r1", "c13b"))


class Story:
    def __init__(self, network: Branches) -> None:
        self.network = network
        self.names = compare.Names(network)
        self.chapters: dict[str, dict[str, str]] = {}
        self.before: dict[str, dict[tuple[int, truth.Key], int]] = {}
        self.began = time.time()

    def tell(self, *chapters: str) -> None:
        for chapter in chapters:
            begin = time.monotonic()
            try:
                saw, failed = getattr(self, chapter)(), ""
            except Exception as error:
                saw, failed = "", f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}"
            self.chapters[chapter] = {"saw": saw, "failed": failed}
            print(f"{time.monotonic() - begin:5.1f} s {chapter}: {failed or saw}", flush=True)

    # -- chapters

    def one_topology(self) -> str:
        """All areas, each by its own attachment; the other instance and the other version stay apart."""
        self.before = {name: self.network.sequences(name) for name in ROUTERS}
        self.network.start_gateway()
        seconds = self.network.wait("every area, instance and link", self._complete, 20)
        made = self._topology()
        areas = {each["area"]: (each["source"], each["routers"], each["networks"]) for each in made["areas"]}
        expect(areas, {"0.0.0.0": ("attached", 4, 1), "0.0.0.1": ("attached", 3, 1), "0.0.0.2": ("attached", 3, 1)})
        expect(made["instances"], ["default", "default/v3", OTHER])
        routers = {each["router"]: (each["abr"], len(each["areas"])) for each in made["routers"]}
        border = {"10.255.0.1", "10.255.0.2", "10.255.0.3", "10.255.0.4"}
        expect({router for router, (abr, areas) in routers.items() if abr and areas == 2}, border)
        expect(set(routers) - border, {"10.255.0.5", "10.255.0.6"})
        expect(made["unseen_borders"], [])
        links = {each["id"]: each for each in made["links"]}
        wanted = {identity(end.node, segment.name) for segment, end in ends()}
        expect(wanted - set(links), set())
        expect({i for i in wanted if not links[i]["up"]}, set())
        other = self.network.anemone("topology", "--instance", OTHER)
        expect([each["router"] for each in other["routers"]], ["10.255.0.1"])
        expect({each["prefix"] for each in other["prefixes"]}, {"10.0.8.0/24", "10.1.5.0/24", "10.255.0.1/32"})
        v3 = self.network.anemone("topology", "--instance", "default/v3")
        expect({each["router"] for each in v3["routers"]}, {"10.255.0.1", "10.255.0.3"})
        prefixes = {each["prefix"] for each in v3["prefixes"]}
        expect({"2001:db8:100::/64", "2001:db8:ff::1/128", "2001:db8:ff::3/128"} - prefixes, set())
        return f"3 areas, 3 instances, {len(wanted)} interfaces {seconds:.1f} s after the start of the program"

    def tables(self) -> str:
        """`anemone routes` says what every router's own table says."""
        return self._compare_tables()

    def snmp(self) -> str:
        """Every link is a row of IF-MIB, up, named as the command line names it."""
        links = self._links()
        names = self.network.walk(IF_NAME)
        expect(names, {str(each["ifindex"]): each["name"] for each in links.values()})
        states = self.network.walk(IF_OPER_STATUS)
        expect({i for i, each in links.items() if states[str(each["ifindex"])] != UP}, set())
        expect({i.split("/")[0] for i in links if "/" in i.split(":")[0]}, {OTHER})
        return f"{len(names)} rows"

    def quiet(self) -> str:
        """Burst mode leaves every LSA as it was, the full adjacency touches one router's LSA only; no anomaly."""
        changed = self._changed_lsas()
        expect(changed - {(2, 1, "10.255.0.3")}, set())
        expect(self._anomalies(), [])
        return f"{sum(map(len, self.before.values()))} LSAs at six routers; changed by the full adjacency: {changed}"

    def traffic(self) -> str:
        """Octets of every equal-cost cut as the routers' interfaces count them."""
        hosts = sorted(HOSTS)
        for host in hosts:
            self.network.start_agent(host)
        self.network.wait("both agents", lambda: sum(each["live"] for each in self._get("agents") or ()) == 2, 10)
        for host in hosts:
            self.network.program(host, "serve", "8080")
            self.network.program(host, "listen", "5600")
        time.sleep(1.0)
        index = {end: str(self._links()[identity(*end)]["ifindex"]) for cut in CUTS.values() for end in cut}
        counted, served = self.network.octets(), self.network.walk(IF_HC_OUT_OCTETS)
        children = []
        for host, other in (hosts, reversed(hosts)):
            there = address(other)
            children += [
                self.network.program(host, "upload", there, "8080", "40", "6e6", str(LOAD_SECONDS)),
                self.network.program(host, "shop", there, "8080", "20", "12000", str(LOAD_SECONDS)),
                self.network.program(host, "stream", "5601", there, "5600", "2e6", str(LOAD_SECONDS)),
            ]
        for child in children:
            if child.wait(LOAD_SECONDS + 30):
                raise RuntimeError(f"{child.args!r} ended with {child.returncode}")
        ended = self.network.octets()
        deadline = time.monotonic() + 15
        while True:
            now = self.network.walk(IF_HC_OUT_OCTETS)
            rows, wrong = [], []
            for name, cut in CUTS.items():
                real = sum(ended[end] - counted[end] for end in cut)
                told = sum(int(now[index[end]]) - int(served[index[end]]) for end in cut)
                rows.append(f"{name} {real} {told / real - 1:+.2%}")
                if abs(told / real - 1) > TOLERANCE or real < 5_000_000:
                    wrong.append(rows[-1])
            if not wrong or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        expect(wrong, [])
        first, second = (int(now[index[end]]) - int(served[index[end]]) for end in PARALLEL)
        if not 0.9 < first / second < 1.1:
            raise AssertionError(f"parallel cables are equal: {first}, {second}")
        path = self.network.anemone("path", address("h5"), address("h6"))
        out = {hop["egress"]: round(hop["share"], 4) for hop in path["hops"]}
        expect(out[identity("r1", "c13a")], round(1 / 6, 4))
        expect(out[identity("r2", "c24")], 0.5)
        agents = {each["name"] for each in self.network.anemone("agents")}
        expect(agents, set(HOSTS))
        return "; ".join(rows)

    def failure(self) -> str:
        """A cable is cut: event, routes of every router, ifOperStatus and path follow at once."""
        gone = [identity("r3", "c36"), identity("r6", "c36")]
        links = self._links()
        index = [str(links[each]["ifindex"]) for each in gone]
        moment = time.time()
        command("ip", "-n", self.network.namespace("r6"), "link", "set", "c36", "down")

        def events() -> list[dict[str, Any]]:
            since = [e for e in self._get("events") or () if seconds(e["time"]) > moment]
            return [e for e in since if e["kind"] == "link_down" and e["subject"] in gone]

        self.network.wait("the event", events, 15)
        told = min(seconds(event["time"]) for event in events())
        done = {"event": time.time() - told}
        signs = {
            "path": lambda: not any("c36" in self._interface(hop) for hop in self._path()["hops"]),
            "links": lambda: not any(each["up"] for each in self._get("links") or () if each["id"] in gone),
            "ifOperStatus": lambda: all(self.network.walk(IF_OPER_STATUS)[i] == DOWN for i in index),
        }
        for name, sign in signs.items():
            self.network.wait(name, sign, 10)
            done[name] = time.time() - told
        late = {name: after for name, after in done.items() if after > FOLLOWS_SECONDS}
        expect(late, {})
        self._settled()
        compared = self._compare_tables()
        expect(self._anomalies(), [])
        times = ", ".join(f"{name} {after:.2f} s" for name, after in done.items())
        return f"LSA heard {told - moment:.2f} s after the cable was cut; after the event {times}; {compared}"

    def sudden_death(self) -> str:
        """kill -9: the same rows, the past is still known, keys are still accepted."""
        network = self.network
        names, boots, links = network.walk(IF_NAME), network.boots(), self._links()
        sequences = {name: network.sequences(name) for name in ROUTERS}
        table, octets = self._routes("r5"), network.walk(IF_HC_OUT_OCTETS)
        instant = f"{time.time():.3f}"
        time.sleep(0.3)
        network.kill_gateway()
        network.start_gateway()
        seconds = network.wait("every area again, also behind the key", self._complete, 40)
        expect(network.walk(IF_NAME), names)
        if network.boots() <= boots:
            raise AssertionError(f"boots {boots}, then {network.boots()}")
        after = network.walk(IF_HC_OUT_OCTETS)
        expect({i for i in octets if int(after[i]) < int(octets[i])}, set())
        expect(self._routes("r5", "--at", instant), table)
        past = network.anemone("topology", "--at", instant)
        expect({each["area"] for each in past["areas"]}, {"0.0.0.0", "0.0.0.1", "0.0.0.2"})
        down = {identity("r3", "c36"), identity("r6", "c36")}
        expect({each["id"] for each in past["links"] if each["up"] and each["id"] in down}, set())
        wanted = {identity(end.node, segment.name) for segment, end in ends()} - down
        expect(wanted - {each["id"] for each in past["links"] if each["up"]}, set())
        expect({i: each["up"] for i, each in self._links().items() if each["up"] != links[i]["up"]}, {})
        compared = self._compare_tables()
        changed = self._changed(sequences, {name: network.sequences(name) for name in ROUTERS})
        expect(changed - {(2, 1, "10.255.0.3")}, set())
        expect(self._anomalies(), [])
        return f"back with every link {seconds:.1f} s after kill -9; boots {boots}, {network.boots()}; {compared}"

    def repair(self) -> str:
        """The cable is back: the same rows."""
        command("ip", "-n", self.network.namespace("r6"), "link", "set", "c36", "up")
        both = {identity("r3", "c36"), identity("r6", "c36")}
        seconds = self.network.wait(
            "the cable", lambda: sum(each["up"] for each in self._get("links") or () if each["id"] in both) == 2, 30
        )
        self._settled()
        return f"{seconds:.1f} s; {self._compare_tables()}"

    def anomaly(self) -> str:
        """A router that asks to be avoided is told once, and its end."""
        expect(self._anomalies(), [])
        for line in ("max-metric router-lsa administrative", "no max-metric router-lsa administrative"):
            self.network.configure("r3", "router ospf", line)
            kind = "max_link_metric" if not line.startswith("no") else "max_link_metric_ended"
            self.network.wait(kind, lambda kind=kind: kind in [k for k, _ in self._anomalies()], 20)  # type: ignore[misc]
        time.sleep(1.5)
        told = self._anomalies()
        expect([kind for kind, _ in told], ["max_link_metric", "max_link_metric_ended"])
        expect({subject for _, subject in told}, {"10.255.0.3"})
        counters = self._get("status")["components"]["anomalies"]
        expect((counters["max_link_metric"], counters["now"]), (1, 0))
        return f"{told}"

    def nothing_broke(self) -> str:
        """No failure of ours, nothing malformed, no traceback in the log."""
        components = self._get("status")["components"]
        expect(components["topology"]["failures"], 0)
        found = {
            f"{name}.{counter}": value
            for name, counters in components.items()
            for counter, value in counters.items()
            if value and counter in ("malformed", "lsas_refused", "syncs_failed", "auth_bad_digest", "lsas_unrecorded")
        }
        log = self.network.log("gateway").read_text(errors="replace")
        # After kill -9 a router that has not missed us waits, and so do we: the second attempt follows 10 s later.
        failed = [line for line in log.splitlines() if "sync_failed" in line]
        expect([line for line in failed if "mon: " not in line], [])
        found.pop("ospf2.syncs_failed", None)
        expect((found, len(failed) <= 1), ({}, True))
        expect([line for line in log.splitlines() if "Traceback" in line or " ERROR " in line], [])
        return f"{components['topology']}"

    # -- asking

    def _get(self, path: str) -> Any:
        """A document of the API; None while nobody answers or the answer is no."""

        def fetch() -> bytes:
            with urllib.request.urlopen(f"{HTTP}/api/{path}", timeout=10) as answer:
                return bytes(answer.read())

        try:
            document = json.loads(inside(self.network.namespace(LISTENER), fetch))
        except (OSError, urllib.error.URLError):
            return None
        return document.get(path, document) if isinstance(document, dict) else document

    def _complete(self) -> bool:
        links = {each["id"] for each in self._get("links") or () if each["up"]}
        wanted = {identity(end.node, segment.name) for segment, end in ends() if self._speaks(end.node, segment.name)}
        wanted.add(f"{OTHER}/10.255.0.1:10.0.8.0/24")
        held = self._get("topology") or {"instances": ()}
        return wanted <= links and len(held["instances"]) == 3 and any(":v3" in link for link in links)

    def _speaks(self, node: str, segment: str) -> bool:
        if segment != "c36":
            return True
        shown = command("ip", "-n", self.network.namespace(node), "-j", "link", "show", "c36")
        return json.loads(shown)[0]["operstate"] == "UP"

    def _topology(self) -> Any:
        return self.network.anemone("topology")

    def _links(self) -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in self.network.anemone("links")}

    def _path(self) -> Any:
        return self._get(f"path?src={address('h5')}&dst={address('h6')}")

    def _interface(self, hop: dict[str, Any]) -> str:
        router, _, interface = (hop["egress"] or ":").partition(":")
        if not router:
            return ""
        return self.names.interface(self.network.case.of_id(router), interface)

    def _routes(self, router: str, *words: str) -> Table:
        """`anemone routes ROUTER`, as a router's own table is written down."""
        found = {}
        document = self.network.anemone("routes", self.network.case.routers[router].id, *words)
        for route in document["routes"]:
            hops = set()
            for hop in route["next_hops"]:
                interface = self.names.interface(router, (hop["link"] or ":-").split(":", 1)[1])
                gateway = hop["address"] or ""
                if hop["router"] and not gateway:
                    gateway = f"{hop['router']}?"
                hops.add(Hop(interface, gateway))
            kind = KINDS[route["type"]]
            area = address_number(route["area"]) if route["area"] is not None else None
            found[route["prefix"]] = Entry(kind, route["cost"], route["type2_cost"] or 0, frozenset(hops), area)
        return found

    def _compare_tables(self) -> str:
        count, different = 0, []
        for name in ROUTERS:
            theirs = truth.table(self.network, name)
            count += len(theirs)
            different += compare.differences(name, self._routes(name), theirs)
        expect([str(each) for each in different], [])
        return f"{count} routes of {len(ROUTERS)} routers equal"

    def _settled(self) -> None:
        """Until the routers' own tables have been the same for a second and a half."""
        before: object = None
        since = begin = time.monotonic()
        while time.monotonic() - since < 1.5:
            now = [truth.table(self.network, name) for name in ROUTERS], [self.network.sequences(n) for n in ROUTERS]
            if now != before:
                before, since = now, time.monotonic()
            if time.monotonic() - begin > 20:
                raise AssertionError("the routers do not settle")
            time.sleep(0.2)

    def _anomalies(self) -> list[tuple[str, str]]:
        """(kind, subject) of every anomaly told so far, by the command line."""
        words = ",".join(f"{kind},{kind}_ended" for kind in ANOMALIES)
        told = self.network.anemone("events", "--since", f"{self.began:.0f}", "--kind", words)
        return [(event["kind"], event["subject"]) for event in told or ()]

    def _changed_lsas(self) -> set[tuple[int, int, str]]:
        return self._changed(self.before, {name: self.network.sequences(name) for name in ROUTERS})

    @staticmethod
    def _changed(before: dict[str, Any], after: dict[str, Any]) -> set[tuple[int, int, str]]:
        """(area, type, originator) of the LSAs that another instance replaced at any router."""
        return {
            (area, key[0], key[2])
            for name in ROUTERS
            for (area, key) in before[name].keys() | after[name].keys()
            if before[name].get((area, key)) != after[name].get((area, key))
        }


def identity(node: str, segment: str) -> str:
    """A link's id."""
    end = next(end for each, end in ends() if (end.node, each.name) == (node, segment))
    each = next(each for each, _ in ends() if each.name == segment)
    where = str(end.address.network) if each.type == "stub" else str(end.address.ip)
    return f"10.255.0.{node[1:]}:{where}"


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def expect(got: object, wanted: object) -> None:
    if got != wanted:
        if isinstance(got, Iterable) and isinstance(wanted, Iterable) and len(str(got)) > 1500:
            raise AssertionError(f"{str(got)[:1500]} ... is not {str(wanted)[:500]}")
        raise AssertionError(f"{got} is not {wanted}")


CHAPTERS = (
    "one_topology", "tables", "snmp", "quiet", "traffic", "failure", "sudden_death", "repair", "anomaly",
    "nothing_broke",
)  # fmt: skip


def main() -> int:
    begin = time.monotonic()
    with Branches() as network:
        print(f"{time.monotonic() - begin:5.1f} s the routers have converged", flush=True)
        story = Story(network)
        story.tell(*CHAPTERS)
    print(f"{time.monotonic() - begin:5.1f} s in all", flush=True)
    print(json.dumps(story.chapters), flush=True)
    return any(each["failed"] for each in story.chapters.values())


if __name__ == "__main__":
    raise SystemExit(main())
