"""OSPFv3 (RFC 5340): wire format, IPv6 topology, the listener's dialect."""
