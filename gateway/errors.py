"""The one exception root of the gateway package."""


class GatewayError(Exception):
    """Anything the gateway refuses; the text says what and how to mend it."""


class ConfigError(GatewayError):
    """A configuration that cannot be used; names the dotted key and what is allowed."""
