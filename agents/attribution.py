"""From a process to the name of an application: the operator's rules first, then sensible defaults.

    [[rule]]                     # agent.toml; every condition given must hold, the first rule that holds wins
    application = "billing"
    process = "java*"            # comm, executable's or script's file name; shell pattern
    unit = "billing-*.service"   # systemd unit or scope; shell pattern
    port = 8443                  # the service port: local of accepted, remote of opened connections

Without a rule: a well-known daemon goes by what it serves (sshd -> ssh), an interpreter by its script, else
the executable's name. Sub-applications, command lines and containers' images are a later step; command
lines never leave the host.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

EXACT, LISTENER, PORT, UNKNOWN = 1, 2, 3, 0  # attributionMethod

DAEMONS = {
    "sshd": "ssh", "sshd-session": "ssh", "sshd-auth": "ssh", "named": "dns", "unbound": "dns",
    "dnsmasq": "dns", "systemd-resolved": "dns", "systemd-resolve": "dns", "chronyd": "ntp",
    "ntpd": "ntp", "ntpsec": "ntp", "systemd-timesyncd": "ntp", "systemd-timesyn": "ntp",
    "apache2": "apache", "httpd": "apache", "postgres": "postgresql", "mysqld": "mysql",
    "mariadbd": "mysql", "redis-server": "redis", "dhclient": "dhcp", "dhcpcd": "dhcp",
    "systemd-networkd": "dhcp", "systemd-network": "dhcp", "rpc.nfsd": "nfs", "smbd": "smb",
    "snmpd": "snmp", "rsyslogd": "syslog", "master": "smtp", "smtpd": "smtp", "exim4": "smtp",
    "ftp-master": "ftp", "agents.cli": "anemone-agent",
}  # fmt: skip

SERVICES = {  # for flows no process is known of; names of the IANA service registry
    20: "ftp", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "dns", 67: "dhcp", 68: "dhcp",
    69: "tftp", 80: "http", 88: "kerberos", 110: "pop3", 111: "rpcbind", 123: "ntp", 143: "imap",
    161: "snmp", 162: "snmp", 179: "bgp", 389: "ldap", 443: "https", 445: "smb", 465: "smtp",
    514: "syslog", 546: "dhcp", 547: "dhcp", 587: "smtp", 636: "ldap", 853: "dns", 873: "rsync",
    993: "imap", 995: "pop3", 1812: "radius", 1813: "radius", 2049: "nfs", 3128: "proxy", 3306: "mysql",
    3389: "rdp", 4739: "ipfix", 5353: "mdns", 5432: "postgresql", 5672: "amqp", 6379: "redis",
    9092: "kafka", 11211: "memcached", 27017: "mongodb",
}  # fmt: skip
PROTOCOLS = {
    1: "icmp",
    2: "igmp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmp",
    89: "ospf",
    103: "pim",
    112: "vrrp",
    132: "sctp",
}

INTERPRETERS = re.compile(r"(python|perl|ruby|node|nodejs|php|bash|dash|sh|zsh|tclsh|lua|pypy|Rscript|guile)[0-9.]*\Z")
SCRIPT_SUFFIX = re.compile(r"\.(py|pyc|pl|rb|js|mjs|cjs|php|sh|tcl|lua|R|jar)\Z")
JAVA = re.compile(r"java\Z")
VALUE_OPTIONS = {
    "-W",
    "-X",
    "-I",
    "-E",
    "-r",
    "--require",
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
}


@dataclass(frozen=True)
class ProcessFacts:
    """What /proc says of a process.

    `script` is the interpreter's script or the Java main class, "" otherwise.
    """

    process_id: int
    name: str  # comm
    executable: str = ""  # path
    script: str = ""
    cgroup: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Rule:
    """One `[[rule]]`; an absent condition always holds."""

    application: str
    process: str | None = None
    unit: str | None = None
    port: int | None = None

    def holds(self, names: Sequence[str], unit: str, port: int) -> bool:
        """Whether every condition holds."""
        if self.port is not None and self.port != port:
            return False
        if self.unit is not None and not fnmatchcase(unit, self.unit):
            return False
        return self.process is None or any(fnmatchcase(name, self.process) for name in names)


class Attribution:
    """Names applications; the answers are remembered, so that a name is stable for the agent's lifetime."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._by_port = frozenset(rule.port for rule in self._rules if rule.port is not None)
        self._of_process = lru_cache(maxsize=8192)(self._name_process)

    def of_process(self, facts: ProcessFacts, port: int) -> str:
        """The application of a process; `port` is the service port of the flow."""
        key = port if self.minds_port(port) else 0
        return self._of_process(facts.name, facts.executable, facts.script, facts.unit, key)

    def minds_port(self, port: int) -> bool:
        """Whether any rule looks at this port."""
        return port in self._by_port

    def of_port(self, protocol: int, port: int) -> str:
        """The application by protocol and service port alone; "" when nothing is known."""
        for rule in self._rules:
            if rule.port == port and rule.process is None and rule.unit is None and port:
                return rule.application
        return PROTOCOLS.get(protocol) or SERVICES.get(port, "")

    def _name_process(self, name: str, executable: str, script: str, unit: str, port: int) -> str:
        program = executable.rsplit("/", 1)[-1].removesuffix(" (deleted)")
        stem = SCRIPT_SUFFIX.sub("", script.rsplit("/", 1)[-1])
        for rule in self._rules:
            if rule.holds([text for text in (name, program, stem) if text], unit, port):
                return rule.application
        for text in (program, name):
            if text in DAEMONS:
                return DAEMONS[text]
        interpreter = program or name
        if INTERPRETERS.match(interpreter) or JAVA.match(interpreter):
            if name and not (INTERPRETERS.match(name) or JAVA.match(name) or _is_cut(name, stem)):
                return name  # the program named itself
            return DAEMONS.get(stem, stem) or interpreter
        return program or name


def _is_cut(name: str, script: str) -> bool:
    """Whether comm is only the script's file name, cut to 15 octets."""
    return bool(name) and SCRIPT_SUFFIX.sub("", name) == script[:15]


def script_of(arguments: Sequence[str]) -> str:
    """The script an interpreter runs, from its command line: a path, a module (-m) or a Java main class.

    "" if none.
    """
    program = arguments[0].rsplit("/", 1)[-1] if arguments else ""
    java = bool(JAVA.search(program))
    skip = False
    for place, word in enumerate(arguments[1:], 1):
        if skip:
            skip = False
            continue
        if word in ("-c", "-e", "--eval"):
            return ""
        if word in ("-m", "-jar") and place + 1 < len(arguments):
            return arguments[place + 1]
        if word in VALUE_OPTIONS and (java or word not in ("-cp", "-p", "-I", "-E")):
            skip = True
            continue
        if word.startswith("-"):
            continue
        return word.rsplit(".", 1)[-1] if java and "/" not in word else word
    return ""


def unit_of(cgroup: str) -> str:
    """The systemd unit or scope of a cgroup path: its last component that ends so; "" if none."""
    for part in reversed(cgroup.split("/")):
        if part.endswith((".service", ".scope", ".socket", ".mount", ".swap")):
            return part
    return ""
