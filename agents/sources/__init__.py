"""Kernel sources the agent reads: one module each, pure parsers beside thin readers."""
