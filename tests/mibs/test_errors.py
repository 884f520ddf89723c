from mibs import errors


def test_one_root() -> None:
    for kind in (errors.SnapshotError, errors.TableError):
        assert issubclass(kind, errors.MibsError)
    error = errors.BerDecodeError("cut", 12)
    assert isinstance(error, errors.MibsError)
    assert (error.reason, error.offset, str(error)) == ("cut", 12, "cut at octet 12")
