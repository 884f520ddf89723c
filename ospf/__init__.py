"""OSPFv2: wire format, LSDB, listener, topology, paths, history."""
