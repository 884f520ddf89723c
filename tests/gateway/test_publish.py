from gateway.config import parse
from gateway.pipeline import Pipeline
from gateway.publish import (
    application_columns,
    application_table,
    gateway_scalars,
    interface_columns,
    interface_table,
    link_application_table,
    link_flow_columns,
    link_table,
    system_group,
)
from mibs.builder import MibBuilder
from mibs.tree import Tree
from tests.gateway.agentwire import AgentWire
from tests.gateway.small import diamond

T = 1_700_000_000.0
CONFIG = parse({"export": [{"to": "udp://127.0.0.1:9"}], "links": {"capacity": {"10.255.0.1:10.0.12.1": 1e9}}})


def loaded():
    pipeline, h1 = Pipeline(CONFIG, T), AgentWire("h1", "10.1.1.10")
    pipeline.receive_topology(diamond(1, T))
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1000, 1, 500, 1)), T + 5)
    return pipeline, pipeline.advance(T + 20)


def test_the_tables_agree_with_each_other() -> None:
    pipeline, _ = loaded()
    p = pipeline.published(T + 20)
    interfaces, links, cells = interface_table(p, CONFIG), link_table(p), link_application_table(p)
    assert list(interfaces.out_octets) == list(links.octets)
    for index, octets in zip(links.ifindex, links.octets, strict=True):
        mine = [int(o) for i, o in zip(cells.ifindex, cells.octets, strict=True) if i == index]
        assert sum(mine) == octets
    assert interfaces.speed_bps[p.links.id.index("10.255.0.1:10.0.12.1")] == 1e9
    assert "web" in application_table(p).name
    assert gateway_scalars(p).routers == 4 and gateway_scalars(p).agents == 1


def test_a_snapshot_is_built_from_them() -> None:
    pipeline, _ = loaded()
    p = pipeline.published(T + 20)
    octets = MibBuilder().build(
        system_group(CONFIG), interface_table(p, CONFIG), link_table(p), application_table(p),
        link_application_table(p), gateway_scalars(p), now=T + 20,
    )  # fmt: skip
    assert Tree(octets)


def test_export_columns_are_named_by_element() -> None:
    pipeline, closed = loaded()
    columns = link_flow_columns(closed.hops)
    assert len(columns["layer2OctetDeltaCount"]) == len(closed.hops) > 0
    p = pipeline.published(T + 20)
    assert set(columns["egressInterface"].tolist()) <= set(interface_columns(p)["ingressInterface"].tolist())
    named = application_columns(p)
    assert set(columns["applicationId"].tolist()) <= set(named["applicationId"].tolist())
