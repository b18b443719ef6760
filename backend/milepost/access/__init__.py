"""People, roles, scopes, tokens."""
