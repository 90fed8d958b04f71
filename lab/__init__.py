"""Live experiments on a line of their own: benchmarks against named peers, and the crash campaign."""
