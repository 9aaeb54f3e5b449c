"""Kafka in a Docker container for the tests, with the settings that compose.yaml has.

Kafka tells its clients the address to come back to, and the port that Docker gives out is known
only when the container runs. So the container starts as a shell that reads its commands from us,
and Kafka is started in it afterwards. When this process ends, however it ends, the shell meets the
end of its input, and the container goes.
"""

import time
from pathlib import Path
from typing import Any, Self

import yaml
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

__all__ = ['KafkaContainer', 'compose_service']

PORT = 9092
READY = b'Transitioning from RECOVERY to RUNNING'
ENDED = b'Kafka ended with status'


def compose_service() -> dict[str, Any]:
    """The one service of compose.yaml.

    ``{'image': 'apache/kafka:4.4.0', 'environment': {...}, ...}``
    """
    text = Path(__file__).parents[2].joinpath('compose.yaml').read_text(encoding='utf-8')
    service: dict[str, Any] = yaml.safe_load(text)['services']['kafka']
    return service


class KafkaContainer(DockerContainer):
    """One broker in a container.

    ``with KafkaContainer(image) as kafka: kafka.bootstrap_servers``
    """

    def __init__(self, image: str, patience: float = 90.0) -> None:
        # The reaper is an image of its own; here the container ends itself.
        testcontainers_config.ryuk_disabled = True
        super().__init__(image, command='bash', stdin_open=True, auto_remove=True)
        self.patience = patience
        self.bootstrap_servers = ''
        self._pipes: list[Any] = []
        environment = compose_service()['environment'] | {
            # The broker speaks to itself too, for transactions, and inside the container the
            # given-out port is unknown.
            'KAFKA_LISTENERS': f'PLAINTEXT://:{PORT},INSIDE://:9094,CONTROLLER://:9093',
            'KAFKA_LISTENER_SECURITY_PROTOCOL_MAP': (
                'PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT'
            ),
            'KAFKA_INTER_BROKER_LISTENER_NAME': 'INSIDE',
        }
        self.with_envs(**environment).with_exposed_ports(PORT)

    def start(self) -> Self:
        """Start the shell, then Kafka in it; returns when Kafka is ready.

        Raises:
            TimeoutError: it was not ready in time, or ended; with the container's log.
        """
        super().start()
        container = self.get_wrapped_container()
        self._pipes = [container.attach_socket(params={'stdin': 1, 'stream': 1})]
        self._pipes.append(getattr(self._pipes[0], '_sock', self._pipes[0]))
        self.bootstrap_servers = f'{self.get_container_host_ip()}:{self.get_exposed_port(PORT)}'
        advertised = f'PLAINTEXT://{self.bootstrap_servers},INSIDE://localhost:9094'
        run = f'{{ /etc/kafka/docker/run </dev/null; echo {ENDED.decode()} $?; }} &'
        script = f'export KAFKA_ADVERTISED_LISTENERS={advertised}\n{run}\n'
        self._pipes[-1].sendall(script.encode())
        deadline = time.monotonic() + self.patience
        while READY not in (log := container.logs()):
            if ENDED in log or time.monotonic() > deadline:
                raise TimeoutError(
                    f'Kafka in {self.image} was not ready within {self.patience:g} s:\n'
                    f'{log.decode(errors="replace")}'
                )
            time.sleep(0.1)
        return self

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        """End the container; it removes itself, with what it stored."""
        import docker

        if self._container:
            try:
                self._container.kill()
                self._container.wait(condition='removed', timeout=30)
            except (docker.errors.NotFound, docker.errors.APIError):  # gone already
                pass
            for pipe in self._pipes:
                pipe.close()
        self.get_docker_client().client.close()
