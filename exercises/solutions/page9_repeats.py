"""A solution of exercise 9."""

from alerts import AlertService


class EchoAlertService(AlertService):
    alert_type = 'echo'
    duration = 60.0

    def new_state(self):
        return {}

    def process_message(self, message):
        sender, contents = message.value['sender'], message.value['contents']
        before, when = self.state.get(contents, (sender, self.now))
        self.state[contents] = (sender, self.now)
        if before != sender and self.now - when < self.duration:
            self.repeated = before
            self.emit_alert(message)

    def get_alert_message(self, message):
        return f'{message.value["sender"]} repeats {self.repeated}'
