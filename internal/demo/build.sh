#!/bin/bash
# build.sh: builds demo.elf from guest/; needs gcc-riscv64-linux-gnu. The binary is
# committed so that the demo needs no cross compiler. It carries a digest of its sources,
# by which a test finds out that it is stale.
set -euo pipefail
cd "$(dirname "$0")"
digest=$(cat guest/demo.c guest/sys.c guest/sys.h | sha256sum | cut -d' ' -f1)
riscv64-linux-gnu-gcc -DSOURCE_DIGEST="\"$digest\"" -Wall -Wextra -O2 -march=rv64gc \
	-ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns -ffp-contract=off \
	-fno-asynchronous-unwind-tables -fno-pic -no-pie -static -nostdlib \
	-Wl,--build-id=none -Wl,-z,separate-code -s -o demo.elf guest/demo.c guest/sys.c
