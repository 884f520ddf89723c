"""The one exception root of the ospf package.

OspfError
├── OspfDecodeError     octets from the network that are not what the RFC says
├── OspfEncodeError     values of ours that do not fit the wire
├── OspfForbiddenSend   the listener was about to say something that could change routing
├── OspfArchiveError    octets that are no archive of LSAs, or a value that does not fit one
├── OspfCaptureError    a capture that cannot be read, or holds no OSPF; the text says at which packet
├── OspfConfigError     an attachment's configuration is wrong
└── OspfAttachError     an attachment cannot be opened (no CAP_NET_RAW, no such interface, ...)
"""


class OspfError(Exception):
    """Anything the ospf package refuses."""


class OspfDecodeError(OspfError):
    """Octets from the network that are not what RFC 2328 appendix A says; `reason` names the field."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OspfEncodeError(OspfError):
    """A value that does not fit its field."""


class OspfForbiddenSend(OspfError):
    """The send guard refused a packet: a listener says Hello, empty DD, LSR and LSAck, nothing else."""


class OspfArchiveError(OspfError):
    """What is read is no archive of LSAs, or a value does not fit one."""


class OspfCaptureError(OspfError):
    """A capture file that cannot be read; the text says at which packet."""


class OspfConfigError(OspfError):
    """A key of an attachment's configuration has a value outside its range."""


class OspfAttachError(OspfError):
    """The interface or port cannot be opened; the text says what to do about it."""
