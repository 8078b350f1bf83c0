#!/bin/bash
# build.sh: builds plugin.elf; needs gcc-riscv64-linux-gnu. The binary is committed so that examples need no cross
# compiler. It carries a digest of its source, by which a test finds out that it is stale.
set -euo pipefail
cd "$(dirname "$0")"
digest=$(cat plugin.c ../../include/hospes.h | sha256sum | cut -d' ' -f1)
riscv64-linux-gnu-gcc -DSOURCE_DIGEST="\"$digest\"" -I../../include -Wall -Wextra -O2 -march=rv64gc \
	-ffreestanding -fno-builtin -fno-asynchronous-unwind-tables -fno-pic -no-pie -static -nostdlib \
	-Wl,--build-id=none -o plugin.elf plugin.c
riscv64-linux-gnu-strip --strip-debug plugin.elf
