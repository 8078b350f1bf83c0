// A Go program, whose frames have no frame pointer.
package main

import (
	"fmt"
	"os"
	"strconv"
)

var table [1024]uint64

func work(n uint64) (s uint64) {
	for i := range n {
		s = s*31 + table[i&1023]
		table[s&1023] = s
	}
	return s
}

//go:noinline
func one(n uint64) uint64 { return work(n) }

//go:noinline
func three(n uint64) uint64 { return work(3 * n) }

//go:noinline
func both(n uint64) uint64 { return one(n) + three(n) }

func main() {
	n, err := strconv.ParseUint(os.Args[1], 10, 64)
	if err != nil {
		panic(err)
	}
	fmt.Println(both(n))
}
