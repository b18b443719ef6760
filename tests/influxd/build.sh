#!/usr/bin/env bash
# Prints the path of a real influxd (2.7 or newer): $MILEPOST_INFLUXD, the one on the PATH, the one built before, else
# builds 2.8.0 from its published Go module (Go >= 1.24, cargo, a C compiler; about 4 minutes once on two cores).
# The result lies outside the tree, in ${XDG_CACHE_HOME:-~/.cache}/milepost/influxd-2.8.0.
#
#   build.sh          find or build; exit 1 with the reason on stderr when neither can be done
#   build.sh --find   never build
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/milepost
built=$cache/influxd-2.8.0

fail() {
  echo "influxd: $*" >&2
  exit 1
}
serves() { # Debian's influxdb 1.6 has no /api/v2
  case "$("$1" version 2>/dev/null)" in
    "InfluxDB v2."[7-9]* | "InfluxDB 2."[7-9]* | "InfluxDB v2.1"[0-9]* | "InfluxDB dev"*) return 0 ;;
    *) return 1 ;;
  esac
}

if [ -n "${MILEPOST_INFLUXD:-}" ]; then
  serves "$MILEPOST_INFLUXD" || fail "\$MILEPOST_INFLUXD=$MILEPOST_INFLUXD is no influxd of version 2.7 or newer"
  echo "$MILEPOST_INFLUXD"
  exit
fi
if found=$(command -v influxd) && serves "$found"; then
  echo "$found"
  exit
fi
if [ -x "$built" ]; then
  echo "$built"
  exit
fi
[ "${1:-}" != --find ] || fail "none on the PATH and none built; run tests/influxd/build.sh (needs Go and cargo)"

for tool in go cargo cc flock; do
  command -v "$tool" >/dev/null || fail "cannot be built here: no '$tool' on the PATH; install InfluxDB 2.7+, or set MILEPOST_INFLUXD"
done
go_version=$(go env GOVERSION)
minor=${go_version#go1.}
minor=${minor%%[!0-9]*}
[ "${minor:-0}" -ge 24 ] || fail "cannot be built with $go_version: needs Go 1.24 or newer; or set MILEPOST_INFLUXD"

mkdir -p "$cache"
exec 9>"$cache/influxd.lock"
flock -n 9 || { echo "influxd: another build is running, waiting for it" >&2; flock 9; }
if [ ! -x "$built" ]; then # the other build made it
  work=$(mktemp -d "$cache/.influxd-building.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  echo "influxd: building 2.8.0 once, about 4 minutes; later runs find it in $built" >&2
  cp "$here/go.mod" "$here/go.sum" "$work/"
  cd "$work"
  # The Flux parser inside is Rust: its sources deny warnings and newer compilers have new ones; RUSTFLAGS does not
  # reach its build scripts, so the compiler is wrapped. They also pin a toolchain that is not there.
  printf '#!/bin/sh\nexec "$@" --cap-lints allow\n' >rustc-wrapper
  chmod +x rustc-wrapper
  export RUSTC_WRAPPER=$work/rustc-wrapper
  if command -v rustup >/dev/null; then export RUSTUP_TOOLCHAIN=${MILEPOST_RUST:-stable}; fi
  log=$work/log
  {
    nice -n 10 go build -o bin/pkg-config github.com/influxdata/pkg-config &&
      PATH=$work/bin:$PATH PKG_CONFIG=$work/bin/pkg-config nice -n 10 go build \
        -tags sqlite_foreign_keys,sqlite_json -o bin/influxd github.com/influxdata/influxdb/v2/cmd/influxd
  } >"$log" 2>&1 9>&- || {
    tail -n 30 "$log" >&2
    fail "the build failed, see above (go: $go_version, $(cargo --version))"
  }
  ./bin/influxd version >&2
  mv bin/influxd "$built"
fi
echo "$built"
