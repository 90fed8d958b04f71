"""Live experiments on the running line: how fast it is beside its peers, and what it survives."""
