"""Wire formats of flow export, both ways, and exporting processes."""
