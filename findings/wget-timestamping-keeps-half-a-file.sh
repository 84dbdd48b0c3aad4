#!/usr/bin/env bash
# wget -N and wget2 -N leave half a file as it is, and exit with 0, because it is younger than the server's.
#
# Versions: Debian 12's wget 1.21.3 and wget2 1.99.1.
# Expected (wget's manual, "Time-Stamping"): where the sizes do not match, the file is fetched whatever the
# times say. So a run of -N repairs what an interrupted one left, whose time is that of the interruption.
# Seen: both ask with If-Modified-Since and the time of the local file, take the 304 for an answer, and never
# compare the sizes. The half stays for good. With --no-if-modified-since wget asks by HEAD first, sees the
# other size, and fetches the file.
#
# The server is Python's http.server. Prints what each run left; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download wget=1.21.3-1+deb12u1 wget2=1.99.1-2.2 libwget0=1.99.1-2.2
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
mkdir www
head -c 200000 /dev/zero >www/file
touch -d 2025-01-01T00:00:00Z www/file

cat >server.py <<'EOP'
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler

class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def log_request(self, code="-", size="-"):
        with open("requests", "a") as requests:
            requests.write(f" {self.command} {int(code)}")

server = HTTPServer(("127.0.0.1", 0), partial(Handler, directory="www"))
print(server.server_port, flush=True)
server.serve_forever()
EOP
exec {answer}< <(exec python3 server.py)
server=$!
read -r port <&"$answer"

try() { # try COMMAND...: "exit STATUS, N of 200000 bytes, after" and the requests
  local status=0
  : >requests
  head -c 100000 www/file >file
  timeout 60 "$@" -q -N "http://127.0.0.1:$port/file" || status=$?
  echo "exit $status, $(stat -c %s file) of 200000 bytes, after$(cat requests)"
}

one=$(try root/usr/bin/wget)
two=$(try root/usr/bin/wget2)
by_head=$(try root/usr/bin/wget --no-if-modified-since)
echo "wget -N:  $one"
echo "wget2 -N: $two"
echo "wget -N --no-if-modified-since: $by_head"
[ "$one" = 'exit 0, 100000 of 200000 bytes, after GET 304' ] && [ "$two" = "$one" ] &&
  [ "$by_head" = 'exit 0, 200000 of 200000 bytes, after HEAD 200 GET 200' ]
