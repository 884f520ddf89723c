"""MIB texts, OID tree, SNMP codec and responder."""
