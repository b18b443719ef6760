"""The outbox of messages: templates, channels."""
