package main

// benchmark is one guest program: bench/NAME.c.
type benchmark struct {
	name  string
	group string // geometric means are per group
}

// benchmarks are ordered by group.
var benchmarks = []benchmark{
	{"loop", "integer"},
	{"sieve", "integer"},
	{"sort", "integer"},
	{"sha256", "integer"},
	{"fib", "integer"},
	{"hashmap", "integer"},
	{"matmul", "float"},
	{"nbody", "float"},
	{"mandelbrot", "float"},
	{"memcpy", "memory"},
	{"stream", "memory"},
	{"chase", "memory"},
	{"threads", "threads"},
}
