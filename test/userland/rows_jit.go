package main

import (
	_ "embed"
	"time"
)

// Benchmarks for runtimes that write machine code, with what they have to print: results that
// the Computer Language Benchmarks Game publishes, and ones that follow from the languages'
// definitions.
var (
	//go:embed testdata/bench.lua
	benchLua string
	//go:embed testdata/bench.js
	benchJS string
	//go:embed testdata/Bench.java
	benchJava string
)

const (
	wantLua = "-0.169075164\n-0.169096567\n8629\t30\n1.274219991\n16383\n4096\t4\t126976\n256\t8\t130816\n16\t12\t131056\n8191\n3201522\t42726\t3011956\n500000500000\n"
	// wantBench is what begins the output of the others.
	wantBench = "-0.169075164 -0.169096567\n8629 30\n1.274219991\n16383 126976 130816 131056 8191\n3201522 42726 3011956\n"
	wantJS    = wantBench + "9999950000 ab1.5b5\n333333833333500000 2000\n400000\n"
	wantJava  = wantBench + "800031.0 200 200 400 20 5\n70400 161000\ncdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0\n8530\n"
)

var worldJITs = []worldRow{
	{name: "luajit/benchmarks", about: "n-body, fannkuch, spectral norm, binary trees, strings, coroutines; with traces and without", packages: "luajit",
		files: map[string]string{"bench.lua": benchLua}, script: "luajit bench.lua; luajit -joff bench.lua", want: wantLua + wantLua, limit: 10 * time.Minute},
	{name: "node/benchmarks", about: "the same; WebAssembly and its traps, deoptimisation, workers with shared memory", packages: "nodejs", slow: true,
		files: map[string]string{"bench.js": benchJS}, script: "node bench.js", want: wantJS, limit: 5 * time.Minute},
	{name: "node/own-tests", about: "tests of node itself: workers, message ports, forked children, contexts, v8", packages: "nodejs", sources: "nodejs", slow: true,
		script: `tar xf nodejs.tar --strip-components=1 --wildcards '*/test/common' '*/test/fixtures' '*/test/parallel'
n=0; for t in test/parallel/test-{worker-message-port,child-process-fork,vm-c,v8-}*.js; do flags=$(sed -n 's|^// Flags: ||p' $t)
	timeout 300 node $flags $t >out 2>&1 || { echo "$t: $?"; tail -n 20 out; }; n=$((n + 1)); done; [ $n -ge 50 ] && echo over`,
		want: "over\n", limit: 40 * time.Minute},
	{name: "java/benchmarks", about: "the same; compiled code that meets null, bad indices, other classes and collections", packages: "openjdk-21-jdk-headless", slow: true,
		files: map[string]string{"Bench.java": benchJava}, script: "javac Bench.java; java Bench; java -XX:-TieredCompilation Bench", want: wantJava + wantJava, limit: 15 * time.Minute},
	{name: "java/collectors", about: "the same with each collector: serial, parallel, Shenandoah, Z with and without generations", packages: "openjdk-21-jdk-headless", slow: true,
		files:  map[string]string{"Bench.java": benchJava},
		script: `javac Bench.java; for gc in Serial Parallel Shenandoah Z "Z -XX:+ZGenerational"; do set -- $gc; java -Xmx256m -XX:+Use$1GC $2 Bench; done`,
		want:   wantJava + wantJava + wantJava + wantJava + wantJava, limit: 30 * time.Minute},
}
