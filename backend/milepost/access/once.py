"""A command is carried out once per Idempotency-Key of a person, however often it is sent."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from milepost.access.model import Principal
from milepost.access.tables import command_key
from milepost.db import Database
from milepost.errors import Conflict, DuplicateKey
from milepost.times import now_ms

# Longer than any client tries again. After that the same key still writes no second fact: its id comes of the key.
KEPT_MS = 30 * 86_400_000


def once(
    conn: Connection, me: Principal, key: str | None, what: str, body: Any, do: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Do a command once per Idempotency-Key of a person: the same body again gets the same answer.

    `what`: method and path. Raises DuplicateKey when the key was used with another body or for another command,
    Conflict when the first of two is still under way.
    """
    if key is None:
        return do()
    digest = _digest([what, body])
    where = (command_key.c.person_id == me.id, command_key.c.key == key)
    old = conn.execute(select(command_key).where(*where)).mappings().first()
    if old is not None:
        if old["body_hash"] != digest:
            raise DuplicateKey(f"Idempotency-Key {key!r} was used for another command; take a new one for each command")
        return json.loads(old["answer"])
    answer = do()
    kept = json.dumps(answer, ensure_ascii=False)
    row = {"person_id": me.id, "key": key, "body_hash": digest, "answer": kept, "at": now_ms()}
    try:
        conn.execute(insert(command_key).values(row))
    except IntegrityError:
        raise Conflict("the same command is being carried out just now; ask again", changed="key") from None
    return answer


def forget(db: Database, now: int | None = None) -> int:
    """Forget the answers of commands older than 30 days; returns how many. `now`: UTC ms."""
    old = command_key.c.at < (now_ms() if now is None else now) - KEPT_MS
    with db.read() as conn:
        if conn.execute(select(command_key.c.key).where(old).limit(1)).first() is None:
            return 0  # the writers' lock is not taken for nothing
    with db.tx() as conn:
        return conn.execute(delete(command_key).where(old)).rowcount


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=dict, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
