"""How the line runs: settings, adapters to Kafka, Redis and models, logs, metrics and the local stack."""
