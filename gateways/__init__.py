"""The outside world: the only package that opens a socket."""
