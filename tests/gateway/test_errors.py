from gateway.errors import ConfigError, GatewayError


def test_one_root() -> None:
    assert issubclass(ConfigError, GatewayError)
