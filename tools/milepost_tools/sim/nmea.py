"""NMEA 0183 sentences of a receiver: RMC and GGA with talker GN (a receiver of several constellations)."""

from datetime import UTC, datetime

from milepost_tools.sim.gnss import Seen

_KNOTS_PER_MPS = 3600 / 1852


def epoch(utc_ms: int, seen: Seen | None) -> bytes:
    """RMC and GGA of one instant. utc_ms: UTC ms since 1970; seen: None where there is no fix yet."""
    at = datetime.fromtimestamp(utc_ms // 1000, UTC)
    time = f"{at:%H%M%S}.{utc_ms % 1000 // 10:02d}"
    if seen is None:
        return sentence(f"GNRMC,{time},V,,,,,,,{at:%d%m%y},,,N") + sentence(f"GNGGA,{time},,,,,0,00,99.9,,,,,,")
    where = f"{_angle(seen.lat_deg, 'NS', 2)},{_angle(seen.lon_deg, 'EW', 3)}"
    knots = f"{seen.speed_mps * _KNOTS_PER_MPS:.3f}"
    course = "" if seen.course_deg is None else f"{seen.course_deg:.2f}"
    return sentence(f"GNRMC,{time},A,{where},{knots},{course},{at:%d%m%y},,,A") + sentence(
        f"GNGGA,{time},{where},1,{seen.sats:02d},{seen.hdop:.1f},{seen.alt_m:.1f},M,8.0,M,,"
    )


def sentence(body: str) -> bytes:
    """`$body*hh\\r\\n` with the checksum: XOR over every byte between $ and * (NMEA 0183, 5.3.1)."""
    check = 0
    for byte in body.encode("ascii"):
        check ^= byte
    return f"${body}*{check:02X}\r\n".encode("ascii")


def _angle(degrees: float, signs: str, width: int) -> str:
    """Degrees and minutes with five decimals, rounded once so that minutes never read 60.00000."""
    e5_minutes = round(abs(degrees) * 60 * 100_000)
    whole, rest = divmod(e5_minutes, 60 * 100_000)
    return f"{whole:0{width}d}{rest // 100_000:02d}.{rest % 100_000:05d},{signs[degrees < 0]}"
