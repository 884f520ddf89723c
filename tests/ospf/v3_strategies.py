"""Arbitrary OSPFv3 values for property tests and the fuzz registry."""

from __future__ import annotations

from hypothesis import strategies as st

from ospf.lsa import Lsa, UnknownLsa
from ospf.packets import DatabaseDescription, LinkStateAck, LinkStateRequest, LinkStateUpdate, PacketBody
from ospf.v3 import lsa as v3
from ospf.v3.packets import Hello
from ospf.v3.prefix import Prefix, prefix_mask

octet = st.integers(0, 0xFF)
short = st.integers(0, 0xFFFF)
metric24 = st.integers(0, 0xFFFFFF)
word = st.integers(0, 0xFFFFFFFF)
address = st.integers(0, (1 << 128) - 1)
UNKNOWN_TYPE = st.sampled_from([0x0001, 0x2006, 0x000B, 0xA00C, 0xC123, 0x4001, 0x2005])


def prefixes(metric: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[Prefix]:
    return st.builds(
        lambda network, plen, options, m: Prefix(network & prefix_mask(plen), plen, options, m),
        address,
        st.integers(0, 128),
        octet,
        st.just(0) if metric is None else metric,
    )


router_link = st.builds(v3.RouterLink, octet, short, word, word, word)
external = st.builds(
    lambda m, t2, p, f, t, rt, ri: v3.ExternalLsa(m, t2, p, f, t, rt, ri if rt else 0),
    *(metric24, st.booleans(), prefixes(), address, word, short, word),
)
typed_bodies: st.SearchStrategy[tuple[int, v3.Body]] = st.one_of(
    st.tuples(
        st.just(v3.ROUTER), st.builds(v3.RouterLsa, octet, metric24, st.lists(router_link, max_size=4).map(tuple))
    ),
    st.tuples(
        st.just(v3.NETWORK), st.builds(v3.NetworkLsa, metric24, st.lists(word, min_size=1, max_size=4).map(tuple))
    ),
    st.tuples(st.just(v3.INTER_AREA_PREFIX), st.builds(v3.InterAreaPrefixLsa, metric24, prefixes())),
    st.tuples(st.just(v3.INTER_AREA_ROUTER), st.builds(v3.InterAreaRouterLsa, metric24, metric24, word)),
    st.tuples(st.sampled_from([v3.AS_EXTERNAL, v3.NSSA]), external),
    st.tuples(
        st.just(v3.LINK),
        st.builds(v3.LinkLsa, octet, metric24, address, st.lists(prefixes(), max_size=3).map(tuple)),
    ),
    st.tuples(
        st.just(v3.INTRA_AREA_PREFIX),
        st.builds(v3.IntraAreaPrefixLsa, short, word, word, st.lists(prefixes(short), max_size=3).map(tuple)),
    ),
    st.tuples(UNKNOWN_TYPE, st.binary(max_size=5).map(lambda data: UnknownLsa(data * 4))),
)


def _lsa(typed: tuple[int, v3.Body], lsid: int, router: int, sequence: int, age: int) -> Lsa:
    kind, body = typed
    return v3.encode_lsa(
        type=kind, link_state_id=lsid, advertising_router=router, body=body, sequence=sequence, age=age
    )


lsas = st.builds(_lsa, typed_bodies, word, word, st.integers(-0x7FFFFFFF, 0x7FFFFFFF), st.integers(0, 0xFFFF))
headers = lsas.map(lambda lsa: lsa.header)
bodies: st.SearchStrategy[PacketBody] = st.one_of(
    st.builds(
        Hello,
        *(st.just(0), short, metric24, octet, short, word, word, st.lists(word, max_size=3).map(tuple), word),
    ),
    st.builds(DatabaseDescription, short, metric24, octet, word, st.lists(headers, max_size=3).map(tuple)),
    st.builds(LinkStateRequest, st.lists(st.tuples(short, word, word), max_size=3).map(tuple)),
    st.builds(LinkStateUpdate, st.lists(lsas, max_size=3).map(tuple)),
    st.builds(LinkStateAck, st.lists(headers, max_size=3).map(tuple)),
)
