"""Alembic's entry: runs the revisions on the engine that `Database.migrate` hands over."""

from alembic import context

from milepost.db import metadata
from milepost.schema import load_tables

load_tables()

with context.config.attributes["engine"].connect() as connection:
    context.configure(
        connection=connection.execution_options(milepost_write=True),
        target_metadata=metadata,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
