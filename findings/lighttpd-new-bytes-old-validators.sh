#!/usr/bin/env bash
# lighttpd sends the new bytes of a file under the entity tag and Last-Modified of the old ones for up to a second.
#
# Version: Debian 12's lighttpd 1.4.69-1, its default settings.
# Expected: a strong entity tag changes when the content does (RFC 9110 §8.8.1), so HEAD, GET and HEAD with one tag
# say that the bytes between them are of that tag.
# Seen: the stat cache, on by default, returns the old size and times for up to a second, while the file is opened again
# for each answer. After a change that keeps the size, all three agree on the old tag, and the bytes are the new ones.
#
# Prints what was seen; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download lighttpd=1.4.69-1
dpkg -x ./lighttpd_*.deb root
mkdir www
cat >configuration <<EOC
server.document-root = "$folder/www"
server.bind = "127.0.0.1"
server.port = 18106
mimetype.assign = ( ".bin" => "application/octet-stream" )
EOC
printf 'old bytes' >www/file.bin
touch -d 2020-02-02T02:02:02Z www/file.bin
root/usr/sbin/lighttpd -D -f configuration -m root/usr/lib/lighttpd >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do
  curl -s -o /dev/null http://127.0.0.1:18106/ && break
  sleep 0.1
done

tag() { curl -s "$@" -D head -o body http://127.0.0.1:18106/file.bin; tr -d '\r' <head | awk 'tolower($1) == "etag:" { print $2 }'; }

# The cache looks again when a second of its clock has passed, so a try can fall on that moment; the next does not.
for try in 1 2 3 4 5; do
  before=$(tag)
  printf 'new byte%s' "$try" >www/file.bin
  around=$(tag --head)
  during=$(tag)
  bytes=$(cat body)
  after=$(tag --head)
  seen="$before $around $during $after"
  [ "$seen" = "$before $before $before $before" ] && break
done
echo "tags of GET, then after the change of HEAD, GET and HEAD: $seen"
echo "bytes of the second GET: '$bytes'"
[ "$seen" = "$before $before $before $before" ] && [ "$bytes" = "new byte$try" ]
