package riscv

import (
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/mem/subpage"
)

func init() {
	mappings["offset"] = func() (mem.Mapping, error) { return offset.New(1 << 38) }
	mappings["divided"] = func() (mem.Mapping, error) {
		m, err := offset.New(1 << 38)
		if err != nil {
			return nil, err
		}
		return subpage.New(m, 16*mem.PageSize)
	}
	fastMapping = "offset"
}
