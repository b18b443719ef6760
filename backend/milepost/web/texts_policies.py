"""What each key of the policies is called; part of `TEXTS`."""

from milepost.clocks.key_words import KEY_NAMES

POLICY_TEXTS: dict[str, tuple[str, str]] = {f"policy.key.{key}": names for key, names in KEY_NAMES.items()}
