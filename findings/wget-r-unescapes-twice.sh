#!/usr/bin/env bash
# wget -r saves `100%25.txt` as `100%.txt`, over the file of that name, and exits with 0.
#
# Version: Debian 12's wget 1.21.3, from the directory page of Python's http.server. wget2, lftp and rclone
# save it rightly.
# Expected: three files for three names; the link of `100%25.txt` is `100%2525.txt`, and is percent-decoded
# once.
# Seen: wget decodes it twice, to `100%.txt`. Of `100%.txt`, `100%25.txt` and `100%2525.txt` two files are
# left, each with the content of another.
#
# Prints what was saved; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download wget=1.21.3-1+deb12u1
dpkg -x ./*.deb root
mkdir www
for name in '100%.txt' '100%25.txt' '100%2525.txt'; do echo "of $name" >"www/$name"; done
cat >server.py <<'EOP'
import functools
from http.server import HTTPServer, SimpleHTTPRequestHandler

server = HTTPServer(("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory="www"))
print(server.server_port, flush=True)
server.serve_forever()
EOP
exec {answer}< <(exec python3 server.py 2>/dev/null)
server=$!
read -r port <&"$answer"

root/usr/bin/wget --no-config -q -r -nH -P saved "http://127.0.0.1:$port/" && status=0 || status=$?
rm -f saved/index.html
saved=$(cd saved && grep . -- *)
echo "exit $status"
echo "$saved"
[ "$status" = 0 ] && [ "$saved" = $'100%.txt:of 100%25.txt\n100%25.txt:of 100%2525.txt' ]
