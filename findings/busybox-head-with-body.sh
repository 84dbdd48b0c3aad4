#!/usr/bin/env bash
# busybox httpd answers HEAD with the whole file behind the header fields.
#
# Version: Debian 12's busybox 1.35.0.
# Expected (RFC 9110 §9.3.2): no content; the connection ends behind the empty line.
# Seen: the answer to HEAD is that to GET, byte by byte, so a client that asks for the size of a large file is
# sent the file.
#
# Prints the answer; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download busybox=1:1.35.0-4+deb12u1+b1
dpkg -x ./*.deb root
mkdir www
echo 'the content' >www/file
"$(find root -name busybox -type f -perm -u+x | head -n 1)" httpd -f -p 127.0.0.1:18126 -h www &
server=$!
for _ in $(seq 100); do
  curl -s -o /dev/null http://127.0.0.1:18126/file && break
  sleep 0.1
done

exec {connection}<>/dev/tcp/127.0.0.1/18126
printf 'HEAD /file HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&"$connection"
answer=$(timeout 10 cat <&"$connection" | tr -d '\r')
echo "$answer"
[ "$(head -n 1 <<<"$answer")" = 'HTTP/1.1 200 OK' ] && [ "$(tail -n 1 <<<"$answer")" = 'the content' ]
