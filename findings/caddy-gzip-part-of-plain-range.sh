#!/usr/bin/env bash
# Caddy compresses the part of a file that a Range asks for by itself, and counts Content-Range in the plain file.
#
# Version: Debian 12's caddy 2.6.2-5, with `encode gzip` and `file_server`.
# Expected (RFC 9110 §14.4 and §8.4): a range is cut from the representation that is sent, so the Content-Range of an
# answer with `Content-Encoding: gzip` counts bytes of the compressed file, or the range is ignored, or not compressed.
# Seen: 206 with `Content-Range: bytes 0-9999/52893` of the plain file, `Content-Encoding: gzip`, and a body of fewer
# bytes than the range has, which is a gzip stream of its own. A client that joins such parts has no gzip file; one
# that takes Content-Range for the size of the body waits for bytes that never come.
#
# Prints the fields; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download caddy=2.6.2-5
dpkg -x ./*.deb root
mkdir www
for line in $(seq 2000); do echo "line number $line of a text"; done >www/text.txt
cat >Caddyfile <<EOC
{
  admin off
  auto_https off
}
http://127.0.0.1:18108 {
  root * $folder/www
  encode gzip
  file_server
}
EOC
HOME=$folder root/usr/bin/caddy run --config Caddyfile >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do
  curl -s -o /dev/null http://127.0.0.1:18108/ && break
  sleep 0.1
done

status=$(curl -s -D head -o body -w '%{http_code}' -H 'Accept-Encoding: gzip' -H 'Range: bytes=0-9999' \
  http://127.0.0.1:18108/text.txt)
field() { tr -d '\r' <head | awk -v name="$1:" 'tolower($1) == name { $1 = ""; print substr($0, 2) }'; }
echo "status $status, Content-Encoding: $(field content-encoding), Content-Range: $(field content-range)"
echo "body: $(stat -c %s body) bytes, of which gunzip makes $(gunzip -c body | wc -c)"
[ "$status" = 206 ] && [ "$(field content-encoding)" = gzip ] &&
  [ "$(field content-range)" = "bytes 0-9999/$(stat -c %s www/text.txt)" ] &&
  [ "$(stat -c %s body)" -lt 10000 ] && cmp -s <(gunzip -c body) <(head -c 10000 www/text.txt)
