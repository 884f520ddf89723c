"""The classic BPF programs of the packet sockets: everything that is not TCP, and the SYNs this host opens with.

cBPF (linux/filter.h) runs in the kernel for every packet, so it is kept to a handful of instructions: TCP leaves
after four of them.  Offsets are relative to the network header (SKF_NET_OFF): the link layer does not matter.
Left out: IPv6 extension headers; TCP behind them passes the first filter and is dropped by `agents.packets`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

INSTRUCTION = struct.Struct("=HBBI")
LD_W_ABS, LD_H_ABS, LD_B_ABS, LD_B_IND = 0x20, 0x28, 0x30, 0x50
AND_K, LSH_K, TAX, JEQ_K, JSET_K, RET_K = 0x54, 0x64, 0x07, 0x15, 0x45, 0x06
AD_OFF, NET_OFF = 0xFFFFF000, 0xFFF00000  # SKF_AD_OFF, SKF_NET_OFF
AD_PROTOCOL, AD_PACKET_TYPE = 0, 4
PACKET_OUTGOING = 4
ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD
TCP, SYN, ACK = 6, 0x02, 0x10
FRAGMENT_OFFSET = 0x1FFF

Line = tuple[str, int, int, str, str]  # label, operation, constant, where to if true, if false ("" = the next line)


def not_tcp_program(snap_octets: int) -> bytes:
    """IP but not TCP, both directions, cut to `snap_octets` from the link header on: `struct sock_filter[]`."""
    return assemble(
        (
            ("", LD_W_ABS, AD_OFF + AD_PROTOCOL, "", ""),
            ("", JEQ_K, ETHERTYPE_IPV4, "v4", ""),
            ("", JEQ_K, ETHERTYPE_IPV6, "v6", "drop"),
            ("v4", LD_B_ABS, NET_OFF + 9, "", ""),
            ("", JEQ_K, TCP, "drop", "keep"),
            ("v6", LD_B_ABS, NET_OFF + 6, "", ""),
            ("", JEQ_K, TCP, "drop", "keep"),
            ("keep", RET_K, snap_octets, "", ""),
            ("drop", RET_K, 0, "", ""),
        )
    )


def opening_program(snap_octets: int) -> bytes:
    """Outgoing TCP segments with SYN and without ACK: `struct sock_filter[]`."""
    return assemble(
        (
            ("", LD_W_ABS, AD_OFF + AD_PACKET_TYPE, "", ""),
            ("", JEQ_K, PACKET_OUTGOING, "", "drop"),
            ("", LD_W_ABS, AD_OFF + AD_PROTOCOL, "", ""),
            ("", JEQ_K, ETHERTYPE_IPV4, "v4", ""),
            ("", JEQ_K, ETHERTYPE_IPV6, "v6", "drop"),
            ("v4", LD_B_ABS, NET_OFF + 9, "", ""),
            ("", JEQ_K, TCP, "", "drop"),
            ("", LD_H_ABS, NET_OFF + 6, "", ""),
            ("", JSET_K, FRAGMENT_OFFSET, "drop", ""),
            ("", LD_B_ABS, NET_OFF, "", ""),
            ("", AND_K, 0x0F, "", ""),
            ("", LSH_K, 2, "", ""),
            ("", TAX, 0, "", ""),
            ("", LD_B_IND, NET_OFF + 13, "", ""),
            ("", AND_K, SYN | ACK, "", ""),
            ("", JEQ_K, SYN, "keep", "drop"),
            ("v6", LD_B_ABS, NET_OFF + 6, "", ""),
            ("", JEQ_K, TCP, "", "drop"),
            ("", LD_B_ABS, NET_OFF + 40 + 13, "", ""),
            ("", AND_K, SYN | ACK, "", ""),
            ("", JEQ_K, SYN, "keep", "drop"),
            ("keep", RET_K, snap_octets, "", ""),
            ("drop", RET_K, 0, "", ""),
        )
    )


def assemble(lines: Sequence[Line]) -> bytes:
    """Lines with labels to instructions with jump distances."""
    place = {line[0]: index for index, line in enumerate(lines) if line[0]}
    code = b""
    for index, (_, operation, constant, true, false) in enumerate(lines):
        jump = [place[label] - index - 1 if label else 0 for label in (true, false)]
        code += INSTRUCTION.pack(operation, jump[0], jump[1], constant & 0xFFFFFFFF)
    return code
