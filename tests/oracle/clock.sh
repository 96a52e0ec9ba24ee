#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: clock.sh BUILD: when the wall clock jumps, xlvs does what kernel IPVS did: nothing. In user-mode Linux, whose clock may be set.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if ((EUID != 0)); then
	echo 'skipped: needs root'
	exit 77
fi
exec "$here/../../tools/oracle/replay" --target xlvs-uml --bin-dir "$1" "$here/uml/clock4.scn"
