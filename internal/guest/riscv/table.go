package riscv

import (
	"fmt"
	"sync"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// Table returns all instructions, base ones first. The caller must not change it.
func Table() []encoding.Row { return rows }

var rowsByName = sync.OnceValue(func() map[string]*encoding.Row {
	m := make(map[string]*encoding.Row, len(rows))
	for i := range rows {
		m[rows[i].Name] = &rows[i]
	}
	return m
})

// Encode assembles an instruction from the values of its fields; see
// encoding.Row.Encode. The name is the table's, such as "c.addi".
func Encode(name string, fields map[string]int64) (uint32, error) {
	r := rowsByName()[name]
	if r == nil {
		return 0, fmt.Errorf("no instruction %q", name)
	}
	return r.Encode(fields)
}
