"""All settings of the service, in one place; read from the environment (`MILEPOST_*`) and checked at start."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def runtime_dir() -> Path:
    """Folder for sockets and pid files: `$XDG_RUNTIME_DIR/milepost`, else `$TMPDIR/milepost-<uid>`."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) / "milepost" if base else Path(tempfile.gettempdir()) / f"milepost-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


class Settings(BaseSettings):
    """What an installation decides; every value has a default that runs on one machine."""

    model_config = SettingsConfigDict(env_prefix="MILEPOST_", extra="forbid")

    data_dir: Path = Field(Path("milepost-data"), description="databases, spool and broker files live here")
    database_url: str | None = Field(None, description="SQLAlchemy URL; default: SQLite in data_dir")
    http_host: str = "127.0.0.1"
    http_port: int = Field(8080, ge=0, le=65535, description="0 takes a free port")
    broker_url: str | None = Field(None, description="mqtt://host:port; default: the embedded broker")
    broker_user: str = "mp-ingest"
    broker_password: SecretStr | None = None
    embedded_broker_host: str | None = Field(None, description="where devices reach it; default: http_host")
    embedded_broker_port: int = Field(0, ge=0, le=65535, description="0 takes a free port")
    mosquitto_password_file: Path | None = Field(None, description="of your Mosquitto; devices get accounts there")
    mosquitto_acl_file: Path | None = None
    mosquitto_pid_file: Path | None = Field(None, description="to make Mosquitto read the two files again")
    nats_users_file: Path | None = Field(None, description="of your nats-server; devices get accounts there")
    nats_pid_file: Path | None = Field(None, description="to make nats-server read it again")
    ingest_parts: str = Field("0-f", description="topic parts this process ingests, as hex digits: 0-7,a")
    spool_sync_ms: int = Field(20, ge=1, le=1000, description="longest wait of a message for its sync")
    telemetry_url: str | None = Field(
        None, description="influx://host:8086/ORG?bucket=NAME (influxs:// for TLS); default: SQLite in data_dir"
    )
    telemetry_token: SecretStr | None = Field(None, description="of the sink: may write the bucket")
    telemetry_read_token: SecretStr | None = Field(None, description="of the history: may read the bucket")
    telemetry_process: str = Field(
        "auto",
        pattern="^(auto|on|off)$",
        description="whether a process of its own writes telemetry; auto: with InfluxDB and more than one CPU",
    )
    raw_days: int = Field(30, ge=1, le=3650, description="how long readings are kept one by one")
    minute_days: int = Field(400, ge=1, le=36500, description="how long one position a minute is kept")
    spool_max_mb: int = Field(20_000, ge=64, description="most that the spool may take on disk")
    disk_warn_mb: int = Field(1024, ge=16, description="free space below which operators are warned")
    disk_stop_mb: int = Field(256, ge=8, description="free space below which nothing is acknowledged any more")
    jt808_port: int | None = Field(None, ge=0, le=65535, description="TCP port for JT/T 808 terminals; default: closed")
    jt808_host: str | None = Field(None, description="where terminals reach it; default: http_host")
    router_url: str | None = Field(
        None, description="osrm+http://host:5000 or valhalla+http://host:8002; without it arrivals are guessed"
    )
    worker: str = Field("", pattern=r"^[a-z0-9-]{0,24}$", description="name of this process among several")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="HTTP port of `milepost ingest`: metrics, health, phones; default: closed"
    )
    metrics_token: SecretStr | None = Field(
        None, description="bearer token for /metrics; without one only this host may read it"
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug traces every batch")
    log_format: str = Field("text", pattern="^(text|json)$", description="text for people, json for collectors")
    session_hours: timedelta = Field(timedelta(hours=12), description="life of a browser session")
    time_zone: str = Field(
        "Asia/Shanghai", description="IANA zone of the company: of its rules and of what people read"
    )
    company: str = Field("Milepost", description="name shown on pages and papers")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, ValueError, OSError):
            raise ValueError(f"time_zone {name!r} is not known; use a name like Asia/Shanghai") from None
        return name

    @property
    def sql_url(self) -> str:
        """The database of orders and fleet as an SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'milepost.db'}"
