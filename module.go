package hospes

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Module is a program that can be instantiated any number of times. What is translated for one of its instances
// serves the others. All methods may be called by any goroutine.
type Module struct {
	name  string
	image []byte
	moduleHost

	once    sync.Once // for what follows
	symbols map[string]uint64
	names   []symbol // of functions, by address
	imports []string
}

// symbol is a function of the program's, by its address in the file.
type symbol struct {
	name       string
	start, end uint64
}

// NewModule returns a module of a program: an ELF executable or shared object. The image must not be changed
// any more. name is the program's file name, of which guests see the last part. An error that is about the program is a *LoadError.
//
// Close should be called when no instance is left.
func NewModule(name string, image []byte) (*Module, error) {
	m := &Module{name: name, image: image}
	if err := m.open(); err != nil {
		return nil, err
	}
	return m, nil
}

// OpenModule is NewModule for a file.
func OpenModule(file string) (*Module, error) {
	image, err := os.ReadFile(file)
	if err != nil {
		return nil, &LoadError{Err: err, ExitStatus: exitStatus(err)}
	}
	return NewModule(filepath.ToSlash(file), image)
}

// OpenModuleFS is NewModule for a file of fsys.
func OpenModuleFS(fsys fs.FS, file string) (*Module, error) {
	image, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, &LoadError{Err: err, ExitStatus: exitStatus(err)}
	}
	return NewModule(file, image)
}

// exitStatus is what a shell makes of a program that cannot be read.
func exitStatus(err error) int {
	if os.IsNotExist(err) {
		return 127
	}
	return 126
}

// Name is the last part of the name that the module was made with.
func (m *Module) Name() string { return path.Base(m.name) }

// Imports are the names of the host functions that the program was built to call, by hospes.h; each instance
// has to have them (Options.Functions).
func (m *Module) Imports() []string {
	m.parse()
	return slices.Clone(m.imports)
}

// Functions are the names of the program's functions that an instance can be asked to call. There
// are none in a program that has been stripped.
func (m *Module) Functions() []string {
	m.parse()
	var list []string
	for _, s := range m.names {
		list = append(list, s.name)
	}
	return list
}

// importsSection has the names of host functions: NUL-terminated strings.
const importsSection = "hospes_imports"

// parse reads the tables of the file, once. What is not well-formed is as if it were not there.
func (m *Module) parse() { m.once.Do(m.parseFile) }

func (m *Module) parseFile() {
	m.symbols = map[string]uint64{}
	f, err := elf.NewFile(bytes.NewReader(m.image))
	if err != nil {
		return
	}
	static, _ := f.Symbols()
	dynamic, _ := f.DynamicSymbols()
	for _, s := range append(static, dynamic...) {
		if s.Name == "" || s.Section == elf.SHN_UNDEF || elf.ST_TYPE(s.Info) == elf.STT_SECTION || elf.ST_TYPE(s.Info) == elf.STT_FILE || elf.ST_TYPE(s.Info) == elf.STT_TLS {
			continue
		}
		_, known := m.symbols[s.Name]
		if known && elf.ST_BIND(s.Info) == elf.STB_LOCAL {
			continue
		}
		m.symbols[s.Name] = s.Value
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && !known {
			m.names = append(m.names, symbol{s.Name, s.Value, s.Value + s.Size})
		}
	}
	slices.SortStableFunc(m.names, func(a, b symbol) int { return compare(a.start, b.start) })
	if s := f.Section(importsSection); s != nil {
		if b, err := s.Data(); err == nil {
			m.imports = strings.FieldsFunc(string(b), func(r rune) bool { return r == 0 })
			slices.Sort(m.imports)
			m.imports = slices.Compact(m.imports)
		}
	}
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// symbol is where a symbol of the program is in the file's addresses.
func (m *Module) symbol(name string) (uint64, error) {
	m.parse()
	v, ok := m.symbols[name]
	if !ok {
		return 0, fmt.Errorf("%s: no symbol %q", m.Name(), name)
	}
	return v, nil
}

// function says which function an address of the file is in: "name+0x8", or "" if it is not known.
func (m *Module) function(addr uint64) string {
	m.parse()
	i, found := slices.BinarySearchFunc(m.names, addr, func(s symbol, addr uint64) int { return compare(s.start, addr) })
	if !found {
		i--
	}
	if i < 0 || addr != m.names[i].start && addr >= m.names[i].end {
		return ""
	}
	if n := addr - m.names[i].start; n != 0 {
		return fmt.Sprintf("%s+%#x", m.names[i].name, n)
	}
	return m.names[i].name
}
