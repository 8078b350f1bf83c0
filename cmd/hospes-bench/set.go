package main

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// The groups of rows.
const (
	integer   = "integer"
	float     = "float"
	memory    = "memory"
	threads   = "threads"
	real      = "real"
	shallow   = "shallow"
	processes = "processes"
)

// row is a program to measure: one of ours, or one of Debian's.
type row struct {
	group, name string

	// Of ours: a file of C or C++ in bench/, or the directory of a Go program; and the arguments
	// that follow the scale.
	source string
	args   []string

	// Of Debian's: the command, in a root where /tmp has the files of bench/real and those that
	// inputs.go makes. {} in an argument is the count.
	argv []string

	count  int  // how many there are of what is measured; the figures are of one
	repeat bool // the program is to be started so often, and does not make the processes itself
	wall   bool // the figure is how long it takes, not the user CPU time
	unlike bool // it prints something else on another architecture
}

// programs is the set of our own. Each takes 0.2 to 0.5 seconds natively, at the default scale.
var programs = []row{
	{group: integer, name: "loop", source: "loop.c"},
	{group: integer, name: "sieve", source: "sieve.c"},
	{group: integer, name: "sort", source: "sort.c"},
	{group: integer, name: "sha256", source: "sha256.c"},
	{group: integer, name: "crc", source: "crc.c"},
	{group: integer, name: "divide", source: "divide.c"},
	{group: integer, name: "fib", source: "fib.c"},
	{group: integer, name: "indirect", source: "indirect.c"},
	{group: integer, name: "interp", source: "interp.c"},
	{group: integer, name: "hashmap", source: "hashmap.c"},
	{group: integer, name: "lz", source: "lz.c"},
	{group: integer, name: "strings", source: "strings.c"},
	{group: integer, name: "c++-virtual", source: "virtual.cc"},
	{group: integer, name: "c++-containers", source: "containers.cc"},
	{group: integer, name: "c++-alloc", source: "alloc.cc"},
	{group: integer, name: "go-maps", source: "go/maps"},
	{group: integer, name: "go-json", source: "go/json"},
	{group: integer, name: "go-trees", source: "go/trees"},
	{group: float, name: "matmul", source: "matmul.c"},
	{group: float, name: "nbody", source: "nbody.c"},
	{group: float, name: "mandelbrot", source: "mandelbrot.c"},
	{group: float, name: "single", source: "single.c"},
	{group: float, name: "libm", source: "libm.c"},
	{group: memory, name: "memcpy", source: "memcpy.c"},
	{group: memory, name: "stream", source: "stream.c"},
	{group: memory, name: "chase", source: "chase.c"},
	{group: threads, name: "one", source: "threads.c", args: []string{"1"}},
	{group: threads, name: "two", source: "threads.c", args: []string{"2"}},
	{group: threads, name: "go-channels", source: "go/channels"},
}

// packages are Debian's that have the programs below.
var packages = strings.Fields(`bash bzip2 coreutils gcc gzip jq libc6-dev lua5.4 mawk openssl perl python3
	sqlite3 xz-utils zstd`)

// mersenne is a prime in hexadecimal, 2^2203 - 1.
var mersenne = "7" + strings.Repeat("f", 2203/4)

// debian is the set of Debian's programs.
var debian = []row{
	{group: real, name: "xz", argv: []string{"/usr/bin/xz", "-4", "-T1", "-c", "short"}},
	{group: real, name: "zstd", argv: []string{"/usr/bin/zstd", "-q", "-11", "--single-thread", "-c", "text"}},
	{group: real, name: "gzip", argv: []string{"/usr/bin/gzip", "-n", "-6", "-c", "text"}},
	{group: real, name: "bzip2", argv: []string{"/usr/bin/bzip2", "-c", "text"}},
	{group: real, name: "sqlite3", argv: []string{"/usr/bin/sqlite3", ":memory:", ".read query.sql"}},
	{group: real, name: "lua5.4", argv: []string{"/usr/bin/lua5.4", "bench.lua"}},
	{group: real, name: "python3", argv: []string{"/usr/bin/python3", "bench.py"}},
	{group: real, name: "perl", argv: []string{"/usr/bin/perl", "bench.pl"}},
	{group: real, name: "openssl-sha512", argv: []string{"/usr/bin/openssl", "dgst", "-sha512", "large", "large"}},
	{group: real, name: "openssl-prime", argv: []string{"/usr/bin/openssl", "prime", "-checks", "20", "-hex", mersenne}},
	{group: real, name: "gcc", argv: []string{"/usr/bin/gcc", "-O2", "-S", "-o", "-", "wide.c"}, unlike: true},
	{group: real, name: "mawk", argv: []string{"/usr/bin/mawk", "-f", "bench.awk", "text"}},
	{group: real, name: "jq", argv: []string{"/usr/bin/jq", "-c", "[.[] | select(.n % 3 == 0) | {k: .name, v: (.tags | length)}] | group_by(.v) | map({v: .[0].v, n: length, k: (map(.k) | sort | .[0])})", "records.json"}},
	{group: real, name: "sort", argv: []string{"/usr/bin/sort", "--parallel=1", "-k2", "text", "text", "text", "text", "text", "text"}},
	{group: real, name: "bash", argv: []string{"/usr/bin/bash", "bench.sh"}},

	{group: shallow, name: "gcc -c, 2,000 lines", argv: []string{"/usr/bin/gcc", "-c", "-o", "wide.o", "wide.c"}},
	{group: shallow, name: "gcc -O2 -c, 2,000 lines", argv: []string{"/usr/bin/gcc", "-O2", "-c", "-o", "wide.o", "wide.c"}},
	{group: shallow, name: "python3 -c 'import asyncio, json, ssl'", argv: []string{"/usr/bin/python3", "-c", "import asyncio, json, ssl"}, count: 3, repeat: true},
	{group: shallow, name: "perl -e, regular expressions", argv: []string{"/usr/bin/perl", "-MData::Dumper", "-e", `print length Dumper([map {s/(\d)(\d*)/$2$1/r} 1..500])`}, count: 5, repeat: true},
	{group: shallow, name: "true, dynamic", argv: []string{"/usr/bin/true"}, count: 20, repeat: true, wall: true},

	{group: processes, name: "bash: for ... do /bin/true", argv: []string{"/bin/bash", "-c", "for i in $(seq {}); do /bin/true; done"}, count: 50, wall: true},
	{group: processes, name: "bash: $(echo)", argv: []string{"/bin/bash", "-c", "for i in $(seq {}); do x=$(echo $i); done"}, count: 50, wall: true},
	{group: processes, name: "fork and wait", argv: []string{"/tmp/process", "fork", "{}"}, count: 200, wall: true},
	{group: processes, name: "posix_spawn, static", argv: []string{"/tmp/process", "spawn", "{}", "/tmp/process"}, count: 50, wall: true},
	{group: processes, name: "posix_spawn, dynamic", argv: []string{"/tmp/process", "spawn", "{}", "/bin/true"}, count: 50, wall: true},
}

// started are programs of ours whose start and end count.
var started = []row{
	{group: shallow, name: "hello, static", source: "system/hello.c", count: 50, repeat: true, wall: true},
}

// helpers are programs that are compiled whatever is asked for.
var helpers = []row{{source: "system/process.c"}, {source: "system/latency.c"}, {source: "system/hello.c"}}

func (r *row) fullName() string { return r.group + "/" + r.name }

// program is the name of the compiled program.
func (r *row) program() string {
	name := strings.ReplaceAll(strings.TrimPrefix(r.source, "system/"), "/", "-")
	return strings.TrimSuffix(name, path.Ext(name))
}

// arguments are those of one of our programs.
func (r *row) arguments(c *config) []string {
	if strings.HasPrefix(r.source, "system/") {
		return r.args
	}
	return append([]string{strconv.Itoa(c.scale)}, r.args...)
}

// command is that of one of Debian's programs.
func (r *row) command() []string {
	var argv []string
	for _, a := range r.argv {
		argv = append(argv, strings.ReplaceAll(a, "{}", strconv.Itoa(r.count)))
	}
	return argv
}

// allRows is the whole set.
func allRows() []row {
	return slices.Concat(programs, started, debian)
}

// selected returns the rows that are asked for.
func selected(c *config, all []row) []row {
	var rows []row
	for _, r := range all {
		if c.filter.MatchString(r.fullName()) {
			rows = append(rows, r)
		}
	}
	return rows
}
