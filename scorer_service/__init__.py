"""The scorer: learns from what the line has done, tests what it learned, and publishes it as a model."""
