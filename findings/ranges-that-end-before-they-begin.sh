#!/usr/bin/env bash
# Caddy and webfs answer valid requests for nothing with 206 and a Content-Range whose last byte lies before
# its first.
#
# Versions: Debian 12's Caddy 2.6.2 and webfs 1.21.
# Expected (RFC 9110 §14.1.2, §14.4): `bytes=-0`, and `bytes=0-` of an empty file, are unsatisfiable: 416, or
# 200 with the whole. A Content-Range whose last position is less than its first is invalid, and the recipient
# must not put it together.
# Seen: `bytes=-0` of 20 bytes gets `bytes 20-19/20` from both; `bytes=0-` of an empty file gets `bytes
# 0--1/0` from webfs, which no grammar of Content-Range reads, and 416 from Caddy.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
servers=()
finish() {
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download caddy=2.6.2-5 webfs=1.21+ds1-12+b1
for package in ./*.deb; do dpkg -x "$package" root; done
mkdir www
printf '0123456789abcdefghij' >www/file
touch www/empty
chmod 755 . www

start() { # start PORT COMMAND...: runs it in the background and waits until it answers
  local port=$1
  shift
  "$@" >/dev/null 2>&1 &
  servers+=("$!")
  for _ in $(seq 100); do
    curl -s -o /dev/null "http://127.0.0.1:$port/file" && return
    sleep 0.1
  done
  echo "no server on port $port" >&2
  exit 1
}

ask() { # ask PORT NAME RANGE: the status and the Content-Range
  curl -s -D head -o /dev/null -H "Range: bytes=$3" "http://127.0.0.1:$1/$2"
  echo "$(awk 'NR == 1 { print $2 }' head) $(tr -d '\r' <head | sed -n 's/^content-range: bytes //Ip')"
}

HOME=$folder start 18124 root/usr/bin/caddy file-server --listen 127.0.0.1:18124 --root www
start 18125 root/usr/bin/webfsd -F -p 18125 -i 127.0.0.1 -r www

changed=0
expect() { # expect NAME PORT FILE RANGE WANTED
  local seen
  seen=$(ask "$2" "$3" "$4")
  echo "$1, bytes=$4 of $3: $seen"
  [ "$seen" = "$5" ] || { echo "  changed: it was $5" >&2; changed=1; }
}

expect Caddy 18124 file -0 '206 20-19/20'
expect webfs 18125 file -0 '206 20-19/20'
expect Caddy 18124 empty 0- '416 */0'
expect webfs 18125 empty 0- '206 0--1/0'
exit "$changed"
