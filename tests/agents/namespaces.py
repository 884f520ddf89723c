"""Two network namespaces joined by a veth pair, programs in them, and what the kernel counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("program.py")


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


class Pair:
    """`left` (10.77.0.1, fd77::1) and `right` (10.77.0.2, fd77::2); without offloads, so that a packet is a packet."""

    def __init__(self) -> None:
        self.left, self.right = f"agtl{os.getpid()}", f"agtr{os.getpid()}"
        self.directory = Path(tempfile.mkdtemp(prefix="anemone-agent-"))
        self.children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Pair:
        try:
            self._build()
        except BaseException:  # nobody else would take down what is up already
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        for name in (self.left, self.right):
            run("ip", "netns", "add", name)
            self.inside(name, "sysctl", "-q", "-w", "net.ipv6.conf.default.accept_dad=0")
            run("ip", "-n", name, "link", "set", "lo", "up")
        run(
            "ip", "link", "add", "eth0", "netns", self.left, "type", "veth", "peer", "name", "eth0", "netns", self.right
        )
        for place, name in enumerate((self.left, self.right), 1):
            self.inside(name, "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off")
            run("ip", "-n", name, "addr", "add", f"10.77.0.{place}/24", "dev", "eth0")
            run("ip", "-n", name, "addr", "add", f"fd77::{place}/64", "dev", "eth0", "nodad")
            run("ip", "-n", name, "link", "set", "eth0", "up")

    def __exit__(self, *_: object) -> None:
        for child in reversed(self.children):
            if child.poll() is None:
                child.kill()
            child.wait()
        for name in (self.left, self.right):
            subprocess.run(("ip", "netns", "del", name), check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def inside(self, name: str, *words: str) -> str:
        """Run a command in a namespace to its end."""
        return run("ip", "netns", "exec", name, *words)

    def start(self, name: str, *words: str, log: str = "") -> subprocess.Popen[bytes]:
        """Start a command in a namespace; it ends with the pair at the latest."""
        with open(self.directory / (log or "log"), "ab") as output:
            child = subprocess.Popen(
                ("ip", "netns", "exec", name, *words),
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        self.children.append(child)
        return child

    def program(self, namespace: str, name: str, *words: str) -> subprocess.Popen[bytes]:
        """Start tests/agents/program.py under a name of its own: an agent sees an interpreter and a script."""
        script = self.directory / f"{name}.py"
        shutil.copy(PROGRAM, script)
        return self.start(namespace, sys.executable, str(script), *words, log=name)

    def agent(self, namespace: str, gateway: str, **keys: object) -> subprocess.Popen[bytes]:
        """Start an agent; `keys` are further lines of its configuration."""
        state = self.directory / namespace
        state.mkdir(exist_ok=True)
        lines = {"gateway": gateway, "state_dir": str(state), "host_name": namespace} | keys
        config = state / "agent.toml"
        config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items()))
        return self.start(namespace, sys.executable, "-m", "agents.cli", "-c", str(config), log=f"{namespace}.log")

    def wait_for(self, name: str, text: str, seconds: float = 60.0) -> None:
        """Wait until a program's log holds a text."""
        path = self.directory / name
        for _ in range(int(seconds / 0.05)):
            if path.exists() and text in path.read_text(errors="replace"):
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} never said {text!r}: {path.read_text() if path.exists() else ''}")

    def sent(self, name: str) -> tuple[int, int]:
        """(layer 3 octets, packets) that eth0 of a namespace has sent: its statistics without 14 octets a packet."""
        link = json.loads(run("ip", "-n", name, "-j", "-s", "link", "show", "eth0"))[0]
        counted = link["stats64"]["tx"]
        return counted["bytes"] - 14 * counted["packets"], counted["packets"]

    def count_ports(self, name: str, *rules: str) -> None:
        """nft counters for what comes in through eth0 of a namespace, one per rule.

        At the receiver, because the sender's hooks see a TCP frame before it is cut into segments.
        """
        lines = [f"add rule inet count in iifname eth0 {rule} counter" for rule in rules]
        table = "add table inet count\nadd chain inet count in { type filter hook prerouting priority -300; }\n"
        path = self.directory / f"{name}.nft"
        path.write_text(table + "\n".join(lines) + "\n")
        self.inside(name, "nft", "-f", str(path))

    def counted(self, name: str) -> list[int]:
        """Octets of the counters of `count_ports`, in their order."""
        document = json.loads(self.inside(name, "nft", "-j", "list", "table", "inet", "count"))
        counters = []
        for entry in document["nftables"]:
            for part in entry.get("rule", {}).get("expr", []):
                if "counter" in part:
                    counters.append(part["counter"]["bytes"])
        return counters


def stop(child: subprocess.Popen[bytes]) -> int:
    """SIGTERM and the exit status (`ip netns exec` has become the program itself)."""
    child.terminate()
    return child.wait(60)
