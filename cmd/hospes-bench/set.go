package main

import (
	"path"
	"strconv"
	"strings"
)

// The groups, over each of which there is a geometric mean.
const (
	integer = "integer"
	float   = "float"
	memory  = "memory"
	threads = "threads"
)

// row is one thing to measure.
type row struct {
	group, name string
	source      string   // in bench/: a file of C or C++, or the directory of a Go program
	args        []string // after the scale
}

// programs is the set of our own. Each takes 0.2 to 0.5 seconds natively, at the default scale.
var programs = []row{
	{integer, "loop", "loop.c", nil},
	{integer, "sieve", "sieve.c", nil},
	{integer, "sort", "sort.c", nil},
	{integer, "sha256", "sha256.c", nil},
	{integer, "crc", "crc.c", nil},
	{integer, "divide", "divide.c", nil},
	{integer, "fib", "fib.c", nil},
	{integer, "indirect", "indirect.c", nil},
	{integer, "interp", "interp.c", nil},
	{integer, "hashmap", "hashmap.c", nil},
	{integer, "lz", "lz.c", nil},
	{integer, "strings", "strings.c", nil},
	{integer, "c++-virtual", "virtual.cc", nil},
	{integer, "c++-containers", "containers.cc", nil},
	{integer, "c++-alloc", "alloc.cc", nil},
	{integer, "go-maps", "go/maps", nil},
	{integer, "go-json", "go/json", nil},
	{integer, "go-trees", "go/trees", nil},
	{float, "matmul", "matmul.c", nil},
	{float, "nbody", "nbody.c", nil},
	{float, "mandelbrot", "mandelbrot.c", nil},
	{float, "single", "single.c", nil},
	{float, "libm", "libm.c", nil},
	{memory, "memcpy", "memcpy.c", nil},
	{memory, "stream", "stream.c", nil},
	{memory, "chase", "chase.c", nil},
	{threads, "one", "threads.c", []string{"1"}},
	{threads, "two", "threads.c", []string{"2"}},
	{threads, "go-channels", "go/channels", nil},
}

func (r *row) fullName() string { return r.group + "/" + r.name }

// program is the name of the compiled program.
func (r *row) program() string {
	name := strings.ReplaceAll(r.source, "/", "-")
	return strings.TrimSuffix(name, path.Ext(name))
}

// arguments are the program's.
func (r *row) arguments(c *config) []string {
	return append([]string{strconv.Itoa(c.scale)}, r.args...)
}

// selected returns the rows that are asked for.
func selected(c *config) []row {
	var rows []row
	for _, r := range programs {
		if c.filter.MatchString(r.fullName()) {
			rows = append(rows, r)
		}
	}
	return rows
}
