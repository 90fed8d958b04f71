"""`python -m gateway.cli`: the command line where the `headway` script is not installed."""

from gateway.cli import main

main()
