"""What is meant to happen: handling units with their EPCs, trips, expected lists, door appointments."""
