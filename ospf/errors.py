"""The one exception root of the ospf package."""


class OspfError(Exception):
    """Anything the ospf package refuses."""


class OspfDecodeError(OspfError):
    """Octets from the network that are not what RFC 2328 appendix A says; `reason` names the field."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
