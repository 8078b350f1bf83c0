package main

import "time"

// sourceRows build a package from Debian's source as its README says, and run its own tests.
var sourceRows = []worldRow{
	{name: "source/zlib", about: "`./configure --static && make -j2 && make check` of zlib", sources: "zlib", packages: "gcc libc6-dev make", limit: 15 * time.Minute,
		script: `tar --no-same-owner -xf zlib.tar; cd zlib-*; CFLAGS=-O1 ./configure --static >log; make -j2 >>log; make check >>log; grep -F '*** zlib' log | tr -d '\t '`,
		want:   "***zlibtestOK***\n***zlib64-bittestOK***\n"},
	// Its config.guess is older than the architecture.
	{name: "source/hello", about: "`./configure && make && make check && make install` of GNU hello, made by autoconf and automake", sources: "hello", packages: "gcc libc6-dev make", slow: true, limit: 30 * time.Minute,
		script: `tar --no-same-owner -xf hello.tar; cd hello-*; ./configure --build=riscv64-unknown-linux-gnu >log; make >>log 2>&1; make check >>log 2>&1; grep -E '^# (TOTAL|PASS|FAIL|ERROR)' log; make install >>log 2>&1; hello -g 'installed'`,
		want:   "# TOTAL: 5\n# PASS:  4\n# FAIL:  0\n# ERROR: 0\ninstalled\n"},
}
