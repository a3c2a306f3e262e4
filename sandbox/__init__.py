"""Stand in for Toss Payments on this machine: no money moves."""
