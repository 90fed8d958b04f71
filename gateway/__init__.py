"""The front door: the command line `headway`, and what it reads from and writes to the topics."""
