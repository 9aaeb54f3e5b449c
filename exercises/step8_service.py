"""Write a service that welcomes every newcomer, and none of them twice.

Finish ``Welcome``. To the first message of each sender it sends
``{'sender': 'host', 'contents': 'welcome, red'}`` to the same topic. It welcomes neither bots nor
itself. It may be stopped and started again, and must not welcome anybody a second time. Where can
it look up who was welcomed before? This method is called before the first record, and
``read_back(topic)`` gives all records that are on the topic by now (``schema=self.schema`` leaves
out what does not fit)::

    def start_at(self, partitions):
        ...
        return {}

Look there for the welcomes, not for who has spoken: what was said while the service was stopped is
on the topic, too, and is still to be answered.
"""

from bots import is_from_bot
from processing.replay import read_back
from services import Service


class Welcome(Service):
    def on_message(self, record):
        pass  # your turn: self.send(self.topic, {...}, headers=[('bot', b'host')])


# --- the check: leave it as it is ---


def test_welcome(topic, say, hear):
    from producer import send_msg

    def welcomed():
        heard = [message for message in hear() if message != {'some': 'dict'}]
        return [message['contents'] for message in heard if message['sender'] == 'host']

    send_msg(topic, {'some': 'dict'}, block=True)
    try:
        Welcome(topic, group_id='welcome', offset='earliest').run(timeout=0.5)
    except (KeyError, TypeError) as error:
        raise AssertionError(
            f"A message without a sender, {{'some': 'dict'}}, ended the service: {error!r}. "
            'With schema=self.schema, read_back leaves such messages out.'
        ) from None
    with Welcome(topic, group_id='welcome', offset='earliest') as service:
        for sender in ('red', 'blue', 'red'):
            say(sender, 'hello')
        say('robot', 'beep', headers=[('bot', b'robot')])
        service.run(timeout=0.5)
    found = welcomed()
    assert found, (
        'Nobody was welcomed. In on_message, call self.send(self.topic, '
        "{'sender': 'host', 'contents': ...}). If you do, whom do you take for welcomed? "
        'Not everybody in read_back: it also has messages that on_message is still to be given. '
        'Look for the welcomes in it.'
    )
    assert found == ['welcome, red', 'welcome, blue'], (
        f'Red and blue are new, and the robot is a bot (is_from_bot). It sent {found}.'
    )
    with Welcome(topic, group_id='welcome', offset='earliest') as service:
        for sender in ('blue', 'green'):
            say(sender, 'hello again')
        service.run(timeout=0.5)
    found = welcomed()
    assert found == ['welcome, green'], (
        f'After a restart it should welcome green only, and it sent {found}. '
        'In start_at, read back who was welcomed.'
    )
