#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: generated.sh BUILD: xlvs does in the recorded random scenarios what kernel IPVS did.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1

if ((EUID != 0)); then
	echo 'skipped: needs root'
	exit 77
fi
scenarios=()
for scenario in "$here"/generated/*.scn; do
	case ${scenario##*/} in
	lblc-* | lblcr-* | twos-*) ;; # schedulers that XDP has not yet: later.txt
	*) scenarios+=("$scenario") ;;
	esac
done
exec "$here/../../tools/oracle/replay" --reuse --bin-dir "$build" "${scenarios[@]}"
