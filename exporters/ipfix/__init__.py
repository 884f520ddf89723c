"""IPFIX (RFC 7011): templates, messages, records as columns."""
