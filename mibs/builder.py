"""From the gateway's tables to a snapshot.

`MibBuilder` keeps between builds what depends on the set of rows only: sorted order, encoded names, sort
keys and the layout of the tree.  As long as no row comes or goes, a build encodes values and joins
octets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mibs import anemone, ifmib, system
from mibs.columns import RowSet, row_set
from mibs.snapshot import Layout, encode_snapshot, layout_of, make_layout
from mibs.tables import (
    ApplicationTable,
    GatewayScalars,
    InterfaceTable,
    LinkApplicationTable,
    LinkTable,
    SystemGroup,
)

Column = Sequence[int] | NDArray[Any]


@dataclass
class BuildStats:
    """Counts of `MibBuilder`."""

    builds: int = 0
    layouts: int = 0  # builds that had to lay the tree out anew
    rows: int = 0  # instances in the last snapshot
    octets: int = 0  # its size


class MibBuilder:
    def __init__(self) -> None:
        self.stats = BuildStats()
        self._row_sets: dict[str, tuple[tuple[NDArray[Any], ...], RowSet]] = {}
        self._layout: Layout | None = None
        self._interfaces_changed = 0.0

    def build(
        self,
        system_group: SystemGroup,
        interfaces: InterfaceTable,
        links: LinkTable,
        applications: ApplicationTable,
        link_applications: LinkApplicationTable,
        gateway_scalars: GatewayScalars,
        *,
        now: float,
    ) -> bytes:
        """The snapshot's octets.  `now` is the epoch second of this build.

        Raises TableError when columns differ in length, a row appears twice, an index is out of range.
        """
        known = self._row_sets.get("interfaces")
        interface_rows = self._rows("interfaces", interfaces.ifindex)
        if known is not None and interface_rows is not known[1]:
            self._interfaces_changed = now  # RFC 2863 ifTableLastChange; 0 until the first change
        stack = self._rows("stack", *_stack_index(interfaces.ifindex))
        sections = [
            *system.system_sections(system_group),
            *system.snmp_sections(),
            *ifmib.interface_sections(interfaces, interface_rows, stack, self._interfaces_changed),
            *anemone.gateway_sections(gateway_scalars, links, applications),
            *anemone.link_sections(links, self._rows("links", links.ifindex)),
            *anemone.application_sections(applications, self._rows("applications", applications.id)),
            *anemone.link_application_sections(
                link_applications,
                self._rows("link_applications", link_applications.ifindex, link_applications.application),
            ),
        ]
        sections.sort(key=lambda section: section.object)
        if self._layout is None or self._layout.sections != layout_of(sections):
            self._layout = make_layout(sections)
            self.stats.layouts += 1
        octets = encode_snapshot(sections, self._layout, now)
        self.stats.builds += 1
        self.stats.rows = sum(section.rows for section in sections)
        self.stats.octets = len(octets)
        return octets

    def _rows(self, table: str, *index: Column) -> RowSet:
        columns = tuple(np.array(column) for column in index)
        known = self._row_sets.get(table)
        if known is not None and all(map(np.array_equal, known[0], columns)):
            return known[1]
        rows = row_set(*columns)
        self._row_sets[table] = (columns, rows)
        return rows


def _stack_index(ifindex: Column) -> tuple[NDArray[Any], NDArray[Any]]:
    """ifStackTable of interfaces with nothing above and nothing below: (0, i) and (i, 0)."""
    index = np.asarray(ifindex, dtype=np.int64)
    none = np.zeros_like(index)
    return np.concatenate((none, index)), np.concatenate((index, none))
