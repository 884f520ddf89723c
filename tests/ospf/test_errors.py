import inspect

from ospf import errors


def test_one_root_and_every_class_in_the_tree_of_the_docstring() -> None:
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == "ospf.errors"]
    assert all(issubclass(c, errors.OspfError) for c in classes)
    assert all(c.__name__ in (errors.__doc__ or "") for c in classes)


def test_decode_error_carries_its_reason() -> None:
    assert errors.OspfDecodeError("LSA checksum").reason == "LSA checksum"
