"""The revisions build the schema that the tables declare, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from milepost.db import Database, metadata
from milepost.schema import load_tables


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path: Path):
    """An empty database of each kind."""
    url = f"sqlite:///{tmp_path / 'm.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    database = Database(url)
    yield database
    database.close()


def test_the_revisions_end_in_the_declared_schema(empty):
    load_tables()
    empty.migrate()
    empty.migrate()  # at every start: nothing happens the second time
    with empty.engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
