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
exec "$here/../../tools/oracle/replay" --reuse --bin-dir "$build" "$here/generated"
