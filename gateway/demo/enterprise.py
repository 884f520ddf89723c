"""The enterprise of the demo: a headquarters, a data centre, four branches, their people and what these
run.

Thirteen routers: a core pair joined by two parallel 10 Gbit/s wires, a distribution pair, a data centre with
two equal paths everywhere, one Internet edge, four branches on 100 Mbit/s lines (one of them with two equal
lines, one behind another branch), and the NOC's broadcast LAN where the gateway listens.
"""

from __future__ import annotations

from gateway.demo.network import Network, NetworkBuilder
from gateway.demo.traffic import DAY, TCP, UDP, Conversation, Process, Windows

MEGABIT, GIGABIT = 1e6, 1e9
BACKUP_CLIENT, BACKUP_SERVER, BACKUP_APP = "files-paris", "backup-1", "backup"
BACKUP_BPS = 88 * MEGABIT
LISTENING_LAN = "noc-lan"

ROUTERS = (
    ("hq-core-1", "10.255.0.1"), ("hq-core-2", "10.255.0.2"), ("hq-dist-1", "10.255.0.3"),
    ("hq-dist-2", "10.255.0.4"), ("dc-core-1", "10.255.0.5"), ("dc-core-2", "10.255.0.6"),
    ("dc-tor-1", "10.255.0.7"), ("dc-tor-2", "10.255.0.8"), ("edge-1", "10.255.0.9"),
    ("br-paris", "10.255.0.11"), ("br-oslo", "10.255.0.12"), ("br-kyoto", "10.255.0.13"),
    ("br-lima", "10.255.0.14"),
)  # fmt: skip

# a, b, cost from a, cost from b, capacity
WIRES = (
    ("hq-core-1", "hq-core-2", 10, 10, 10 * GIGABIT),
    ("hq-core-1", "hq-core-2", 10, 10, 10 * GIGABIT),
    ("hq-core-1", "hq-dist-1", 10, 10, GIGABIT),
    ("hq-core-1", "hq-dist-2", 10, 10, GIGABIT),
    ("hq-core-2", "hq-dist-1", 10, 10, GIGABIT),
    ("hq-core-2", "hq-dist-2", 10, 10, GIGABIT),
    ("hq-core-1", "dc-core-1", 10, 10, GIGABIT),
    ("hq-core-1", "dc-core-2", 10, 10, GIGABIT),
    ("hq-core-2", "dc-core-1", 10, 10, GIGABIT),
    ("hq-core-2", "dc-core-2", 10, 10, GIGABIT),
    ("dc-core-1", "dc-tor-1", 10, 10, GIGABIT),
    ("dc-core-1", "dc-tor-2", 10, 10, GIGABIT),
    ("dc-core-2", "dc-tor-1", 10, 10, GIGABIT),
    ("dc-core-2", "dc-tor-2", 10, 10, GIGABIT),
    ("hq-core-1", "edge-1", 10, 10, GIGABIT),
    ("hq-core-2", "edge-1", 10, 10, GIGABIT),
    ("hq-core-1", "br-paris", 50, 50, 100 * MEGABIT),
    ("hq-core-2", "br-paris", 100, 100, 100 * MEGABIT),
    ("hq-core-1", "br-oslo", 50, 50, 100 * MEGABIT),
    ("hq-core-2", "br-oslo", 50, 50, 100 * MEGABIT),
    ("hq-core-2", "br-kyoto", 50, 50, 100 * MEGABIT),
    ("hq-core-1", "br-kyoto", 100, 100, 100 * MEGABIT),
    ("br-kyoto", "br-lima", 50, 50, 50 * MEGABIT),
    ("hq-core-1", "br-lima", 200, 200, 50 * MEGABIT),
)

# name, prefix, router, capacity
STUBS = (
    ("hq-sales-lan", "10.1.10.0/24", "hq-dist-1", GIGABIT),
    ("hq-voice-lan", "10.1.11.0/24", "hq-dist-1", GIGABIT),
    ("hq-eng-lan", "10.1.20.0/24", "hq-dist-2", GIGABIT),
    ("dc-apps-lan", "10.2.10.0/24", "dc-tor-1", 10 * GIGABIT),
    ("dc-storage-lan", "10.2.20.0/24", "dc-tor-2", 10 * GIGABIT),
    ("paris-lan", "10.11.1.0/24", "br-paris", GIGABIT),
    ("oslo-lan", "10.12.1.0/24", "br-oslo", GIGABIT),
    ("kyoto-lan", "10.13.1.0/24", "br-kyoto", GIGABIT),
    ("lima-lan", "10.14.1.0/24", "br-lima", GIGABIT),
)

# name, last octet, segment, has an agent
HOSTS = (
    ("web-1", 11, "dc-apps-lan", True), ("web-2", 12, "dc-apps-lan", True),
    ("mail-1", 21, "dc-apps-lan", True),
    ("dns-1", 53, "dc-apps-lan", True), ("voip-1", 60, "dc-apps-lan", True),
    ("git-1", 70, "dc-apps-lan", True),
    ("db-1", 11, "dc-storage-lan", True), ("db-2", 12, "dc-storage-lan", True),
    ("files-1", 21, "dc-storage-lan", True), ("backup-1", 31, "dc-storage-lan", True),
    ("noc-1", 21, "noc-lan", True), ("noc-2", 22, "noc-lan", True),
    ("pc-anna", 101, "hq-sales-lan", True), ("pc-bruno", 102, "hq-sales-lan", True),
    ("pc-carla", 103, "hq-sales-lan", True), ("pc-david", 104, "hq-sales-lan", True),
    ("pc-erika", 105, "hq-sales-lan", True), ("printer-1", 9, "hq-sales-lan", False),
    ("phone-1", 101, "hq-voice-lan", False), ("phone-2", 102, "hq-voice-lan", False),
    ("phone-3", 103, "hq-voice-lan", False),
    ("dev-fatima", 101, "hq-eng-lan", True), ("dev-goran", 102, "hq-eng-lan", True),
    ("dev-hana", 103, "hq-eng-lan", True), ("dev-igor", 104, "hq-eng-lan", True),
    ("ci-1", 10, "hq-eng-lan", True),
    ("files-paris", 10, "paris-lan", True), ("pc-jules", 101, "paris-lan", True),
    ("pc-karim", 102, "paris-lan", True), ("pc-lea", 103, "paris-lan", True),
    ("pc-magnus", 101, "oslo-lan", True), ("pc-nora", 102, "oslo-lan", True),
    ("pc-olav", 103, "oslo-lan", True),
    ("cache-oslo", 10, "oslo-lan", True),
    ("pc-rei", 101, "kyoto-lan", True), ("pc-sora", 102, "kyoto-lan", True),
    ("cam-kyoto", 50, "kyoto-lan", False),
    ("pc-tomas", 101, "lima-lan", True), ("pc-ursula", 102, "lima-lan", True),
)  # fmt: skip

OUTSIDE = (
    ("crm.example.net", "203.0.113.10"), ("cdn.example.com", "198.51.100.20"),
    ("meet.example.org", "198.51.100.80"), ("mx.example.net", "203.0.113.25"),
)  # fmt: skip


def enterprise() -> Network:
    """The demo's network on a normal day."""
    build = NetworkBuilder()
    for name, router_id in ROUTERS:
        build.router(name, router_id)
    build.lan(LISTENING_LAN, "10.0.100.0/24", ("hq-core-1", "hq-core-2", "edge-1"), 100, capacity=GIGABIT)
    seen: dict[str, int] = {}
    for number, (a, b, cost, back, capacity) in enumerate(WIRES):
        name = f"{a}--{b}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name}#{seen[name]}"
        build.p2p(a, b, f"10.0.{number // 32}.{number % 32 * 4}/30", cost, back=back, capacity=capacity, name=name)
    for name, within, router, capacity in STUBS:
        build.stub(name, within, router, 10, capacity=capacity)
    for name, number, segment, agent in HOSTS:
        build.host(name, number, segment, gateway="hq-core-2" if name == "noc-2" else "", agent=agent)
    for name, at in OUTSIDE:
        build.outside(name, at)
    build.external("edge-1", "0.0.0.0/0", 20)
    build.external("edge-1", "198.51.100.0/24", 10)
    return build.build()


def _owner(name: str, unit: str, user: str, number: int) -> Process:
    return Process(name, 800 + number, unit, user)


# app, server port, protocol, server process, unit, user, client process
SERVICES = {
    "web": (443, TCP, "nginx", "nginx.service", "www-data", "firefox"),
    "mail": (993, TCP, "dovecot", "dovecot.service", "vmail", "thunderbird"),
    "smtp": (25, TCP, "exim4", "exim4.service", "Debian-exim", "exim4"),
    "dns": (53, UDP, "unbound", "unbound.service", "unbound", "systemd-resolve"),
    "voip": (5004, UDP, "asterisk", "asterisk.service", "asterisk", "linphone"),
    "git": (22, TCP, "gitea", "gitea.service", "git", "git"),
    "database": (5432, TCP, "postgres", "postgresql.service", "postgres", "gunicorn"),
    "replication": (5432, TCP, "postgres", "postgresql.service", "postgres", "walreceiver"),
    "files": (445, TCP, "smbd", "smbd.service", "root", "explorer"),
    "video": (3478, UDP, "janus", "janus.service", "janus", "chromium"),
    "camera": (554, TCP, "motion", "motion.service", "motion", "motion"),
    "monitoring": (9100, TCP, "node_exporter", "node-exporter.service", "prometheus", "prometheus"),
    "print": (9100, TCP, "cupsd", "cups.service", "lp", "cups"),
    "backup": (8000, TCP, "rest-server", "rest-server.service", "backup", "restic"),
}

# app, clients, server, up and down in megabits per second, packet octets up and down
HABITS = (
    ("web", "pc-* dev-*", "web-1", 0.06, 0.9, 140, 1320),
    ("web", "pc-* dev-*", "crm.example.net", 0.05, 0.5, 140, 1280),
    ("web", "pc-*", "cdn.example.com", 0.04, 1.1, 90, 1400),
    ("web", "cache-oslo", "cdn.example.com", 0.4, 14.0, 90, 1400),
    ("mail", "pc-* dev-*", "mail-1", 0.08, 0.25, 300, 1100),
    ("smtp", "mail-1", "mx.example.net", 1.5, 0.05, 1350, 60),
    ("dns", "pc-* dev-* web-* mail-1 ci-1", "dns-1", 0.004, 0.009, 70, 170),
    ("voip", "phone-* pc-magnus pc-rei pc-tomas", "voip-1", 0.088, 0.088, 200, 200),
    ("files", "pc-*", "files-1", 0.35, 1.4, 700, 1380),
    ("files", "pc-jules pc-lea", "files-paris", 2.0, 6.0, 900, 1400),
    ("video", "pc-anna dev-goran pc-nora pc-ursula", "meet.example.org", 1.6, 2.4, 1050, 1100),
    ("camera", "noc-1", "cam-kyoto", 0.1, 6.0, 60, 1420),
    ("git", "dev-*", "git-1", 0.3, 2.2, 250, 1380),
    ("git", "ci-1", "git-1", 1.0, 45.0, 120, 1440),
    ("database", "web-1", "db-1", 9.0, 130.0, 330, 1440),
    ("database", "web-2", "db-1", 6.0, 85.0, 330, 1440),
    ("replication", "db-2", "db-1", 1.0, 60.0, 70, 1460),
    ("monitoring", "noc-1", "web-1", 0.01, 0.2, 90, 1200),
    ("monitoring", "noc-1", "db-1", 0.01, 0.2, 90, 1200),
    ("monitoring", "noc-2", "files-paris", 0.01, 0.1, 90, 1200),
    ("monitoring", "noc-2", "backup-1", 0.01, 0.2, 90, 1200),
    ("print", "pc-anna pc-bruno", "printer-1", 0.5, 0.01, 1400, 60),
)


def _matching(network: Network, patterns: str) -> list[str]:
    wanted = patterns.split()
    return [
        name
        for name in network.host_by_name
        if any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in wanted)
    ]


def _person(host: str) -> str:
    kind, _, name = host.partition("-")
    return name if kind in ("pc", "dev") else "service"


def conversations(network: Network, backup_windows: Windows = ()) -> tuple[Conversation, ...]:
    """Everybody's habits, and the nightly backup of Paris during `backup_windows`."""
    found: list[Conversation] = []

    def add(
        app: str,
        client: str,
        server: str,
        up: float,
        down: float,
        packets: tuple[int, int],
        windows: Windows = DAY,
    ) -> None:
        port, protocol, server_process, unit, user, client_process = SERVICES[app]
        number = len(found)
        found.append(
            Conversation(
                app, client, server, protocol, 101 * number, port, up * MEGABIT, down * MEGABIT, *packets,
                _owner(client_process, f"{client_process}.service", _person(client), 1000 + number),
                _owner(server_process, unit, user, sum(map(ord, server + app)) % 800),
                windows, period=50.0 + number * 13 % 41, phase=number * 1.7 % 6.28,
                swing=0.02 if windows is not DAY else 0.12, lifetime=1e9 if windows is not DAY else 40.0,
            )
        )  # fmt: skip

    for app, clients, server, up, down, up_packet, down_packet in HABITS:
        for client in _matching(network, clients):
            add(app, client, server, up, down, (up_packet, down_packet))
    if backup_windows:
        up = BACKUP_BPS / MEGABIT
        add(BACKUP_APP, BACKUP_CLIENT, BACKUP_SERVER, up, up / 60, (1460, 60), backup_windows)
    return tuple(found)
