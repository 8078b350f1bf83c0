package libc

import (
	"encoding/binary"
	"slices"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
)

// signature is what a function of a known library is known by. The first instructions of all of them are in
// prefixes: most code is found to be none of them at once.
type signature struct {
	hash uint64 // of all its code
	fn   ir.Function
}

// Promising reports whether code, which need not be all, may be that of a function which Find
// finds: it is a quick way to tell that it is not.
func Promising(code []byte) bool {
	hash := uint64(seed)
	for range prefixLength {
		if len(code) < 8 {
			return len(code) > 0
		}
		i := decode(binary.LittleEndian.Uint32(code))
		if i.kind == pcRelative {
			i = i.with(decode(binary.LittleEndian.Uint32(code[4:])))
		}
		hash = mix(hash, i.hashed())
		code = code[i.size:]
	}
	return isPrefix(hash)
}

// Find returns the function whose code is at pc, or ir.NoFunction, and where that code is:
// that at pc first, the rest, of functions that it calls, in the order of addresses. gp is the guest's global pointer, relative to which static programs
// have constants.
func Find(read Memory, pc, gp uint64) (f ir.Function, code []guest.Span) {
	w := newWalker(read, gp)
	w.known = isPrefix
	if !w.walk(pc) {
		return ir.NoFunction, nil
	}
	for _, s := range signatures {
		if s.hash == w.hash {
			return s.fn, merged(w.spans, pc)
		}
	}
	return ir.NoFunction, nil
}

// isPrefix reports whether a known function's first instructions have a hash.
func isPrefix(hash uint64) bool {
	_, ok := slices.BinarySearch(prefixes[:], hash)
	return ok
}

// Sign returns what Find knows the function at pc by: hashes of all its code, and of its first instructions. ok is false
// if its code depends on more than its arguments and the memory that they point to.
func Sign(read Memory, pc, gp uint64) (hash uint64, prefixes []uint64, ok bool) {
	w := newWalker(read, gp)
	ok = w.walk(pc)
	return w.hash, w.prefixes, ok
}
