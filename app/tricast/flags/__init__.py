"""Feature flags on the hub: an application of its public names, as any embedding user's would be.

`flag` and `body` are the model and its limits, `targeting` checks rules,
`evaluation` answers, `changes` merges edits, `files` reads and writes flagd's
files: pure, without I/O. `store` keeps flags as documents of a hub.
"""
