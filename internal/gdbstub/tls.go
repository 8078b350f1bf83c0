package gdbstub

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest"
)

// Addresses of thread-local variables (qGetTLSAddr). The executable's are at the thread pointer. A
// library's are in a block that the thread's vector (dtv) leads to, if the thread has used it. Where these
// things are in its structures glibc tells debuggers by descriptors (nptl_db/structs.def), the symbols of
// which GDB looks up (qSymbol).

// descriptor is one of glibc's, db_desc_t: the size of a field in bits, how many there are, and the
// offset in its structure.
type descriptor struct {
	size   uint32
	count  int32
	offset uint32
}

// The symbols that are looked up, in this order.
const (
	symRegister = iota // how to find struct pthread: a register's place in NT_PRSTATUS, and in count what is added
	symVector          // the vector's address in struct pthread
	symEntry           // an entry of it
	symBlock           // the block's address in an entry
	symModule          // the index in the vector, in struct link_map
)

var tlsSymbols = [...]string{
	symRegister: "_thread_db_register64",
	symVector:   "_thread_db_pthread_dtvp",
	symEntry:    "_thread_db_dtv_dtv",
	symBlock:    "_thread_db_dtv_t_pointer_val",
	symModule:   "_thread_db_link_map_l_tls_modid",
}

// symbol is qSymbol:value:name: GDB can look up symbols, or has, if there is a name. A symbol that is
// not there has no value. The answer is the next that is wanted.
func (s *server) symbol(rest string) string {
	value, name, _ := strings.Cut(rest, ":")
	next := 0
	if b, err := hex.DecodeString(name); err != nil {
		return badRequest
	} else if len(b) > 0 {
		for next < len(tlsSymbols) && tlsSymbols[next] != string(b) {
			next++
		}
		addr, there := number(value)
		if next == len(tlsSymbols) || !there {
			return ok // without one of them the others are of no use
		}
		s.symbols[next] = addr
		next++
	}
	if next == len(tlsSymbols) {
		return ok
	}
	return "qSymbol:" + hex.EncodeToString([]byte(tlsSymbols[next]))
}

// tlsAddress is qGetTLSAddr: thread, offset in the block, and struct link_map of the file, 0 in static programs.
func (s *server) tlsAddress(rest string) string {
	who, where, _ := strings.Cut(rest, ",")
	id, valid := s.id(who)
	a, numeric := numbers(where, 2)
	if !valid || !numeric || !s.isThread(id) {
		return badRequest
	}
	offset, file := a[0], a[1]
	block, found := s.threadPointer(id)
	if file != 0 && file != s.linkMap() {
		block, found = s.tlsBlock(id, file)
	}
	if !found {
		return failure
	}
	return strconv.FormatUint(block+offset, 16)
}

// threadPointer is the address of the executable's block.
func (s *server) threadPointer(id ID) (uint64, bool) {
	for i := range s.registers {
		if r := &s.registers[i]; r.ThreadPointer {
			set := s.t.Regset(id, r.Note)
			return binary.LittleEndian.Uint64(r.Get(set)), len(set) > 0
		}
	}
	return 0, false
}

// tlsBlock is the address of a thread's block of a library.
func (s *server) tlsBlock(id ID, file uint64) (uint64, bool) {
	var d [len(tlsSymbols)]descriptor
	for i, addr := range s.symbols {
		if w := s.words(addr, 2); addr == 0 || w == nil {
			return 0, false
		} else {
			d[i] = descriptor{uint32(w[0]), int32(w[0] >> 32), uint32(w[1])}
		}
	}
	field := func(base uint64, f descriptor) uint64 {
		if w := s.words(base+uint64(f.offset), 1); w != nil && f.size == 64 {
			return w[0]
		}
		return 0
	}
	set, at := s.t.Regset(id, guest.NT_PRSTATUS), uint64(d[symRegister].offset)
	if at+8 > uint64(len(set)) {
		return 0, false
	}
	thread := binary.LittleEndian.Uint64(set[at:]) + uint64(int64(d[symRegister].count))
	module, vector := field(file, d[symModule]), field(thread, d[symVector])
	if module == 0 || vector == 0 {
		return 0, false
	}
	const unallocated = ^uint64(0) // the thread has not used the library's variables
	entry := vector + uint64(d[symEntry].offset) + module*uint64(d[symEntry].size/8)
	block := field(entry, d[symBlock])
	return block, block != 0 && block != unallocated
}
