"""The revisions build the schema that the tables declare, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import milepost.db
from milepost.db import REVISIONS, Database, metadata, revision
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


def test_the_revisions_are_known_by_their_files_and_a_database_says_which_it_has(empty):
    config = Config()
    config.set_main_option("script_location", str(Path(milepost.db.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert list(REVISIONS) == [each.revision for each in scripts.walk_revisions()][::-1]
    with empty.read() as conn:
        assert revision(conn) is None
    empty.migrate()
    with empty.read() as conn:
        assert revision(conn) == REVISIONS[-1]
