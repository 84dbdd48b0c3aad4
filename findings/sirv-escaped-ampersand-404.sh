#!/usr/bin/env bash
# sirv answers 404 for `a%26b`, the address that every percent-encoder makes of its file `a&b`.
#
# Version: sirv-cli 3.0.1, beside http-server 14.1.1, on Node 18 or later.
# Expected (RFC 3986 §2.4): an escape in a segment is decoded, so `a%26b` names the file `a&b`, as in
# http-server.
# Seen: sirv decodes as `decodeURI` does, which leaves the escapes of `& + , ; = : @ $ # ? /` alone. Files
# with the first eight of these are found by the bare character only, and files with `#` or `?` by no address
# at all. encodeURIComponent escapes all of them, and so does what clients build from names.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
servers=()
finish() {
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" sirv-cli@3.0.1 http-server@14.1.1 >/dev/null
mkdir www
(cd www && touch index.html 'a&b' a+b a,b 'a;b' a=b a:b a@b 'a$b' 'a#b' 'a?b' 'a b' a%b)

start() { # start PORT COMMAND...: runs it in the background and waits until it answers
  local port=$1
  shift
  "$@" >/dev/null 2>&1 &
  servers+=("$!")
  for _ in $(seq 100); do
    curl -s -o /dev/null "http://127.0.0.1:$port/" && return
    sleep 0.1
  done
  echo "no server on port $port" >&2
  exit 1
}

ask() { curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/$2"; } # ask PORT PATH: the status

start 18128 node_modules/.bin/sirv www --port 18128 --host 127.0.0.1
start 18129 node_modules/.bin/http-server www -p 18129 -a 127.0.0.1
changed=0
for name in 'a&b' a+b a,b 'a;b' a=b a:b a@b 'a$b' 'a#b' 'a?b' 'a b' a%b; do
  escaped=$(node -p 'encodeURIComponent(process.argv[1])' "$name")
  seen="$(ask 18128 "$escaped") $(ask 18129 "$escaped")"
  echo "$name as $escaped: sirv and http-server answer $seen"
  [[ $name == 'a b' || $name == a%b ]] && wanted='200 200' || wanted='404 200'
  [ "$seen" = "$wanted" ] || { echo "  changed: it was $wanted" >&2; changed=1; }
done
bare=$(for name in 'a&b' a+b a,b 'a;b' a=b a:b a@b 'a$b'; do ask 18128 "$name"; echo; done | sort -u)
echo "the first eight as they are: sirv answers $bare"
[ "$bare" = 200 ] || changed=1
exit "$changed"
