"""What every layer speaks: configs, statuses, tags, errors, paths, packages and feed events.

This is the bottom layer. It imports nothing else of ours, does no I/O beyond reading a YAML file
that it is given, and starts nothing. Import from its modules; this package re-exports nothing, so
that a layer pays only for what it uses.
"""
