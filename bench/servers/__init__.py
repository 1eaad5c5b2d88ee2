"""The servers under test, each started on a port of its own and stopped with its `with` block."""
