package hospes

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/mem/subpage"
	"github.com/hospes-vm/hospes/internal/mem/table"
	"github.com/hospes-vm/hospes/internal/sandbox"
)

// moduleHost is what a module has of the host's.
type moduleHost struct {
	file *os.File  // the image, which nobody can change
	what *mem.File // describes it for mappings

	mu        sync.Mutex // guards what follows
	codes     map[codeKind]*translations
	instances int
	closed    bool
}

// codeKind is what instances must have in common to share translations.
type codeKind struct{ metered bool }

// open makes a file of the image that can be mapped, and checks that it is a program.
func (m *Module) open() (err error) {
	sealed, err := m.makeFile()
	if err != nil {
		return fmt.Errorf("%s: cannot make a file of the program: %w", m.Name(), err)
	}
	defer func() {
		if err != nil {
			m.file.Close()
		}
	}()
	var st unix.Stat_t
	if err := unix.Fstat(int(m.file.Fd()), &st); err != nil {
		return err
	}
	m.what = &mem.File{FD: int(m.file.Fd()), Path: "/" + m.Name(), Dev: st.Dev, Ino: st.Ino, Fixed: sealed}
	// Whether there is its interpreter is for each instance to see.
	interpreted := false
	hdr, err := loader.Probe(loader.Config{
		Arch: riscv.Arch, Limit: maxWindow, PageSize: mem.PageSize, Path: "/" + m.Name(), File: m.program(), Host: "/" + m.Name(),
		Open: func(string) (loader.File, string, error) {
			interpreted = true
			return nil, "", fs.ErrNotExist
		},
	})
	switch {
	case err == nil:
		hdr.Close()
	case interpreted:
		return nil
	}
	return loadError(err)
}

// makeFile makes an anonymous file of the image, and reports whether nobody can change that any more.
func (m *Module) makeFile() (sealed bool, err error) {
	fd, err := unix.MemfdCreate(m.Name(), unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return false, err
	}
	m.file = os.NewFile(uintptr(fd), m.Name())
	if _, err := m.file.Write(m.image); err != nil {
		m.file.Close()
		return false, err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	return err == nil, nil
}

// program is the module's file for the loader.
func (m *Module) program() loader.File { return &programFile{m} }

// programFile is a module as an open file.
type programFile struct{ m *Module }

var _ loader.Mappable = (*programFile)(nil)

func (f *programFile) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(f.m.image)) {
		return 0, io.EOF
	}
	n := copy(b, f.m.image[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (*programFile) Close() error                 { return nil }
func (f *programFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *programFile) Mapped(string) *mem.File    { return f.m.what }

func (f *programFile) Name() string     { return f.m.Name() }
func (f *programFile) Size() int64      { return int64(len(f.m.image)) }
func (*programFile) Mode() fs.FileMode  { return 0o555 }
func (*programFile) ModTime() time.Time { return time.Time{} }
func (*programFile) IsDir() bool        { return false }
func (*programFile) Sys() any           { return nil }

// Close gives back what the module has. There must not be instances any more: then it returns an error, and
// does nothing.
func (m *Module) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	if m.instances > 0 {
		return fmt.Errorf("hospes: %d instances of %s are not closed", m.instances, m.Name())
	}
	m.closed = true
	for _, c := range m.codes {
		c.Close()
	}
	return m.file.Close()
}

// take counts an instance, and returns the translations that it may share.
func (m *Module) take(kind codeKind) (*translations, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("hospes: module %s is closed", m.Name())
	}
	m.instances++
	c := m.codes[kind]
	if c == nil {
		if m.codes == nil {
			m.codes = map[codeKind]*translations{}
		}
		c = new(translations)
		m.codes[kind] = c
	}
	return c, nil
}

func (m *Module) give() {
	m.mu.Lock()
	m.instances--
	m.mu.Unlock()
}

// Windows are reserved as large as memory needs: so there can be many at a time. Four times the memory leave room for
// what lies apart, such as stacks and gaps.
const (
	minWindow = 1 << 27
	maxWindow = 1 << 33
)

// window is how many bytes of addresses an instance gets, a power of two.
func (l *Limits) window() uint64 {
	if l.Memory == 0 || l.Memory >= maxWindow/4 {
		return maxWindow
	}
	return max(minWindow, uint64(1)<<bits.Len64(4*l.Memory-1))
}

// metered reports whether instructions have to be counted.
func (o *Options) metered() bool {
	_, fake := o.Clock.(*FakeClock)
	return fake || o.Limits.Instructions != 0
}

// machines returns what makes the machines of an instance's programs.
func (m *Module) machines(o *Options, code *translations) func() (*sandbox.Machine, error) {
	options := *o
	return func() (*sandbox.Machine, error) {
		mapping, err := options.mapping()
		if err != nil {
			return nil, err
		}
		as := mem.New(mapping, mem.PageSize, stackSize)
		arch, done := options.arch(code)
		return &sandbox.Machine{Mem: as, Arch: arch, Close: done}, nil
	}
}

// mapping makes the memory of a program.
func (o *Options) mapping() (mem.Mapping, error) {
	host := uint64(os.Getpagesize())
	if o.Mapping == Table && host == mem.PageSize {
		return table.New(o.Limits.window())
	}
	m, err := offset.New(o.Limits.window())
	if err != nil || host == mem.PageSize {
		return m, err
	}
	divided, err := subpage.New(m, host)
	if err != nil {
		_ = m.Close()
		return nil, err
	}
	return divided, nil
}

// stackSize is the limit on the first thread's stack in bytes, as Linux has it.
const stackSize = 8 << 20

// loadError gives the loader's errors the exit status of a shell.
func loadError(err error) error {
	var le *loader.Error
	if errors.As(err, &le) {
		return &LoadError{Err: err, ExitStatus: le.ExitStatus()}
	}
	return err
}
