//go:build linux

package uapi

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Mmap is what mmap(2) has been asked for. anonymous says that no file is to be mapped.
func Mmap(args *[6]uint64) (r mem.Request, anonymous bool, e syscall.Errno) {
	flags := int(uint32(args[3]))
	r = mem.Request{Addr: args[0], Len: args[1], Prot: ProtOf(args[2]), Offset: args[5]}
	anonymous = flags&unix.MAP_ANONYMOUS != 0
	switch flags & unix.MAP_TYPE {
	case unix.MAP_PRIVATE:
	case unix.MAP_SHARED_VALIDATE:
		if anonymous {
			return r, anonymous, syscall.EINVAL
		}
		r.Flags |= mem.MapShared
	case unix.MAP_SHARED:
		r.Flags |= mem.MapShared
	default:
		return r, anonymous, syscall.EINVAL
	}
	for _, f := range [...]struct {
		linux int
		space mem.Flags
	}{
		{unix.MAP_FIXED, mem.MapFixed}, {unix.MAP_FIXED_NOREPLACE, mem.MapFixedNoReplace},
		{unix.MAP_NORESERVE, mem.MapNoReserve}, {unix.MAP_GROWSDOWN, mem.MapGrowsDown},
	} {
		if flags&f.linux != 0 {
			r.Flags |= f.space
		}
	}
	if anonymous {
		r.Offset = 0
	}
	return r, anonymous, 0
}

// ProtOf takes the permissions out of a PROT_ argument; riscv knows no others.
func ProtOf(v uint64) mem.Prot { return mem.Prot(v & 7) }

// Mprotect is mprotect(2); an error wraps a syscall.Errno.
func Mprotect(as *mem.Space, addr, n, prot uint64) error {
	const growsDownUp = unix.PROT_GROWSDOWN | unix.PROT_GROWSUP
	if prot&^(7|growsDownUp) != 0 || prot&growsDownUp == growsDownUp {
		return syscall.EINVAL
	}
	if prot&growsDownUp != 0 && n != 0 && addr%as.PageSize() == 0 {
		v, ok := as.Lookup(addr) // no memory grows upwards
		switch {
		case !ok:
			return syscall.ENOMEM
		case !v.GrowsDown || prot&unix.PROT_GROWSUP != 0:
			return syscall.EINVAL
		}
		n += addr - v.Start
		addr = v.Start
	}
	return as.Mprotect(addr, n, ProtOf(prot))
}
