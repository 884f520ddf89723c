"""The gateway in a network of several areas, instances and protocol versions: harness, story and case file."""
