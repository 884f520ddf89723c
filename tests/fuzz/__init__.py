"""Mutated packets for every decoder, by the hundred thousand (`make bench`) and the ten million (`make soak`)."""
