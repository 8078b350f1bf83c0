package riscv

import (
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
)

func init() {
	fastMapping = "offset"
	mappings["offset"] = func() (mem.Mapping, error) { return offset.New(1 << 38) }
}
