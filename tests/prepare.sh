#!/usr/bin/env bash
# Debian packages that some tests need. Installs what it may, and says plainly what it could not.
# With CI=true a missing one is a failure; elsewhere the tests that need it are skipped with the reason.
set -u
declare -A package=(
  [/usr/bin/chromium]=chromium
  [/usr/sbin/mosquitto]=mosquitto
  [/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc]=fonts-noto-cjk
  [/usr/lib/x86_64-linux-gnu/libatomic.so.1]=libatomic1 # Playwright's driver is linked to it
)
# Servers that nobody wants to find running on their own machine: only where tests are all it is for.
if [ "${CI:-}" = true ]; then
  package[/usr/sbin/nginx]=nginx-light
  package[/usr/bin/openssl]=openssl
fi
missing() {
  for file in "${!package[@]}"; do [ -e "$file" ] || echo "${package[$file]}"; done
}

need=$(missing)
if [ -n "$need" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the tests:" $need
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends $need >/dev/null
  need=$(missing)
fi
if [ -n "$need" ]; then
  echo "NOT INSTALLED, tests that need it are skipped:" $need "(as root: apt-get install" $need")"
  [ "${CI:-}" != true ] || exit 1
fi

# A real InfluxDB for the telemetry store, found or built once (about 4 minutes) and kept outside the tree.
if ! bash "$(dirname "$0")/influxd/build.sh" >/dev/null; then
  echo "NO INFLUXD, tests of the InfluxDB store are skipped (see above)"
  [ "${CI:-}" != true ] || exit 1
fi
