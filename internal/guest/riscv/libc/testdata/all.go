// Command all uses the functions of Go's runtime that are known.
package main

import (
	"bytes"
	"os"
	"strings"
)

func main() {
	x, y := []byte(os.Args[0]), make([]byte, len(os.Args))
	copy(y, x)
	clear(x)
	println(bytes.Compare(x, y), bytes.Equal(x, y), bytes.IndexByte(x, 1), strings.Compare(os.Args[0], "x"))
}
