"""Simulated routers and hosts that speak the real wire formats to a real gateway."""
