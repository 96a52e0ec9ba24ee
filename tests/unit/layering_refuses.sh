#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/lint/layering accepts a right tree and names each kind of wrong include in it.
set -euo pipefail
lint=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../tools/lint" && pwd)/layering
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# file PATH LINE: the tree's only use of LINE
file() {
	mkdir -p "$tree/$(dirname "$1")"
	printf '%s\n' "$2" >"$tree/$1"
}
# refuses PATH LINE WORDS: with LINE in PATH the lint fails and says WORDS; without it passes
refuses() {
	local said status=0
	file "$1" "$2"
	said=$("$lint" "$tree") && status=0 || status=$?
	if ((status != 1)) || [[ $said != *"$3"* ]]; then
		printf 'NOT OK: %s with %s: status %s, said: %s\n' "$1" "$2" "$status" "$said"
		exit 1
	fi
	rm "$tree/$1"
	echo "ok: $said"
}

file bpf/abi/base.h '#include <linux/types.h>'
file bpf/maps.h '#include "abi/base.h"'
file loader/base/result.h '#include <string>'
file loader/model/service.h '#include "base/result.h"'
file loader/backend/backend.h '#include "model/service.h"'
file loader/kernel/attach.h '#include "abi/base.h"'
file loader/backend/xdp_backend.cpp '#include "kernel/attach.h"'
file loader/xlvs/main.cpp '#include "kernel/attach.h"'
file ipvsadm/parse.h '#include "backend/backend.h"'
"$lint" "$tree"
echo 'ok: a right tree passes'

refuses loader/base/up.h '#include "model/service.h"' 'up.h:1: base must not include model/service.h of model'
refuses loader/model/abi.h '#include "abi/base.h"' 'model must not include abi/base.h of abi'
refuses loader/backend/backend.cpp '#include "xlvs/main.cpp"' 'of xlvs'
refuses loader/xlvs/status.cpp '  #  include "abi/base.h"' 'xlvs must not include abi/base.h of abi'
refuses loader/sched/libbpf.cpp '#include <bpf/libbpf.h>' 'sched must not include <bpf/libbpf.h>'
refuses ipvsadm/deep.cpp '#include "kernel/attach.h"' 'ipvsadm must not include kernel/attach.h of kernel'
refuses bpf/abi/up.h '#include "maps.h"' 'abi must not include maps.h of bpf'
refuses loader/newcomer/a.h '#include <string>' "unknown layer 'newcomer'"
