"""A solution of exercise 8."""

from bots import is_from_bot
from processing.replay import read_back
from services import Service


class Welcome(Service):
    known = frozenset()

    def start_at(self, places):
        welcomes = [
            record.value['contents'] for record in read_back(self.topic) if is_from_bot(record)
        ]
        self.known = {
            text.removeprefix('welcome, ') for text in welcomes if text.startswith('welcome, ')
        }
        return {}

    def on_message(self, record):
        sender = record.value['sender']
        if not is_from_bot(record) and sender not in self.known:
            self.known.add(sender)
            self.send(
                self.topic,
                {'sender': 'host', 'contents': f'welcome, {sender}'},
                headers=[('bot', b'host')],
            )
