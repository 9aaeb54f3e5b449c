"""A solution of exercise 8."""

from bots import is_from_bot
from processing.replay import read_back
from services import Service


class Welcome(Service):
    def start_at(self, partitions):
        self.known = set()
        for record in read_back(self.topic, schema=self.schema):
            contents = record.value['contents']
            if is_from_bot(record) and contents.startswith('welcome, '):
                self.known.add(contents.removeprefix('welcome, '))
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
