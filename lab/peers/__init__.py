"""What the line is measured against: Celery with Redis, and a bare chain of Kafka clients, each its own process."""
