#!/usr/bin/env bash
# Makes the Debian roots with the MTAs that cannot be installed beside Postfix, once, outside the checkout:
#   roots.sh [DIRECTORY]     default $MTA_STS_MTA_ROOTS, else /var/cache/mta-sts-engine
# mtas-bookworm holds Exim 4.96 and Sendmail 8.17, mtas-trixie Exim 4.98, Sendmail 8.18 and OpenSMTPD 7.6.
# Prints nothing when there is nothing to do.
set -euo pipefail
. "$(dirname "$0")/../roots/debian-root.sh"

place=${1:-${MTA_STS_MTA_ROOTS:-/var/cache/mta-sts-engine}}

# Debian's MTAs conflict with each other as packages, and drag in a cron daemon: their files are unpacked side by side,
# only the libraries they need are installed. What two of them have (/usr/sbin/sendmail) is the first one's; no test
# uses it.
unpacked_in() {
  echo exim4-daemon-heavy exim4-base sendmail-bin sendmail-base sendmail-cf
  [ "$1" = bookworm ] || echo opensmtpd
}

good() {
  [ -e "$1/etc/mtas-complete" ]
}

finish() {
  local root=$1 deb packages libraries
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  inside "$root" apt-get -qq update
  mkdir "$root/var/tmp/debs"
  mapfile -t packages < <(unpacked_in "$suite" | tr ' ' '\n')
  inside "$root" sh -c 'cd /var/tmp/debs && apt-get -qq download "$@"' sh "${packages[@]}"
  mapfile -t libraries < <(for deb in "$root"/var/tmp/debs/*.deb; do dpkg-deb -f "$deb" Depends; done |
    tr ',' '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p' | sort -u)
  inside "$root" apt-get -qq -y --no-install-recommends install m4 netbase "${libraries[@]}"
  for deb in "$root"/var/tmp/debs/*.deb; do
    dpkg-deb -x "$deb" "$root/var/tmp/unpacked"
    cp -a --no-clobber "$root"/var/tmp/unpacked/usr/. "$root/usr/"
  done
  rm -rf "$root/var/tmp/debs" "$root/var/tmp/unpacked"
  for user in Debian-exim smmta smmsp opensmtpd opensmtpq; do
    inside "$root" useradd --system --user-group --no-create-home --home-dir /nonexistent --badname "$user"
  done
  # What the packages of the configuration would have made.
  mkdir -p "$root/etc/exim4" "$root/etc/mail" "$root/var/spool/smtpd"
  [ ! -e "$root/usr/sbin/smtpctl" ] || inside "$root" sh -c 'cd /usr/sbin && chgrp opensmtpq smtpctl && chmod 2555 smtpctl'
  : >"$root/etc/resolv.conf"
  touch "$root/etc/mtas-complete"
}

for suite in bookworm trixie; do
  debian_root "$suite" "$place/mtas-$suite" ca-certificates
done
