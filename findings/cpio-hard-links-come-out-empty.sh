#!/usr/bin/env bash
# pax unpacks a cpio archive of files with several names as empty files, with exit 0; unar does so with all
# names but the last.
#
# Versions: Debian 12's cpio 2.13, pax 20201030 (MirBSD), unar 1.10.1, libarchive-tools 3.6.2 and 7zip
# 26.02.
# Expected: both know the format newc (pax writes it, as sv4cpio), so files that are hard links of each
# other come out with their content. It is the format of initramfs images and of what rpm2cpio makes.
# Seen: in newc the names before the last one have the size 0, and the last the bytes. So write GNU cpio and
# bsdcpio. pax links all names together and leaves the bytes out: three files of 0 bytes, and exit 0. It
# unpacks its own archives rightly, as it writes the bytes with each name. unar writes empty files for the
# first names. `bsdtar -x NAME` of such a name alone makes an empty file, with exit 0, or fails because
# another name is not there, by the place of the name. cpio and 7zip give the bytes in each case.
#
# Prints the sizes of the unpacked files, which held 8 bytes; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download cpio=2.13+dfsg-7.1 pax=1:20201030-1 \
  unar=1.10.7+ds1+really1.10.1-2+b2 libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 \
  7zip=22.01+really26.02+dfsg-0+deb12u1 \
  libgnustep-base1.28=1.28.1+really1.28.0-5 libwavpack1=5.6.0-1 libobjc4=12.2.0-14+deb12u1 \
  libavahi-client3=0.8-10+deb12u1 libavahi-common3=0.8-10+deb12u1 libxslt1.1=1.1.35-1+deb12u4
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$folder/root/usr/lib"
export PATH="$folder/root/usr/bin:$folder/root/bin:$PATH"

mkdir files
echo content >files/first
ln files/first files/second
ln files/first files/third
cd files
names='first\nsecond\nthird\n'
printf "$names" | cpio --quiet -o -H newc >../cpio.cpio
printf "$names" | bsdcpio --quiet -o -H newc >../bsdcpio.cpio
printf "$names" | pax -w -x sv4cpio >../pax.cpio
cd ..

changed=0
try() { # try WANTED ARCHIVE COMMAND...: the exit status, and the sizes of the files by name
  local wanted=$1 status=0 seen
  rm -rf out
  mkdir out
  (cd out && "${@:3}" <"../$2" >/dev/null 2>&1) || status=$?
  seen="exit $status, $(cd out && find . -type f -printf '%f %s\n' | LC_ALL=C sort | paste -sd ' ')"
  echo "$2, ${*:3}: $seen"
  [ "$seen" = "$wanted" ] || { echo "  changed: it was $wanted" >&2; changed=1; }
}
whole='exit 0, first 8 second 8 third 8'
for archive in cpio.cpio bsdcpio.cpio; do
  try "$whole" $archive cpio -i
  try "$whole" $archive bsdtar -x
  try "$whole" $archive 7zz x ../$archive
  try 'exit 0, first 0 second 0 third 0' $archive pax -r
  try 'exit 0, first 0 second 0 third 8' $archive unar -D ../$archive
done
try "$whole" pax.cpio pax -r
try 'exit 0, first 0' bsdcpio.cpio bsdtar -x first
try 'exit 0, first 8' bsdcpio.cpio cpio -i first
exit "$changed"
