"""A solution of exercise 7."""

from alerts import AlertService


class ShoutingAlertService(AlertService):
    alert_type = 'shouting'

    def process_message(self, message):
        letters = [character for character in message.value['contents'] if character.isalpha()]
        if len(letters) >= 5 and all(letter.isupper() for letter in letters):
            self.emit_alert(message)

    def get_alert_message(self, message):
        return f'{message.value["sender"]} is shouting'
