#!/usr/bin/env bash
# rclone serve sends the new bytes of a file cut to the length of the old ones, with 200, for up to five minutes.
#
# Version: Debian 12's rclone 1.60.1, `rclone serve http` of a local directory that another program writes to.
# Expected: the old file, the new file, or an error.
# Seen: the directory is remembered for --dir-cache-time, five minutes by default, and with it the length and the time of
# each file, while its bytes are read from the disk. A file that has become longer is sent without its end, as 200 with
# a matching Content-Length, under its old Last-Modified. A new file is 404 all that time, and a removed one is 200 to HEAD.
# `rclone serve webdav` does the same. With --dir-cache-time 0 it does not.
#
# Prints what was sent; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5
dpkg -x ./*.deb root
mkdir www
echo one >www/file
root/usr/bin/rclone --config '' serve http www --read-only --addr 127.0.0.1:18111 2>/dev/null &
server=$!
for _ in $(seq 100); do
  curl -s -o /dev/null http://127.0.0.1:18111/ && break
  sleep 0.1
done

echo "before: $(curl -s http://127.0.0.1:18111/file)"
echo "another content" >www/file
echo new >www/new
status=$(curl -s -o body -D head -w '%{http_code}' http://127.0.0.1:18111/file)
echo "after: $status, $(tr -d '\r' <head | grep -i '^content-length'), '$(cat body)' of '$(cat www/file)'"
new=$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:18111/new)
rm www/file
removed=$(curl -s -I -o /dev/null -w '%{http_code}' http://127.0.0.1:18111/file)
echo "a new file: $new; a removed one: $removed"
[ "$status $(cat body) $new $removed" = '200 anot 404 200' ]
