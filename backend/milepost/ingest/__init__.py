"""From the broker to the sinks: a durable spool, acknowledgements, and nothing lost between."""
