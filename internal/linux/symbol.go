//go:build linux && amd64

package linux

import (
	"fmt"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/symbols"
)

// symbolTables has the symbols of the files that guest code comes from.
type symbolTables struct {
	mu     sync.Mutex
	tables map[symbolFile]*symbols.Table // nil for files without
}

type symbolFile struct{ dev, ino uint64 }

// Symbol says what guest code at an address is called: "function+0x8", "file+0x1000" by
// the place in a file, or "" for code of which nothing is known.
func (p *Process) Symbol(pc uint64) string {
	v, ok := p.Mem.Lookup(pc)
	switch {
	case !ok:
		return ""
	case v.File == nil && v.Name == "":
		return ""
	case v.File == nil:
		return fmt.Sprintf("%s+%#x", v.Name, pc-v.Start)
	}
	offset := pc - v.Start + v.Offset
	if t := p.symbolTables.of(p, v.File); t != nil {
		if name, distance, ok := t.At(offset); ok {
			return fmt.Sprintf("%s+%#x", name, distance)
		}
	}
	return fmt.Sprintf("%s+%#x", path.Base(v.File.Path), offset)
}

// of returns the symbols of a mapped file, or nil.
func (s *symbolTables) of(p *Process, f *mem.File) *symbols.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := symbolFile{f.Dev, f.Ino}
	t, ok := s.tables[id]
	if !ok {
		if s.tables == nil {
			s.tables = map[symbolFile]*symbols.Table{}
		}
		t = p.readSymbols(f)
		s.tables[id] = t
	}
	return t
}

// readSymbols reads the symbols of a mapped file, if its name still leads to it.
func (p *Process) readSymbols(f *mem.File) *symbols.Table {
	file, err := p.OpenMapped(f)
	if err != nil {
		return nil
	}
	defer file.Close()
	t, _ := symbols.Read(file)
	return t
}

// OpenMapped opens the file of a mapping, if its name still leads to it.
func (p *Process) OpenMapped(f *mem.File) (*os.File, error) {
	file, _, err := p.openProgram(f.Path)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(file.Fd()), &st); err == nil && (st.Dev != f.Dev || st.Ino != f.Ino) {
		err = unix.ESTALE
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
