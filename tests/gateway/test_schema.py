from exporters.ipfix.elements import element
from exporters.profiles import LINK_FLOW_V4
from gateway.schema import FLOW, HOP, TABLES, USAGE, dtypes, elements, markdown, stored


def test_every_element_named_exists() -> None:
    for table in TABLES.values():
        for name in elements(table).values():
            assert element(name).name == name


def test_the_exported_template_is_the_hop_table() -> None:
    assert set(elements(HOP).values()) == {f.element.name for f in LINK_FLOW_V4.fields}


def test_column_names_are_unique_and_documented() -> None:
    for table in TABLES.values():
        assert len({c.name for c in table}) == len(table)
        assert all(c.doc and c.unit for c in table)


def test_what_is_stored() -> None:
    assert list(stored(USAGE)) == list(dtypes(USAGE))
    assert not stored(FLOW)


def test_markdown_has_every_column() -> None:
    text = markdown()
    for table in TABLES.values():
        for column in table:
            assert f"| {column.name} |" in text
