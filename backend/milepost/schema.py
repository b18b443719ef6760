"""Every table of the SQL database, loaded for migrations and for the guard of the scopes."""

from importlib import import_module
from importlib.util import find_spec

_SUBJECTS = (
    "access", "ingest", "telemetry", "fleet", "masterdata", "plan", "evidence", "orders", "clocks", "notify", "alerts",
    "reports", "care", "live",
)  # fmt: skip


def load_tables() -> None:
    """Import `milepost.<subject>.tables` of every subject that has one, so that `db.metadata` is complete."""
    for subject in _SUBJECTS:
        if find_spec(f"milepost.{subject}") and find_spec(f"milepost.{subject}.tables"):
            import_module(f"milepost.{subject}.tables")
