// Command trees allocates binary trees, most of them short-lived: the collector's work.
package main

import (
	"fmt"
	"os"
	"strconv"
)

type node struct {
	left, right *node
	value       uint32
}

func build(depth int, value uint32) *node {
	n := &node{value: value}
	if depth > 0 {
		n.left, n.right = build(depth-1, 2*value), build(depth-1, 2*value+1)
	}
	return n
}

func (n *node) sum() uint32 {
	if n == nil {
		return 1
	}
	return n.value + 3*n.left.sum() + 5*n.right.sum()
}

func main() {
	scale, _ := strconv.Atoi(os.Args[1])
	long := build(15, 1)
	var sum uint32
	for i := range scale * 110 {
		sum = sum*31 + build(12, uint32(i)).sum()
	}
	fmt.Printf("%08x\n", sum^long.sum())
}
