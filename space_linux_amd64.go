package hospes

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/direct"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/mem/subpage"
	"github.com/hospes-vm/hospes/internal/mem/table"
)

// addressBits is the default of Config.AddressBits: user space on a RISC-V machine with
// sv39 translation.
const addressBits = 38

// newSpace returns an empty address space as configured.
func newSpace(cfg Config) (*mem.Space, error) {
	page, bits := cfg.PageSize, cfg.AddressBits
	if page == 0 {
		page = mem.PageSize
	}
	if bits == 0 {
		bits = addressBits
	}
	if err := checkMemory(page, cfg.HostPageSize, bits); err != nil {
		return nil, err
	}
	m, err := newMapping(cfg.Mapping, 1<<bits)
	if err != nil {
		return nil, err
	}
	if host := max(cfg.HostPageSize, os.Getpagesize()); host > page {
		if cfg.Mapping != Offset {
			return nil, fmt.Errorf("pages of the host larger than the guest's need the offset mapping, not %s", cfg.Mapping)
		}
		if m, err = subpage.New(m, uint64(host)); err != nil {
			return nil, err
		}
	}
	if bits > addressBits && m.Limit() < 1<<bits { // less is for those who have not asked
		_ = m.Close()
		return nil, fmt.Errorf("the host does not grant %d bits of addresses to the %s mapping; table needs none", bits, cfg.Mapping)
	}
	return mem.New(m, uint64(page), stackLimit()), nil
}

func newMapping(kind Mapping, limit uint64) (mem.Mapping, error) {
	switch kind {
	case Table:
		return table.New(limit)
	case Direct:
		return direct.New(limit)
	}
	direct.Forgo()
	return offset.New(limit)
}

func checkMemory(page, hostPage, bits int) error {
	for _, n := range []int{page, max(hostPage, mem.PageSize)} {
		switch n {
		case 4 << 10, 16 << 10, 64 << 10:
		default:
			return fmt.Errorf("page size %d is none of 4096, 16384, 65536", n)
		}
	}
	switch bits {
	case 38, 47, 56:
		return nil
	}
	return fmt.Errorf("%d bits of addresses are none of 38, 47, 56", bits)
}

// unlimitedStack is what a stack without a limit gets, in bytes.
const unlimitedStack = 1 << 30

// stackLimit is the inherited RLIMIT_STACK in bytes: it decides where mappings begin.
func stackLimit() uint64 {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &l) != nil {
		return 8 << 20
	}
	if l.Cur == unix.RLIM_INFINITY {
		return unlimitedStack
	}
	return l.Cur
}
