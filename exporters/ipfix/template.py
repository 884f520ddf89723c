"""Templates (RFC 7011 3.4) and the cache a collecting process keeps of them (RFC 7011 8).

`TemplateCache` belongs to one transport session; it is keyed by (observation domain, template id).
Redefinition over UDP replaces and is counted (RFC 7011 8.4 tells collectors to expect it when ids are
reused after a restart); withdrawals (RFC 7011 8.1) remove; a lifetime, when given, removes what was not
refreshed.  Memory is fixed: caps on the number of templates and on the sum of their fields, the longest
unrefreshed template goes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from exporters.ipfix.elements import Element
from exporters.ipfix.types import VARIABLE

TEMPLATE_SET: Final = 2  # RFC 7011 3.3.2
OPTIONS_SET: Final = 3
FIRST_DATA_SET: Final = 256


@dataclass(frozen=True, slots=True)
class Field:
    """One field specifier: `length` in octets, 65535 = variable."""

    element: Element
    length: int


@dataclass(frozen=True)
class Template:
    """A template (scope_count 0) or an options template (its first `scope_count` fields are the scope)."""

    template_id: int
    fields: tuple[Field, ...]
    scope_count: int = 0

    @cached_property
    def fixed_length(self) -> int | None:
        """Octets of a record, None when a field is variable."""
        if any(field.length == VARIABLE for field in self.fields):
            return None
        return sum(field.length for field in self.fields)

    @cached_property
    def minimum_length(self) -> int:
        """Octets of the shortest record: a variable field takes at least its one length octet."""
        return sum(1 if field.length == VARIABLE else field.length for field in self.fields)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names: the element's, with "#2", "#3" when an element occurs again."""
        seen: dict[str, int] = {}
        names = []
        for field in self.fields:
            name = field.element.name
            seen[name] = count = seen.get(name, 0) + 1
            names.append(name if count == 1 else f"{name}#{count}")
        return tuple(names)


@dataclass
class CacheStats:
    """What happened to templates."""

    templates: int = 0  # new ones installed
    refreshed: int = 0  # sent again, unchanged
    redefinitions: int = 0  # the id was in use with other fields
    withdrawals: int = 0  # removed at the exporter's request
    unknown_withdrawals: int = 0  # asked for, but not there
    expired: int = 0  # lifetime over
    evicted: int = 0  # pushed out by a cap


@dataclass(slots=True)
class _Cached:
    template: Template
    refreshed_at: float


class TemplateCache:
    """Templates of one transport session.

    `lifetime` in seconds since the last refresh, None = as long as the session (TCP, SCTP, files).
    """

    def __init__(
        self,
        *,
        max_templates: int = 1024,
        max_fields: int = 32768,
        lifetime: float | None = None,
        stats: CacheStats | None = None,
    ) -> None:
        self.stats = CacheStats() if stats is None else stats
        self._max_templates = max_templates
        self._max_fields = max_fields
        self._lifetime = lifetime
        self._fields = 0
        self._cached: dict[tuple[int, int], _Cached] = {}  # least recently refreshed first

    def __len__(self) -> int:
        return len(self._cached)

    def __iter__(self) -> Iterator[tuple[int, Template]]:
        """(observation domain, template) of everything cached."""
        return ((odid, cached.template) for (odid, _), cached in self._cached.items())

    def get(self, odid: int, template_id: int, now: float) -> Template | None:
        """The template in force, None when there is none or its lifetime is over."""
        cached = self._cached.get((odid, template_id))
        if cached is None:
            return None
        if self._lifetime is not None and now - cached.refreshed_at > self._lifetime:
            self._remove((odid, template_id))
            self.stats.expired += 1
            return None
        return cached.template

    def install(self, odid: int, template: Template, now: float) -> Template:
        """Define or refresh a template; returns the object in force (the old one if nothing changed)."""
        key = (odid, template.template_id)
        cached = self._cached.get(key)
        if cached is not None:
            self._remove(key)
            if cached.template == template:
                self.stats.refreshed += 1
                template = cached.template
            else:
                self.stats.redefinitions += 1
        else:
            self.stats.templates += 1
        self._cached[key] = _Cached(template, now)
        self._fields += len(template.fields)
        while len(self._cached) > self._max_templates or (self._fields > self._max_fields and len(self._cached) > 1):
            self._remove(next(iter(self._cached)))
            self.stats.evicted += 1
        return template

    def withdraw(self, odid: int, template_id: int) -> bool:
        """Remove one template (RFC 7011 8.1)."""
        if (odid, template_id) not in self._cached:
            self.stats.unknown_withdrawals += 1
            return False
        self._remove((odid, template_id))
        self.stats.withdrawals += 1
        return True

    def withdraw_all(self, odid: int, *, options: bool) -> int:
        """Remove all templates, or all options templates, of a domain (RFC 7011 8.1); returns how many."""
        keys = [
            key
            for key, cached in self._cached.items()
            if key[0] == odid and (cached.template.scope_count > 0) == options
        ]
        for key in keys:
            self._remove(key)
        self.stats.withdrawals += len(keys)
        return len(keys)

    def _remove(self, key: tuple[int, int]) -> None:
        self._fields -= len(self._cached.pop(key).template.fields)
