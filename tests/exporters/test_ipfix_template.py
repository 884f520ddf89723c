"""exporters/ipfix/template.py: lengths, names, and the life of a cached template."""

from __future__ import annotations

from exporters.ipfix.elements import by_id
from exporters.ipfix.template import CacheStats, Field, Template, TemplateCache
from exporters.ipfix.types import VARIABLE


def make(template_id: int = 256, fields: int = 2, scope_count: int = 0, length: int = 4) -> Template:
    return Template(template_id, tuple(Field(by_id(0, 1 + i), length) for i in range(fields)), scope_count)


def test_lengths() -> None:
    assert make(fields=3).fixed_length == make(fields=3).minimum_length == 12
    mixed = Template(256, (Field(by_id(0, 1), 8), Field(by_id(0, 96), VARIABLE)))
    assert mixed.fixed_length is None
    assert mixed.minimum_length == 9


def test_an_element_may_occur_again() -> None:
    twice = Template(256, (Field(by_id(0, 1), 8), Field(by_id(0, 1), 4), Field(by_id(0, 1), 2)))
    assert twice.names == ("octetDeltaCount", "octetDeltaCount#2", "octetDeltaCount#3")


def test_define_refresh_redefine() -> None:
    cache = TemplateCache()
    first = cache.install(1, make(), 0.0)
    assert cache.install(1, make(), 1.0) is first
    assert cache.install(1, make(fields=3), 2.0) is not first
    assert (cache.stats.templates, cache.stats.refreshed, cache.stats.redefinitions) == (1, 1, 1)
    assert len(cache) == 1


def test_domains_do_not_share() -> None:
    cache = TemplateCache()
    cache.install(1, make(), 0.0)
    assert cache.get(2, 256, 0.0) is None
    cache.install(2, make(fields=5), 0.0)
    assert cache.stats.redefinitions == 0
    assert sorted((odid, len(template.fields)) for odid, template in cache) == [(1, 2), (2, 5)]


def test_lifetime_runs_from_the_last_refresh() -> None:
    cache = TemplateCache(lifetime=100.0)
    cache.install(1, make(), 0.0)
    assert cache.get(1, 256, 100.0)
    cache.install(1, make(), 100.0)
    assert cache.get(1, 256, 200.0)
    assert cache.get(1, 256, 200.1) is None
    assert cache.stats.expired == 1
    assert len(cache) == 0


def test_without_lifetime_it_stays() -> None:
    cache = TemplateCache(lifetime=None)
    cache.install(1, make(), 0.0)
    assert cache.get(1, 256, 1e12)


def test_withdrawals() -> None:
    cache = TemplateCache()
    for template_id in (256, 257):
        cache.install(1, make(template_id), 0.0)
    cache.install(1, make(258, scope_count=1), 0.0)
    cache.install(2, make(256), 0.0)
    assert cache.withdraw(1, 256)
    assert not cache.withdraw(1, 256)
    assert cache.withdraw_all(1, options=False) == 1
    assert cache.get(1, 258, 0.0)
    assert cache.withdraw_all(1, options=True) == 1
    assert (cache.stats.withdrawals, cache.stats.unknown_withdrawals) == (3, 1)
    assert [odid for odid, _ in cache] == [2]


def test_the_number_of_templates_is_capped_oldest_unrefreshed_first() -> None:
    cache = TemplateCache(max_templates=3)
    for template_id in (256, 257, 258):
        cache.install(1, make(template_id), 0.0)
    cache.install(1, make(256), 1.0)  # refreshed: now the youngest
    cache.install(1, make(259), 2.0)
    assert sorted(template.template_id for _, template in cache) == [256, 258, 259]
    assert cache.stats.evicted == 1


def test_the_sum_of_fields_is_capped() -> None:
    cache = TemplateCache(max_fields=100)
    for template_id in range(256, 300):
        cache.install(1, make(template_id, fields=30), 0.0)
    assert len(cache) == 3
    assert cache.stats.evicted == 41


def test_stats_may_be_shared() -> None:
    stats = CacheStats()
    TemplateCache(stats=stats).install(1, make(), 0.0)
    assert stats.templates == 1
