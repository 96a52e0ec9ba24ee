#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernel 6.1, the oldest we promise: our programs load, attach and forward there as kernel IPVS does.
set -eu

top=$(dirname -- "$(realpath -- "$0")")/../..
exec "$top/tools/oracle/replay" --target xlvs-qemu --bin-dir "${1:-$top/build/release}" "$top/tests/oracle/smoke.scn"
