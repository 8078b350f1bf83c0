//go:build linux && amd64

package prof

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"io"
	"os"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/symbols"
	"github.com/hospes-vm/hospes/internal/unwind"
)

// object is a file that guest code is from.
type object struct {
	name    string
	buildID string // in hexadecimal, or ""
	tables  []unwind.Table
	symbols *symbols.Table // nil for none
	loads   []elf.ProgHeader
	open    func() (io.ReaderAt, func(), error)

	// Of the mapping through which its code was first seen.
	start, end, offset uint64
	bias               uint64 // added to addresses in the file
}

// objects are those of a process.
type objects struct {
	space  *mem.Space
	open   func(*mem.File) (*os.File, error)
	vdso   []byte
	byFile map[fileID]*object
}

type fileID struct {
	dev, ino uint64
	name     string // of what is no file
}

// at is the object that a guest address is in, and the address there. It is nil for code that is of no
// file; ok says whether code can be there at all.
func (o *objects) at(pc uint64) (obj *object, addr uint64, ok bool) {
	v, found := o.space.Lookup(pc)
	if !found || v.Prot&mem.Exec == 0 {
		return nil, 0, false
	}
	id := fileID{name: v.Name}
	if v.File != nil {
		id = fileID{v.File.Dev, v.File.Ino, ""}
	} else if v.Name != vdsoName {
		return nil, pc, true
	}
	obj, known := o.byFile[id]
	if !known {
		obj = o.read(&v)
		o.byFile[id] = obj
	}
	offset := pc - v.Start + v.Offset
	for _, p := range obj.loads {
		if offset >= p.Off && offset-p.Off < p.Filesz {
			addr = offset - p.Off + p.Vaddr
			obj.bias = pc - addr
			return obj, addr, true
		}
	}
	return nil, pc, true
}

const vdsoName = "[vdso]"

// read reads the file that a mapping is of. One that cannot be read has no segments.
func (o *objects) read(v *mem.VMA) *object {
	obj := &object{name: v.Name, start: v.Start, end: v.End, offset: v.Offset}
	if v.File == nil {
		obj.open = func() (io.ReaderAt, func(), error) { return bytes.NewReader(o.vdso), func() {}, nil }
	} else {
		file := *v.File
		obj.name = file.Path
		obj.open = func() (io.ReaderAt, func(), error) {
			f, err := o.open(&file)
			return f, func() { _ = f.Close() }, err
		}
	}
	r, done, err := obj.open()
	if err != nil {
		return obj
	}
	defer done()
	f, err := elf.NewFile(r)
	if err != nil {
		return obj
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			obj.loads = append(obj.loads, p.ProgHeader)
		}
	}
	if c := unwind.ReadCFI(f); c != nil {
		obj.tables = append(obj.tables, c)
	}
	if g := unwind.ReadGoTable(f); g != nil {
		obj.tables = append(obj.tables, g)
	}
	obj.symbols, _ = symbols.Read(r)
	obj.buildID = buildID(f)
	return obj
}

// noteGNUBuildID is the type of the note that has a GNU build ID.
const noteGNUBuildID = 3

// buildID is a file's, in hexadecimal, or "".
func buildID(f *elf.File) string {
	s := f.Section(".note.gnu.build-id")
	if s == nil {
		return ""
	}
	b, err := s.Data()
	if err != nil || len(b) < 16 {
		return ""
	}
	name, desc, kind := f.ByteOrder.Uint32(b), f.ByteOrder.Uint32(b[4:]), f.ByteOrder.Uint32(b[8:])
	if kind != noteGNUBuildID || name != 4 || uint64(desc) > uint64(len(b)-16) {
		return ""
	}
	return hex.EncodeToString(b[16 : 16+desc])
}

// function is the code of the function that has an address, and its name as far as that is known.
func (o *object) function(addr uint64) (start, end uint64, ok bool) {
	for _, t := range o.tables {
		if start, end, ok = t.Function(addr); ok {
			return start, end, true
		}
	}
	if o.symbols != nil {
		start, end, _, ok = o.symbols.Function(addr)
	}
	return start, end, ok
}
