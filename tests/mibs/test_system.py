from mibs import ber
from mibs.columns import LIVE_COUNTER, LIVE_UPTIME
from mibs.system import SNMP, SYSTEM, snmp_sections, system_sections
from mibs.tables import SystemGroup


def test_system_group() -> None:
    group = SystemGroup(descr="d" * 300, name="gw", contact="who", location="där")
    sections = {section.object: section for section in system_sections(group)}
    assert {oid[len(SYSTEM) :] for oid in sections} == {
        *((arc,) for arc in range(1, 9)), (9, 1, 2), (9, 1, 3), (9, 1, 4)}  # fmt: skip
    assert sections[(*SYSTEM, 1)].octets.endswith(b"d" * 255)
    assert sections[(*SYSTEM, 1)].lengths[0] < 290  # DisplayString (SIZE (0..255))
    assert sections[(*SYSTEM, 6)].octets.endswith("där".encode())
    assert sections[(*SYSTEM, 3)].live == LIVE_UPTIME
    assert sections[(*SYSTEM, 7)].octets.endswith(ber.encode_integer(72))


def test_snmp_group() -> None:
    sections = snmp_sections()
    live = {section.object[-1] for section in sections if section.live == LIVE_COUNTER}
    assert {1, 3, 4, 5, 6, 31, 32} <= live  # RFC 3418 snmpGroup
    assert (*SNMP, 30) in {section.object for section in sections}
