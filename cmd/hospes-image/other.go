//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "hospes: images are for hosts that run Linux programs")
	os.Exit(1)
}
