package loader

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Config is what execve(2) is given, and what the new process will be told.
type Config struct {
	Arch guest.Arch

	// Limit is the end of the guest's address space (mem.Space.Limit).
	Limit uint64

	// PageSize is the guest's page size in bytes (mem.Space.PageSize); 0 means 4 KiB.
	PageSize uint64

	// Open opens a file by the guest's name for it, which may lie in a sysroot, and
	// also returns its name on the host. Nil means names are the host's.
	Open func(path string) (f File, host string, err error)

	// Guest is the guest's name for an absolute path of the host; what
	// /proc/self/maps and /proc/self/exe show. Nil means that names that are absolute
	// stay as they are, and others become the host's.
	Guest func(host string) string

	// Path is the program as the caller named it.
	Path string
	// File is the program if it is open already (fexecve); Host is then its name on
	// the host. Probe takes it over.
	File File
	Host string
	// Inaccessible says that Path will not be there after the exec, as /dev/fd/N of
	// a close-on-exec descriptor: scripts cannot be run then.
	Inaccessible bool

	Argv, Env []string
	ExecFn    string // AT_EXECFN; empty means Path

	// Embedded says that there is no command, of which errors could name options.
	Embedded bool
	// Compact has the vdso lie behind the stack, so that memory of the program is in few places.
	Compact   bool
	StackSize uint64 // RLIMIT_STACK in bytes; 0 means 8 MiB
	Random    [16]byte

	UID, EUID, GID, EGID uint32
	Secure               bool // AT_SECURE: a set-id program
}

// File is an open program file: an *os.File, or one that is none of the host's.
type File interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// Mappable is a File, none of the host's, that knows how to map it. Others are copied into memory.
type Mappable interface {
	File
	// Mapped describes the file for mappings; path is the guest's name for it.
	Mapped(path string) *mem.File
}

// Program is a checked program with its files open, ready to be loaded.
type Program struct {
	cfg    Config
	argv   []string // as the program will see it
	main   *object
	interp *object // nil without PT_INTERP
	script bool    // main is the interpreter of a script
}

// object is an open ELF file.
type object struct {
	f    File
	name string // as the caller, #! or PT_INTERP has it
	path string // absolute, as the guest sees it
	host string // absolute, on the host
	file *mem.File
	hdr  header
	segs []segment
	page pageSize
}

// newObject describes an open file; host is the name it was opened by.
func (p *Program) newObject(f File, name, host string) *object {
	o := &object{f: f, name: name, path: name, host: host, page: p.cfg.page()}
	if onHost, ok := f.(*os.File); ok {
		o.host = realPath(onHost, host)
	}
	switch {
	case p.cfg.Guest != nil:
		o.path = p.cfg.Guest(o.host)
	case !filepath.IsAbs(name):
		o.path = o.host
	}
	return o
}

// absPath makes a host path absolute.
func absPath(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name // there is no working directory
}

// Probe finds out whether the program can run. It follows #! lines, finds the
// ELF interpreter, and checks all headers and the size of the arguments. The
// error is an *Error with the errno of execve(2). Guest memory is not touched.
func Probe(cfg Config) (*Program, error) {
	if cfg.ExecFn == "" {
		cfg.ExecFn = cfg.Path
	}
	if cfg.Open == nil {
		cfg.Open = openHost
	}
	p := &Program{cfg: cfg, argv: slices.Clone(cfg.Argv)}
	if len(p.argv) == 0 {
		p.argv = []string{""} // as Linux does since 5.18
	}
	if err := p.probe(); err != nil {
		p.Close()
		err.Path = cfg.Path
		return nil, err
	}
	return p, nil
}

func openHost(path string) (File, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	return f, path, nil
}

// probe does the work of Probe. Errors are without a path, which is the
// caller's; only the main program may close p's files.
func (p *Program) probe() *Error {
	budget, err := newArgBudget(&p.cfg, p.argv)
	f, host := p.cfg.File, p.cfg.Host
	if f == nil {
		var e error
		if f, host, e = p.cfg.Open(p.cfg.Path); e != nil {
			return &Error{Msg: reason(e), Errno: errnoOf(e)}
		}
	}
	p.main = p.newObject(f, p.cfg.Path, host)
	if err != nil {
		return err
	}
	if err := p.followScripts(budget); err != nil {
		return err
	}
	return p.findInterpreter()
}

// followScripts replaces p.main by the interpreter while it is a script, then
// parses it.
func (p *Program) followScripts(budget argBudget) *Error {
	for depth := 0; ; depth++ {
		if depth > maxDepth {
			return &Error{Msg: "too many levels of #! interpreters", Errno: _ELOOP}
		}
		if err := checkExecutable(p.main.f); err != nil {
			return p.inScript(depth, err)
		}
		head, err := readHead(p.main.f)
		if err != nil {
			return p.inScript(depth, &Error{Msg: reason(err), Errno: errnoOf(err)})
		}
		if !isScript(head) {
			return p.inScript(depth, p.parseMain(head))
		}
		if err := p.enterScript(head, budget); err != nil {
			return p.inScript(depth, err)
		}
	}
}

// inScript makes clear that err is about an interpreter, not the script itself.
func (p *Program) inScript(depth int, err *Error) *Error {
	switch {
	case err != nil && err.Foreign != nil && depth > 0:
		err.Msg = fmt.Sprintf("its interpreter %s is a program of this host (%s), not of the guest%s",
			p.main.name, guest.MachineName(err.Foreign.Machine), p.cfg.hint("give a root that has one with -L, or run the script without hospes"))
	case err != nil && depth > 0:
		err.Msg = fmt.Sprintf("interpreter %s: %s", p.main.name, err.Msg)
	}
	return err
}

// hint is advice about the command's options, as an error shows it.
func (c *Config) hint(text string) string {
	if c.Embedded {
		return ""
	}
	return " (" + text + ")"
}

// enterScript opens the interpreter that the #! line in head names.
func (p *Program) enterScript(head []byte, budget argBudget) *Error {
	s, err := parseScript(head)
	switch {
	case err != nil:
		return &Error{Msg: err.Error(), Errno: _ENOEXEC}
	case p.cfg.Inaccessible:
		return &Error{Msg: "a #! script behind a close-on-exec descriptor cannot be run", Errno: _ENOENT}
	}
	p.argv = s.rewrite(p.main.name, p.argv)
	if err := budget.check(&p.cfg, p.argv); err != nil {
		return err
	}
	if s.interp == "" { // to the kernel that is the working directory
		return &Error{Msg: "#! line without an interpreter", Errno: _EACCES}
	}
	f, host, err := p.cfg.Open(s.interp)
	if err != nil {
		return &Error{Msg: fmt.Sprintf("#! interpreter %s: %s", s.interp, reason(err)), Errno: errnoOf(err)}
	}
	p.main.f.Close()
	p.main, p.script = p.newObject(f, s.interp, host), true
	return nil
}

// checkExecutable applies the checks of execve(2) to an open file.
func checkExecutable(f File) *Error {
	st, err := f.Stat()
	switch {
	case err != nil:
		return &Error{Msg: reason(err), Errno: errnoOf(err)}
	case st.IsDir():
		return &Error{Msg: "is a directory", Errno: _EACCES}
	case !st.Mode().IsRegular():
		return &Error{Msg: "not a regular file", Errno: _EACCES}
	case !mayExecute(f, st.Mode()):
		return &Error{Msg: "no permission to execute it", Errno: _EACCES}
	}
	return nil
}

// readHead reads the first bytes of a file; fewer than headSize if it is short.
func readHead(f io.ReaderAt) ([]byte, error) {
	b := make([]byte, headSize)
	n, err := f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}

// parseMain parses p.main as the program to run.
func (p *Program) parseMain(head []byte) *Error {
	if !isELF(head) {
		return &Error{Msg: "neither an ELF program nor a #! script", Errno: _ENOEXEC}
	}
	b := p.main
	b.hdr = parseHeader(head)
	if foreign, err := b.checkHeader(p.cfg.Arch); err != nil {
		e := &Error{Msg: err.Error(), Errno: _ENOEXEC}
		if foreign {
			e.Foreign = &Foreign{b.hdr.machine, b.hdr.class, p.script, b.host, p.argv}
		}
		return e
	}
	if err := b.readSegments(); err != nil {
		return &Error{Msg: err.Error(), Errno: _ENOEXEC}
	}
	if err := checkLoads(b.segs, 0, p.cfg.Limit, b.page); err != nil {
		return &Error{Msg: err.Error(), Errno: _EINVAL}
	}
	return nil
}

// checkHeader reports why a program cannot run on arch; foreign says that it is
// a program for another machine.
func (b *object) checkHeader(arch guest.Arch) (foreign bool, err error) {
	h := &b.hdr
	if h.typ != elf.ET_EXEC && h.typ != elf.ET_DYN {
		return false, fmt.Errorf("not an executable program (ELF type %s)", strings.TrimPrefix(h.typ.String(), "ET_"))
	}
	flags := h.flags
	if h.class != elf.ELFCLASS64 || h.data != elf.ELFDATA2LSB {
		flags = 0 // they are elsewhere
	}
	if err := arch.CheckELF(h.machine, flags); err != nil {
		return true, err
	}
	switch {
	case h.class != elf.ELFCLASS64:
		return true, fmt.Errorf("not a 64-bit program (ELF machine %s)", guest.MachineName(h.machine))
	case h.data != elf.ELFDATA2LSB:
		return true, errors.New("not a little-endian program")
	}
	return false, nil
}

func (b *object) readSegments() (err error) {
	if b.segs, err = readSegments(b.f, &b.hdr, b.page); err == nil {
		b.file, err = b.identify()
	}
	return err
}

// identify describes the file for mappings of it.
func (b *object) identify() (*mem.File, error) {
	switch f := b.f.(type) {
	case *os.File:
		return identify(f, b.path)
	case Mappable:
		return f.Mapped(b.path), nil
	}
	return &mem.File{FD: -1, Path: b.path, Content: b.f}, nil
}

// findInterpreter opens and checks what PT_INTERP names.
func (p *Program) findInterpreter() *Error {
	path, e := interpreter(p.main.f, p.main.segs)
	if e != nil || path == "" && !hasInterp(p.main.segs) {
		return e
	}
	f, host, err := p.cfg.Open(path)
	if err != nil {
		msg := fmt.Sprintf("interpreter %s: %s", path, reason(err))
		if errnoOf(err) == _ENOENT {
			msg = fmt.Sprintf("interpreter %s not found%s", path, p.cfg.hint("give the sysroot with -L"))
		}
		return &Error{Msg: msg, Errno: errnoOf(err)}
	}
	p.interp = p.newObject(f, path, host)
	if e := p.parseInterp(); e != nil {
		e.Msg = fmt.Sprintf("interpreter %s: %s", path, e.Msg)
		return e
	}
	return nil
}

// parseInterp parses p.interp. A file that cannot be an interpreter gives ELIBBAD.
func (p *Program) parseInterp() *Error {
	b := p.interp
	if err := checkExecutable(b.f); err != nil {
		return err
	}
	head, err := readHead(b.f)
	switch {
	case err != nil:
		return &Error{Msg: reason(err), Errno: errnoOf(err)}
	case len(head) < ehdrSize:
		return &Error{Msg: "truncated ELF header", Errno: _EIO}
	case !isELF(head):
		return &Error{Msg: "not an ELF file", Errno: _ELIBBAD}
	}
	b.hdr = parseHeader(head)
	if _, err := b.checkHeader(p.cfg.Arch); err != nil {
		return &Error{Msg: err.Error(), Errno: _ELIBBAD}
	}
	if err := b.readSegments(); err != nil {
		return &Error{Msg: err.Error(), Errno: _ELIBBAD}
	}
	if err := checkLoads(b.segs, b.base(), p.cfg.Limit, b.page); err != nil {
		return &Error{Msg: err.Error(), Errno: _ELIBBAD}
	}
	return nil
}

// base is the address that an interpreter's segments count from: one that is
// position-independent may be linked anywhere.
func (b *object) base() uint64 {
	if b.hdr.typ == elf.ET_DYN {
		if i := slices.IndexFunc(b.segs, isLoad); i >= 0 {
			return b.page.down(b.segs[i].vaddr)
		}
	}
	return 0
}

func isLoad(s segment) bool { return s.typ == elf.PT_LOAD }

func hasInterp(segs []segment) bool {
	return slices.ContainsFunc(segs, func(s segment) bool { return s.typ == elf.PT_INTERP })
}

// Exe is the absolute path of the ELF program, as the guest sees it and on the
// host (/proc/self/exe). For a script it is the interpreter's.
func (p *Program) Exe() (path, host string) { return p.main.path, p.main.host }

// Argv is the argument list that the program will get; a #! line changes it.
func (p *Program) Argv() []string { return p.argv }

// Script reports whether the program is the interpreter of the script that was to be
// executed.
func (p *Program) Script() bool { return p.script }

// Fd is the descriptor of the program's file, until Load or Close; -1 if it is none of
// the host's.
func (p *Program) Fd() int {
	if f, ok := p.main.f.(*os.File); ok {
		return int(f.Fd())
	}
	return -1
}

// Close closes the files of a program that is not going to be loaded.
func (p *Program) Close() {
	for _, b := range []*object{p.main, p.interp} {
		if b != nil {
			b.f.Close()
		}
	}
}
