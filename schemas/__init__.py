"""The vocabulary: events, their versions and ids, the topics they travel on, and the codec. Imports nothing of ours."""
