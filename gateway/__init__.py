"""Gateway program: collect, join, view, store, serve."""
