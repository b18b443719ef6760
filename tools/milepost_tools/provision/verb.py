"""`milepost provision`: firmware, identity and configuration onto a board, then wait for its first record."""

import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import click

_FAILED, _DUPLICATE, _NEVER_ARRIVED = 1, 6, 9
_CA_PATH = "/ca.pem"


@click.command()
@click.option("--port", required=True, help="Serial port, or a pyserial URL (rfc2217://host:port).")
@click.option("--device", help="Device id, 1-12 of a-z 0-9 -; default: the MAC of the board.")
@click.option("--broker", required=True, help="mqtt://host:port (or mqtts://) as the board reaches it.")
@click.option("--user", help="Broker account; default: the device id.")
@click.option("--password", envvar="MILEPOST_DEVICE_PASSWORD", help="Its password; better in MILEPOST_DEVICE_PASSWORD.")
@click.option("--role", type=click.Choice(["tracker", "reader"]), default="tracker", show_default=True)
@click.option("--wifi-ssid", help="Wi-Fi network; without it the board keeps none.")
@click.option("--wifi-password", envvar="MILEPOST_WIFI_PASSWORD", default="", help="Or MILEPOST_WIFI_PASSWORD.")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CA certificate for mqtts.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="JSON file for /config.json.")
@click.option(
    "--firmware", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another firmware folder."
)
@click.option("--api", help="Service address: registers the device and takes its credentials.")
@click.option("--token", envvar="MILEPOST_TOKEN", help="API token of an engineer; better in MILEPOST_TOKEN.")
@click.option("--name", help="Name of the device in the service; default: its id.")
@click.option("--replace", is_flag=True, help="Take the id over from another board, which is locked out.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1, 3600),
    default=60.0,
    show_default=True,
    help="Seconds to wait for the first record.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of text.")
def provision(**options: Any) -> None:
    """Make a board that runs MicroPython one of the fleet.

    Copies only what differs and may be stopped anywhere: run it again and it goes on. Ends with 0 when the first
    record is acknowledged, 6 when the id is in use elsewhere, 9 when no record arrived (and says which hop),
    1 for every other failure.

    Example: milepost provision --port /dev/ttyUSB0 --broker mqtt://10.0.0.5:1883 --api http://10.0.0.5:8080
    """
    from milepost_hil.deploy import DeployFailed  # noqa: PLC0415  (keeps `milepost --help` quick)
    from milepost_hil.image import CompileFailed  # noqa: PLC0415
    from milepost_tools.provision.identity import Unusable  # noqa: PLC0415
    from milepost_tools.provision.registration import DuplicateDevice, ServiceRefused  # noqa: PLC0415

    as_json = options["as_json"]
    try:
        report = _run(**options)
    except Unusable as e:
        raise click.UsageError(str(e)) from e
    except DuplicateDevice as e:
        _fail(as_json, str(e), _DUPLICATE)
    except (DeployFailed, CompileFailed, ServiceRefused, FileNotFoundError) as e:
        _fail(as_json, str(e), _FAILED)
    if as_json:
        click.echo(json.dumps(report))
    elif report["ok"]:
        click.echo(
            f"{report['device']}: {report['written']} files written, {report['kept']} unchanged; "
            f"first record acknowledged after {report['first_record_s']:.1f} s"
        )
    else:
        click.echo(f"milepost: {report['device']}: {report['error']}", err=True)
    sys.exit(0 if report["ok"] else _NEVER_ARRIVED)


def _fail(as_json: bool, message: str, status: int) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"ok": False, "error": message}))
    click.echo(f"milepost: {message}", err=True)
    sys.exit(status)


def _run(
    *,
    port: str,
    device: str | None,
    broker: str,
    user: str | None,
    password: str | None,
    role: str,
    wifi_ssid: str | None,
    wifi_password: str,
    ca: Path | None,
    config_file: Path | None,
    firmware: Path | None,
    api: str | None,
    token: str | None,
    name: str | None,
    replace: bool,
    timeout_s: float,
    as_json: bool,
) -> dict[str, object]:
    from milepost_hil import deploy, image  # noqa: PLC0415
    from milepost_tools.provision import arrival, identity, registration  # noqa: PLC0415

    start = time.monotonic()
    address = identity.parse_broker(broker)
    wanted = identity.check_device(device) if device else None
    config = identity.configuration(config_file)
    if api and not token:
        raise identity.Unusable("--api needs --token (or MILEPOST_TOKEN)")
    if not api and not password:
        raise identity.Unusable("give --password (or MILEPOST_DEVICE_PASSWORD), or --api to register the device")
    files = image.application(firmware or image.firmware_folder())
    service = registration.Registration(api, token) if api and token else None
    say = (lambda _text: None) if as_json else (lambda text: click.echo(text, err=True))

    transport = deploy.connect(port)
    try:
        board = deploy.facts(transport)
        if board.version < identity.OLDEST:
            raise deploy.DeployFailed(
                f"{board.machine} runs MicroPython {'.'.join(map(str, board.version))}; flash 1.26 or newer first"
            )
        chosen = identity.check_device(wanted or board.unique_id)
        say(f"{board.machine}, MicroPython {'.'.join(map(str, board.version))}: becomes {role} {chosen}")
        before = registration.NEVER
        if service:
            mine = chosen == board.unique_id or deploy.device_of(transport) == chosen
            password = service.credentials(chosen, role, name or chosen, is_this_board=mine, replace=replace)
            before = service.contact(chosen)
            config = config or service.config(chosen)
        if ca:
            files[_CA_PATH] = ca.read_bytes()
        if config is not None:
            files["/config.json"] = json.dumps(config).encode()
        files["/identity.json"] = identity.identity(
            device=chosen,
            role=role,
            broker=address,
            user=user or chosen,
            password=password or "",
            wifi=(wifi_ssid, wifi_password) if wifi_ssid else None,
            ca=_CA_PATH if ca else None,
        )
        copied = deploy.copy(
            transport,
            files,
            owned=(f"/lib/{image.PACKAGE}",),
            on_file=lambda path, what: say(f"  {what:8} {path}") if what != "kept" else None,
        )
        transport.exec_raw_no_follow("import machine; machine.reset()")
        say(f"started; waiting up to {timeout_s:g} s for the first acknowledged record")
        seen = arrival.wait_for_first(transport, timeout_s, device=chosen, service=service, before=before)
    finally:
        deploy.disconnect(transport)
        if service:
            service.close()
    ok = seen.hop is arrival.Hop.NONE
    return {
        "ok": ok,
        "device": chosen,
        "role": role,
        "board": board.machine,
        "micropython": ".".join(map(str, board.version)),
        "written": len(copied.written),
        "kept": len(copied.kept),
        "removed": len(copied.removed),
        "bytes_written": copied.bytes_written,
        "first_record_s": round(seen.seconds, 2),
        "seconds": round(time.monotonic() - start, 2),
        "hop": seen.hop.value or None,
        "error": None if ok else f"no acknowledged record within {timeout_s:g} s: {seen.advice}",
    }
