"""ANEMONE-MIB.txt: clean for libsmi, readable for net-snmp, and equal to what the code serves."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from mibs import anemone, ber, ifmib
from mibs.builder import MibBuilder
from mibs.oid import ROOT, Oid, format_oid, parse_oid
from mibs.tables import LINK_KINDS, PRODUCT_GATEWAY
from mibs.tree import Tree, dump
from tests.mibs.sample import CREATED, sample_tables
from tests.require import require_programs

MIB = Path(__file__).resolve().parents[2] / "mibs" / "ANEMONE-MIB.txt"
BASE = Path(__file__).resolve().parent / "smi"
TAGS = {
    "Counter32": ber.COUNTER32,
    "Counter64": ber.COUNTER64,
    "CounterBasedGauge64": ber.COUNTER64,
    "Gauge32": ber.GAUGE32,
    "Unsigned32": ber.GAUGE32,
    "TimeStamp": ber.TIME_TICKS,
    "IpAddress": ber.IP_ADDRESS,
    "SnmpAdminString": ber.OCTET_STRING,
    "DateAndTime": ber.OCTET_STRING,
    "TruthValue": ber.INTEGER,
    "AnemoneKindOfLink": ber.INTEGER,
    "AnemoneApplicationNumber": ber.GAUGE32,
}

OBJECT = re.compile(r"^(\w+) OBJECT-TYPE\s+SYNTAX\s+(SEQUENCE OF \w+|\w+).*?MAX-ACCESS\s+([\w-]+)", re.M | re.S)
ASSIGNMENT = re.compile(r"^(\w+)\s+(?:OBJECT IDENTIFIER|MODULE-IDENTITY|OBJECT-IDENTITY|OBJECT-TYPE|OBJECT-GROUP|"
                        r"MODULE-COMPLIANCE)\b.*?::=\s*\{\s*(\w+)\s+(\d+)\s*\}", re.M | re.S)  # fmt: skip


def identifiers() -> dict[str, Oid]:
    """Descriptor -> OID, read from the text."""
    known: dict[str, Oid] = {"enterprises": (1, 3, 6, 1, 4, 1)}
    _, _, definitions = MIB.read_text().partition(";")  # after the imports
    for name, parent, arc in ASSIGNMENT.findall(definitions):
        known[name] = (*known[parent], int(arc))
    return known


def columns_and_scalars() -> dict[Oid, str]:
    """OID -> syntax of every accessible object in the text."""
    known = identifiers()
    objects = OBJECT.findall(MIB.read_text())
    assert len(objects) > 30
    return {known[name]: syntax for name, syntax, access in objects if access == "read-only"}


def served() -> dict[Oid, set[int]]:
    """Object -> tags of its instances, under our root."""
    tree = Tree(MibBuilder().build(*sample_tables(5, 3), now=CREATED))
    objects: dict[Oid, set[int]] = {}
    entries = (anemone.LINK_ENTRY, anemone.APPLICATION_ENTRY, anemone.LINK_APPLICATION_ENTRY)
    for name, tag, _ in dump(tree, lambda kind, value: b"\x43\x01\x00"):
        if name[: len(ROOT)] == ROOT:
            entry = next((e for e in entries if name[: len(e)] == e), None)
            objects.setdefault(name[: len(entry) + 1] if entry else name[:-1], set()).add(tag)
    return objects


def test_text_and_code_have_the_same_objects_and_types() -> None:
    text, code = columns_and_scalars(), served()
    assert {format_oid(oid) for oid in text} == {format_oid(oid) for oid in code}
    for oid, syntax in text.items():
        assert code[oid] == {TAGS[syntax]}, format_oid(oid)


def test_names_in_the_code_are_those_of_the_text() -> None:
    known = identifiers()
    assert known["anemoneMIB"] == ROOT
    assert known["anemoneProductGateway"] == PRODUCT_GATEWAY
    assert known["anemoneGateway"] == anemone.GATEWAY
    assert known["anemoneLinkEntry"] == anemone.LINK_ENTRY
    assert known["anemoneApplicationEntry"] == anemone.APPLICATION_ENTRY
    assert known["anemoneLinkAppEntry"] == anemone.LINK_APPLICATION_ENTRY
    kinds = re.search(r"AnemoneKindOfLink ::= .*?SYNTAX\s+INTEGER \{(.*?)\}", MIB.read_text(), re.S)
    assert kinds is not None
    named = {name: int(value) for name, value in re.findall(r"(\w+)\((\d+)\)", kinds[1])}
    assert named == {kind: i for i, kind in enumerate(LINK_KINDS, 1)}


def test_every_accessible_object_is_in_a_group() -> None:
    text = MIB.read_text()
    grouped = {name for body in re.findall(r"OBJECTS \{(.*?)\}", text, re.S) for name in re.findall(r"\w+", body)}
    accessible = {name for name, _, access in OBJECT.findall(text) if access == "read-only"}
    assert grouped == accessible


def test_last_updated_is_the_newest_revision() -> None:
    text = MIB.read_text()
    updated = re.search(r'LAST-UPDATED "(\w+)"', text)
    assert updated is not None and updated[1] == max(re.findall(r'REVISION "(\w+)"', text))


@pytest.mark.peer
def test_smilint_is_silent(tmp_path: Path) -> None:
    smilint = require_programs("smilint")["smilint"]

    def complaints(path: Path) -> str:
        # Its exit status is 0 whatever it finds: what it prints is the verdict.
        done = subprocess.run(
            [smilint, "-s", "-m", "-l", "6", str(path)],
            env={**os.environ, "SMIPATH": str(BASE)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    assert complaints(MIB) == ""
    broken = tmp_path / "ANEMONE-MIB.txt"
    broken.write_text(MIB.read_text().replace("{ anemoneLinkEntry 9 }", "{ anemoneLinkEntree 9 }"))
    assert complaints(broken)  # the check does check


@pytest.mark.peer
def test_net_snmp_reads_it() -> None:
    require_programs("snmptranslate")
    for name, oid in identifiers().items():
        if name == "enterprises":
            continue
        command = ["snmptranslate", "-M", f"{BASE}:{MIB.parent}", "-m", "ANEMONE-MIB", "-On", f"ANEMONE-MIB::{name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert parse_oid(done.stdout) == oid and done.stderr == ""


def test_if_mib_arcs() -> None:
    """RFC 2863, by hand."""
    assert format_oid(ifmib.IF_NUMBER) == "1.3.6.1.2.1.2.1"
    assert format_oid(ifmib.IF_ENTRY) == "1.3.6.1.2.1.2.2.1"
    assert format_oid(ifmib.IF_X_ENTRY) == "1.3.6.1.2.1.31.1.1.1"
    assert format_oid(ifmib.IF_STACK_STATUS) == "1.3.6.1.2.1.31.1.2.1.3"
    assert format_oid(ifmib.IF_TABLE_LAST_CHANGE) == "1.3.6.1.2.1.31.1.5"
    assert format_oid(ifmib.IF_STACK_LAST_CHANGE) == "1.3.6.1.2.1.31.1.6"
