#!/usr/bin/env bash
# serve's strong entity tag is a SHA-1 over the content, and yet stays when the content changes.
#
# Version: serve 14.2.7 (serve-handler), on Node 18 or later.
# Expected: the tag is a SHA-1 over the file's extension, a hyphen and its bytes, so a new content has a new tag.
# Seen: serve remembers the SHA-1 by path and modification time. After a change that keeps the time, as `cp -p`,
# `rsync -t` and `touch -r` do, it sends the new bytes under the SHA-1 of the old ones, and answers 304 to a client
# that holds the old ones.
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
npm install --silent --no-audit --no-fund --prefix "$folder" serve@14.2.7 >/dev/null
mkdir www
printf 'the first content' >www/file.bin
touch -d 2020-02-02T02:02:02Z www/file.bin

node_modules/.bin/serve www -l tcp://127.0.0.1:18105 >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do
  curl -s -o /dev/null http://127.0.0.1:18105/file.bin && break
  sleep 0.1
done

tag() { curl -s -D - -o body http://127.0.0.1:18105/file.bin | tr -d '\r' | awk 'tolower($1) == "etag:" { print $2 }'; }

before=$(tag)
sum() { printf '"%s"' "$( (printf '.bin-' && cat "$1") | sha1sum | cut -d' ' -f1)"; }
[ "$before" = "$(sum www/file.bin)" ]
printf 'another content!!' >www/file.bin
touch -d 2020-02-02T02:02:02Z www/file.bin
after=$(tag)
status=$(curl -s -o /dev/null -w '%{http_code}' -H "If-None-Match: $before" http://127.0.0.1:18105/file.bin)

echo "tag before: $before"
echo "tag after:  $after, for the bytes '$(cat body)', of which it would be $(sum body)"
echo "If-None-Match with the old tag: $status"
[ "$before" = "$after" ] && [ "$(cat body)" = 'another content!!' ] && [ "$status" = 304 ]
