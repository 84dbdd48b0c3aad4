#!/usr/bin/env bash
# sha256sum -c of the coreutils in Rust says FAILED, and exits with 0.
#
# Version: Debian 12's rust-coreutils 0.0.17, beside GNU coreutils 9.1.
# Expected: a check of a list exits with another status than 0 when a file has other bytes or is missing, and
# when the list has no valid line.
# Seen: it prints the same lines and warnings as GNU's, and exits with 0 each time, with --status, which
# prints nothing, too. With --strict a list without a valid line fails; other bytes still do not.
#
# Prints the exit status of both; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rust-coreutils=0.0.17-2 coreutils=9.1-1
for package in ./*.deb; do dpkg -x "$package" root; done

echo one >right
echo two >other
echo three >missing
root/usr/bin/sha256sum right >right.sums
root/usr/bin/sha256sum right other >other.sums
root/usr/bin/sha256sum right missing >missing.sums
echo 'not a line of a list' >words.sums
: >empty.sums
echo TWO >other
rm missing

try() { # try PROGRAM LIST: the exit statuses of three checks of a list
  local option status
  printf '%s ' "$2"
  for option in '' --status --strict; do
    status=0
    "$1" -c $option "$2.sums" >/dev/null 2>&1 || status=$?
    printf ' %s' "$status"
  done
}

{
  for list in right other missing words empty; do
    echo "$(try root/usr/bin/sha256sum $list), $(try root/usr/lib/cargo/bin/coreutils/sha256sum $list)"
  done
} >seen
root/usr/lib/cargo/bin/coreutils/sha256sum -c other.sums 2>&1 || true
echo 'list and exit status by -c, with --status, with --strict; of GNU, of the one in Rust'
cat seen
diff - seen <<'EOF'
right  0 0 0, right  0 0 0
other  1 1 1, other  0 0 0
missing  1 1 1, missing  0 0 0
words  1 1 1, words  0 0 1
empty  1 1 1, empty  0 0 0
EOF
