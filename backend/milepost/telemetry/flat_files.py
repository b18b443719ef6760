"""Flat rows into CSV and Parquet files, and readings back out of Parquet."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from milepost.cells import safe
from milepost.errors import Invalid, Unavailable
from milepost.telemetry.flat import READING_COLUMNS, Row, from_row
from milepost.telemetry.instants import written_one
from milepost.telemetry.model import Judged

_BATCH = 20_000


def csv_of(pages: Iterable[list[Row]], columns: Mapping[str, str], zone: ZoneInfo | None) -> Iterator[str]:
    """CSV (RFC 4180, UTF-8) of rows; times in `zone`, UTC for None. What a spreadsheet would run is neutralised."""
    yield ",".join(columns) + "\r\n"
    times = [name for name, kind in columns.items() if kind == "time"]
    for page in pages:
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        for row in page:
            cells = row | {name: written_one(row[name], zone) for name in times}
            writer.writerow([safe("" if (cell := cells[name]) is None else cell) for name in columns])
        yield out.getvalue()


def write_parquet(path: Path, pages: Iterable[list[Row]], columns: Mapping[str, str]) -> None:
    """A Parquet file of rows, a row group per page, zstd. Times are UTC instants of milliseconds.

    Raises Unavailable without pyarrow.
    """
    arrow, parquet = _arrow()
    schema = _schema(arrow, columns)
    with parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for page in pages:
            if page:
                writer.write_table(arrow.Table.from_pylist(page, schema=schema))


def readings_of_parquet(path: Path) -> Iterator[list[Judged]]:
    """The readings of a Parquet file that `export readings` made, in batches.

    Raises Invalid for a file that is none, Unavailable without pyarrow.
    """
    arrow, parquet = _arrow()
    columns = list(READING_COLUMNS)
    schema, plain = (
        _schema(arrow, READING_COLUMNS),
        _schema(arrow, {**READING_COLUMNS, "at": "int", "received_at": "int"}),
    )
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise Invalid(f"{path}: lacks the columns {', '.join(missing)}; `milepost export readings` writes them")
            for batch in file.iter_batches(_BATCH, columns=columns):
                table = arrow.Table.from_batches([batch]).select(columns).cast(schema).cast(plain)
                yield [from_row(row) for row in table.to_pylist()]
    except (
        OSError,
        ValueError,
        arrow.ArrowException,
    ) as error:  # of pyarrow: the file was there when the command began
        why = str(error).strip()
        raise Invalid(
            f"{path}: is damaged or no Parquet of readings ({why}); `milepost export readings` makes them"
        ) from None


def _schema(arrow: Any, columns: Mapping[str, str]) -> Any:
    kinds = {
        "int": arrow.int64(),
        "float": arrow.float64(),
        "text": arrow.string(),
        "time": arrow.timestamp("ms", tz="UTC"),
    }
    return arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415  (an extra, and slow to load)
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise Unavailable("Parquet needs pyarrow; install milepost[parquet], or take the format csv") from None
    return pyarrow, pyarrow.parquet
