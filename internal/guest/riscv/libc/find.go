package libc

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
)

// signature is what a function of a known library is known by.
type signature struct {
	hash   uint64 // of all its code
	prefix uint64 // of the first instructions
	long   uint64 // of some more, or 0 if there are not so many
	fn     ir.Function
}

// Promising reports whether code, which need not be all, may be that of a function which Find
// finds: it is a quick way to tell that it is not.
func Promising(code []byte) bool {
	hash := uint64(fnvOffset)
	for range prefixLength {
		if len(code) < 8 {
			return len(code) > 0
		}
		i := decode(binary.LittleEndian.Uint32(code))
		if i.kind == pcRelative {
			i = i.with(decode(binary.LittleEndian.Uint32(code[4:])))
		}
		hash = fnv(hash, i.hashed())
		code = code[i.size:]
	}
	return prefixes[hash]
}

// Find returns the function whose code is at pc, or ir.NoFunction, and where that code is:
// that at pc first, the rest, of functions that it calls, in the order of addresses. gp is the guest's global pointer, relative to which static programs
// have constants.
func Find(read Memory, pc, gp uint64) (f ir.Function, code []guest.Span) {
	w := newWalker(read, gp)
	w.known = prefixes
	if !w.walk(pc) {
		return ir.NoFunction, nil
	}
	if f = functions[w.hash]; f == ir.NoFunction {
		return f, nil
	}
	return f, merged(w.spans, pc)
}

// functions has the known functions by the hash of all their code, prefixes the hashes of
// their first instructions: most code is found to be none of them at once.
var functions, prefixes = func() (map[uint64]ir.Function, map[uint64]bool) {
	f, p := map[uint64]ir.Function{}, map[uint64]bool{}
	for _, s := range signatures {
		f[s.hash], p[s.prefix], p[s.long] = s.fn, true, true
	}
	return f, p
}()

// Sign returns what Find knows the function at pc by, the fields of a signature. ok is false if its code depends on more than its
// arguments and the memory that they point to.
func Sign(read Memory, pc, gp uint64) (hash, prefix, long uint64, ok bool) {
	w := newWalker(read, gp)
	ok = w.walk(pc)
	return w.hash, w.prefix, w.long, ok
}
