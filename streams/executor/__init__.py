"""The executor host: runs the attempts of the agent instances that are hashed to it. See docs/ARCHITECTURE.md."""
