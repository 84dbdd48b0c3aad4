#!/usr/bin/env bash
# Caddy's listing of a directory leaves out what comes after 10,000 entries, without a sign.
#
# Version: Debian 12's caddy 2.6.2-5, with `file_server browse`. Later versions have `file_limit`, by default 10,000 too.
# Expected: all entries, or a sign that there are others, as a status, a field or a member of the JSON.
# Seen: of 10,050 files the JSON has 10,000, in an answer with 200 that is like any other, and the page in HTML says
# "10000 files". Which files are left out depends on the order in which the file system returns them, not on the names.
#
# Prints the counts; exits 1 if that is no longer so.
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
(cd www && seq 10050 | xargs touch)
cat >Caddyfile <<EOC
{
  admin off
  auto_https off
}
http://127.0.0.1:18110 {
  root * $folder/www
  file_server browse
}
EOC
HOME=$folder root/usr/bin/caddy run --config Caddyfile >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do
  curl -s -o /dev/null http://127.0.0.1:18110/ && break
  sleep 0.1
done

status=$(curl -s -o list -w '%{http_code}' -H 'Accept: application/json' http://127.0.0.1:18110/)
listed=$(grep -o '"name":' list | wc -l)
echo "status $status: $listed of $(find www -type f | wc -l) files"
echo "the page says: $(curl -s -H 'Accept: text/html' http://127.0.0.1:18110/ | grep -o '<b>[0-9]*</b> files' | tr -d '</b>')"
[ "$status" = 200 ] && [ "$listed" = 10000 ]
