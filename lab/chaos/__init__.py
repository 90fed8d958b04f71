"""The crash campaign: processes of a line under load are killed and paused, and the topics must show no loss."""
