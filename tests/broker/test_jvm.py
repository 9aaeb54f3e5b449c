"""How a class of Kafka is run."""

import pytest

from broker import jvm


def test_kafka_gets_no_orders_from_a_learners_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings of a client nor Java's own variables reach the broker; the rest does."""
    kept_out = {'KAFKA_BOOTSTRAP_SERVERS', 'KAFKA_OPTS', 'JAVA_TOOL_OPTIONS', 'CLASSPATH'}
    for name in kept_out:
        monkeypatch.setenv(name, 'x')
    monkeypatch.setenv('HARMLESS', 'y')
    assert kept_out & jvm.java_environment().keys() == set()
    assert jvm.java_environment()['HARMLESS'] == 'y'
