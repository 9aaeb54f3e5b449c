"""Write a service that welcomes newcomers, each once in a lifetime.

Finish ``Welcome``: to the first message of each sender it sends ``{'sender': 'host', 'contents': 'welcome, red'}`` to the same topic. It
welcomes neither bots nor itself. And it may be stopped and started again: who was welcomed before must not be welcomed twice, so
where can it look that up? This is called before the first record, and ``read_back(topic)`` gives all records until now::

    def start_at(self, places):
        ...
        return {}

Look there for the welcomes, not for who has spoken: what somebody said while you were away is in the log already, too.
"""

from bots import is_from_bot
from processing.replay import read_back
from services import Service


class Welcome(Service):
    def on_message(self, record):
        pass  # your turn: self.send(self.topic, {...}, headers=[('bot', b'host')])


# --- the check: leave it as it is ---


def test_welcome(topic, say, hear):
    def welcomed():
        heard = hear()
        return [message['contents'] for message in heard if message['sender'] == 'host']

    with Welcome(topic, group_id='welcome', offset='earliest') as service:
        for sender in ('red', 'blue', 'red'):
            say(sender, 'hello')
        say('robot', 'beep', headers=[('bot', b'robot')])
        service.run(timeout=0.5)
    found = welcomed()
    assert found, (
        "Nobody was welcomed. In on_message, call self.send(self.topic, {'sender': 'host', 'contents': ...}). If you do, who is known? "
        'Not everybody in read_back: it has the first messages too, those that on_message is yet to be given. Look for the welcomes in it.'
    )
    assert found == ['welcome, red', 'welcome, blue'], (
        f'Red and blue are new, the robot is a bot (is_from_bot). These were said: {found}.'
    )
    with Welcome(topic, group_id='welcome', offset='earliest') as service:
        for sender in ('blue', 'green'):
            say(sender, 'hello again')
        service.run(timeout=0.5)
    found = welcomed()
    assert found == ['welcome, green'], (
        f'Started anew it should welcome green only, and said {found}. Read back in start_at who was here.'
    )
