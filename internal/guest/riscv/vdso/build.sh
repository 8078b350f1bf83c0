#!/bin/sh
# Builds the vdso image from vdso.S: build.sh OUTPUT
set -eu
out=$(realpath "$1")
cd "$(dirname "$0")"
constant() { sed -n "s/^	$1 *= *\([^ ]*\).*/\1/p" vdso.go; }
cc=${RISCV64_CC:-riscv64-linux-gnu-gcc}
$cc -march=rv64gc -mabi=lp64d -nostdlib -shared -fPIC -Wl,--soname=linux-vdso.so.1 \
	-Wl,-T,vdso.lds -Wl,--hash-style=both -Wl,--build-id=sha1 -Wl,--eh-frame-hdr \
	-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--orphan-handling=error -Wl,--strip-all \
	-DHWPROBE_KEYS="$(constant HWProbeKeys)" -DHINT="$(constant hint)" -Wl,--defsym=HWPROBE_OFFSET="$(constant hwprobeOffset)" \
	-o "$out" vdso.S
