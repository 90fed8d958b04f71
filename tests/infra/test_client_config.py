"""What the settings become for confluent-kafka; nothing connects."""

from aiokafka import codec

from infra import kafka
from infra.settings import Settings


def test_local_broker_needs_no_security() -> None:
    config = kafka.client_config(Settings())
    assert config["bootstrap.servers"] == "127.0.0.1:9392"
    assert config["security.protocol"] == "PLAINTEXT"
    assert not [name for name in config if name.startswith(("sasl.", "ssl."))]


def test_cluster_settings_reach_the_client() -> None:
    config = kafka.client_config(
        Settings(
            kafka_bootstrap="a:1,b:2",
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-512",
            kafka_username="line",
            kafka_password="secret",
            kafka_ca_file="/ca.pem",
        )
    )
    assert config["bootstrap.servers"] == "a:1,b:2"
    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (config["sasl.username"], config["sasl.password"]) == ("line", "secret")
    assert config["ssl.ca.location"] == "/ca.pem"


def test_people_are_told_nothing_of_the_inside_of_the_client() -> None:
    """A queue that is purged at the end of a command stood between the lines of its answer."""
    assert kafka.client_config(Settings())["log_level"] == 4  # warnings


def test_client_returns_within_a_second_of_the_broker() -> None:
    assert kafka.client_config(Settings())["reconnect.backoff.max.ms"] <= 1000


def test_faust_reads_whatever_codec_an_outside_producer_chose() -> None:
    assert all(has() for has in (codec.has_gzip, codec.has_snappy, codec.has_lz4, codec.has_zstd))
