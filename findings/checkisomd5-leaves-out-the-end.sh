#!/usr/bin/env bash
# checkisomd5 says PASS of an image in which a file has changed, if the file lies in the last 30 KiB.
#
# Version: Debian 12's isomd5sum 1.2.3, with genisoimage 1.1.11.
# Expected: implantisomd5 writes the MD5 of the image into a field that ISO 9660 leaves to applications;
# checkisomd5 computes it again over all but that field.
# Seen: both leave out the last 15 sectors as well. `genisoimage -no-pad` ends an image with its last file,
# whose bytes may then be any: PASS, "It is OK to use this media", exit 0. A change before that is found. By
# default genisoimage adds 300 KiB of zeros, and only those are left out.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download isomd5sum=1:1.2.3-5+b4 libpopt0=1.19+dfsg-1 \
  genisoimage=9:1.1.11-3.4
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)"

mkdir tree
head -c 4000000 /dev/zero | tr '\0' a >tree/first
head -c 100000 /dev/zero | tr '\0' z >tree/last
root/usr/bin/genisoimage -quiet -R -no-pad -o image tree
root/usr/bin/implantisomd5 image >/dev/null
size=$(stat -c %s image)

check() { # check IMAGE: the verdict and the exit status
  local said status=0
  said=$(root/usr/bin/checkisomd5 "$1" </dev/null 2>&1) || status=$?
  echo "$(grep -o 'result is: [A-Z]*' <<<"$said"), exit $status"
}
change() { # change BYTES: a copy of the image with another byte so many before its end
  cp image "changed-$1"
  printf X | dd of="changed-$1" bs=1 seek=$((size - $1)) conv=notrunc status=none
}
change 20000
change 40000
as_made=$(check image)
end=$(check changed-20000)
before=$(check changed-40000)
echo "as it was made: $as_made"
echo "another byte in a file, 20,000 bytes before the end: $end"
echo "another byte in a file, 40,000 bytes before the end: $before"
echo "differ from the first at byte: $(cmp image changed-20000 | awk '{ print $5 }') $(cmp image changed-40000 | awk '{ print $5 }') of $size"
[ "$as_made; $end; $before" = 'result is: PASS, exit 0; result is: PASS, exit 0; result is: FAIL, exit 1' ] ||
  { echo 'changed' >&2; exit 1; }
