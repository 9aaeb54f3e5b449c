"""What a message costs here, and with other clients: ``make bench``."""
