package loader

import (
	"debug/elf"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// probeError runs Probe on a program that must be refused.
func probeError(t *testing.T, cfg Config) *Error {
	t.Helper()
	p, err := Probe(cfg)
	if err == nil {
		p.Close()
		t.Fatal("accepted")
	}
	return asError(t, err)
}

// TestELFErrors has one malformed program for each check.
func TestELFErrors(t *testing.T) {
	with := func(f func(e *elfFile)) elfFile {
		e := simple()
		f(&e)
		return e
	}
	rx := elf.PF_R | elf.PF_X
	for name, tt := range map[string]struct {
		file  elfFile
		errno syscall.Errno
		msg   string
	}{
		"x86-64":       {with(func(e *elfFile) { e.machine = elf.EM_X86_64 }), _ENOEXEC, "not a RISC-V 64 program (ELF machine x86-64)"},
		"quad floats":  {with(func(e *elfFile) { e.flags = 6 }), _ENOEXEC, "quad"},
		"RVE":          {with(func(e *elfFile) { e.flags = 8 }), _ENOEXEC, "RVE"},
		"32-bit":       {with(func(e *elfFile) { e.class = elf.ELFCLASS32; e.flags = 6 }), _ENOEXEC, "not a 64-bit program (ELF machine RISC-V)"},
		"big-endian":   {with(func(e *elfFile) { e.data = elf.ELFDATA2MSB }), _ENOEXEC, "not a little-endian program"},
		"big-endian S": {with(func(e *elfFile) { e.data, e.machine = elf.ELFDATA2MSB, elf.EM_S390 }), _ENOEXEC, "machine s390"},
		"relocatable":  {with(func(e *elfFile) { e.typ = elf.ET_REL }), _ENOEXEC, "not an executable program (ELF type REL)"},
		"core":         {with(func(e *elfFile) { e.typ = elf.ET_CORE }), _ENOEXEC, "ELF type CORE"},
		"phentsize":    {with(func(e *elfFile) { e.phent = 32 }), _ENOEXEC, "ELF program headers of 32 bytes"},
		"no phdrs":     {with(func(e *elfFile) { e.segs = nil }), _ENOEXEC, "no ELF program headers"},
		"many phdrs":   {with(func(e *elfFile) { e.phnum = 74; e.size = 1 << 16 }), _ENOEXEC, "74 ELF program headers"},
		"truncated":    {with(func(e *elfFile) { e.size = 100 }), _ENOEXEC, "truncated ELF program headers"},
		"header only":  {with(func(e *elfFile) { e.size = 20 }), _ENOEXEC, "ELF program headers"},
		"magic only":   {with(func(e *elfFile) { e.size = 4 }), _ENOEXEC, "ELF type NONE"},
		"phoff at end": {with(func(e *elfFile) { e.phoff = 1 << 40 }), _ENOEXEC, "truncated ELF program headers"},
		"phoff < 0":    {with(func(e *elfFile) { e.phoff = 1 << 63 }), _ENOEXEC, "truncated ELF program headers"},
		"phoff wraps":  {with(func(e *elfFile) { e.phoff = ^uint64(0) - 10 }), _ENOEXEC, "truncated ELF program headers"},
		"no PT_LOAD":   {with(func(e *elfFile) { e.segs[0].Type = uint32(elf.PT_NOTE) }), _EINVAL, "no ELF segments to load"},
		"filesz":       {with(func(e *elfFile) { e.segs[0].Filesz = 0x200 }), _EINVAL, "segment 0 is larger in the file (0x200) than in memory (0x100)"},
		"memsz":        {with(func(e *elfFile) { e.segs[0].Memsz = 1 << 62 }), _EINVAL, "outside the address space"},
		"vaddr":        {with(func(e *elfFile) { e.segs[0].Vaddr = testLimit }), _EINVAL, "outside the address space"},
		"end":          {with(func(e *elfFile) { e.segs[0].Vaddr = testLimit - 0xf0 }), _EINVAL, "outside the address space"},
		"wraps":        {with(func(e *elfFile) { e.segs[0].Vaddr = ^uint64(0xfff); e.segs[0].Memsz = 0x2000 }), _EINVAL, "outside the address space"},
		"second wraps": {with(func(e *elfFile) { e.segs = append(e.segs, loadSeg(rx, 0, ^uint64(0xfff), 0, 0x1fff)) }), _EINVAL, "segment 1"},
		"misaligned":   {with(func(e *elfFile) { e.segs[0].Off = 0x10 }), _EINVAL, "file offset 0x10 and address 0x10000 differ within a page"},
		"empty PT_INTERP": {with(func(e *elfFile) { e.segs = append(e.segs, interpSeg(0x100, 1)) }),
			_ENOEXEC, "interpreter path of 1 bytes"},
		"huge PT_INTERP": {with(func(e *elfFile) { e.segs = append(e.segs, interpSeg(0x100, 1<<62)) }),
			_ENOEXEC, "interpreter path of 4611686018427387904 bytes"},
		"PT_INTERP cut off": {with(func(e *elfFile) { e.segs = append(e.segs, interpSeg(0x1000, 8)) }),
			_EIO, "truncated interpreter path"},
		"PT_INTERP without NUL": {with(func(e *elfFile) {
			e.segs = append(e.segs, interpSeg(0x200, 8))
			e.content = map[uint64][]byte{0x200: []byte("/lib/ld!")}
		}), _ENOEXEC, "does not end in NUL"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t)
			f.elf("prog", tt.file)
			e := probeError(t, f.config("prog"))
			if e.Errno != tt.errno || !strings.HasPrefix(e.Error(), "prog: ") || !strings.Contains(e.Msg, tt.msg) {
				t.Errorf("errno %d, %q; want %d, %q", e.Errno, e, tt.errno, tt.msg)
			}
			if strings.Contains(e.Msg, "\n") || e.ExitStatus() != 126 {
				t.Errorf("exit status %d, %q", e.ExitStatus(), e)
			}
		})
	}
}

// TestFileErrors is about what a program file is, before its contents matter.
func TestFileErrors(t *testing.T) {
	f := newFiles(t)
	good := simple().bytes(t)
	f.write("plain", good, 0o644)
	f.write("text", []byte("echo hello\n"), 0o755)
	f.write("empty", nil, 0o755)
	f.write("dir/x", nil, 0o644)
	for _, tt := range []struct {
		path, text string
		errno      syscall.Errno
		status     int
	}{
		{"absent", "absent: not found", _ENOENT, 127},
		{"plain", "plain: no permission to execute it", _EACCES, 126},
		{"dir", "dir: is a directory", _EACCES, 126},
		{"text", "text: neither an ELF program nor a #! script", _ENOEXEC, 126},
		{"empty", "empty: neither an ELF program nor a #! script", _ENOEXEC, 126},
		{"text/x", "text/x: not a directory", syscall.ENOTDIR, 126},
	} {
		e := probeError(t, f.config(tt.path))
		if e.Error() != tt.text || e.Errno != tt.errno || e.ExitStatus() != tt.status || !errors.Is(e, tt.errno) {
			t.Errorf("%s: %q, errno %d, status %d", tt.path, e, e.Errno, e.ExitStatus())
		}
	}
	e := probeError(t, Config{Arch: f.config("").Arch, Limit: testLimit, Path: "/dev/null"})
	if e.Error() != "/dev/null: not a regular file" || e.Errno != _EACCES {
		t.Errorf("%q, errno %d", e, e.Errno)
	}
}

// dynamic is a program with an interpreter.
func dynamic(interp string) elfFile {
	e := simple()
	e.typ = elf.ET_DYN
	e.segs[0].Vaddr, e.segs[0].Filesz, e.segs[0].Memsz = 0, 0x400, 0x400
	e.entry = 0x78
	e.content = map[uint64][]byte{0x300: append([]byte(interp), 0)}
	e.segs = append([]elf.Prog64{interpSeg(0x300, uint64(len(interp)+1))}, e.segs...)
	return e
}

// TestInterpreterErrors is about the file that PT_INTERP names.
func TestInterpreterErrors(t *testing.T) {
	bad := simple()
	bad.machine = elf.EM_AARCH64
	rel := simple()
	rel.typ = elf.ET_REL
	noLoad := simple()
	noLoad.segs[0].Type = uint32(elf.PT_NULL)
	phdrs := simple()
	phdrs.size = 80
	f := newFiles(t)
	f.elf("lib/foreign", bad)
	f.elf("lib/rel", rel)
	f.elf("lib/noload", noLoad)
	f.elf("lib/phdrs", phdrs)
	f.write("lib/short", []byte(elf.ELFMAG+"\x02\x01\x01"), 0o755)
	f.write("lib/text", []byte(strings.Repeat("text ", 100)), 0o755)
	f.write("lib/script", []byte("#!/bin/sh\n"+strings.Repeat("\n", 100)), 0o755)
	f.write("lib/plain", simple().bytes(t), 0o644)
	for _, tt := range []struct {
		interp, msg string
		errno       syscall.Errno
		status      int
	}{
		{"/lib/ld.so", "interpreter /lib/ld.so not found (give the sysroot with -L)", _ENOENT, 127},
		{"/lib", "interpreter /lib: is a directory", _EACCES, 126},
		{"/lib/plain", "interpreter /lib/plain: no permission to execute it", _EACCES, 126},
		{"/lib/short", "interpreter /lib/short: truncated ELF header", _EIO, 126},
		{"/lib/text", "interpreter /lib/text: not an ELF file", _ELIBBAD, 126},
		{"/lib/script", "interpreter /lib/script: not an ELF file", _ELIBBAD, 126},
		{"/lib/foreign", "interpreter /lib/foreign: not a RISC-V 64 program (ELF machine AArch64)", _ELIBBAD, 126},
		{"/lib/rel", "interpreter /lib/rel: not an executable program (ELF type REL)", _ELIBBAD, 126},
		{"/lib/phdrs", "interpreter /lib/phdrs: truncated ELF program headers", _ELIBBAD, 126},
		{"/lib/noload", "interpreter /lib/noload: no ELF segments to load", _ELIBBAD, 126},
	} {
		f.elf("prog", dynamic(tt.interp))
		e := probeError(t, f.config("prog"))
		if e.Msg != tt.msg || e.Errno != tt.errno || e.ExitStatus() != tt.status || e.Foreign != nil {
			t.Errorf("%s: %q, errno %d, status %d, foreign %v", tt.interp, e, e.Errno, e.ExitStatus(), e.Foreign)
		}
	}
}

// TestForeign checks what is said about programs that the host may run itself.
func TestForeign(t *testing.T) {
	f := newFiles(t)
	e := simple()
	e.machine = elf.EM_X86_64
	host := f.elf("bin/sh", e)
	f.write("script", []byte("#!/bin/sh -e\n"), 0o755)
	cfg := f.config("script")
	cfg.Argv = []string{"x", "1"}
	err := probeError(t, cfg)
	want := Foreign{elf.EM_X86_64, elf.ELFCLASS64, false, host, []string{"/bin/sh", "-e", "script", "1"}}
	got := err.Foreign
	if got == nil || got.Machine != want.Machine || got.Class != want.Class || got.Host != want.Host || !slices.Equal(got.Argv, want.Argv) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err.Error() != "script: its interpreter /bin/sh is a program of this host (x86-64), not of the guest (give a root that has one with -L, or run the script without hospes)" {
		t.Error(err)
	}
}

// TestFileGiven checks that an open file is used (fexecve).
func TestFileGiven(t *testing.T) {
	f := newFiles(t)
	path := f.elf("prog", simple())
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.config("/dev/fd/3")
	cfg.File, cfg.Host = file, path
	p := mustProbe(t, cfg)
	if exe, host := p.Exe(); exe != "/prog" || host != path {
		t.Errorf("%q %q", exe, host)
	}
}

// TestProbeClosesFiles checks that neither success nor failure leaves a file open.
func TestProbeClosesFiles(t *testing.T) {
	f := newFiles(t)
	f.elf("lib/ld.so", simple())
	f.elf("prog", dynamic("/lib/ld.so"))
	f.elf("bad", dynamic("/lib"))
	f.write("script", []byte("#!/bad\n"), 0o755)
	for _, path := range []string{"prog", "bad", "script"} {
		var opened []File
		cfg := f.config(path)
		cfg.Open = func(path string) (File, string, error) {
			file, host, err := f.open(path)
			opened = append(opened, file)
			return file, host, err
		}
		if p, err := Probe(cfg); err == nil {
			p.Close()
		}
		for _, file := range opened {
			if file.Close() == nil {
				t.Errorf("%s: a file was left open", path)
			}
		}
	}
}

func TestArgumentLimits(t *testing.T) {
	f := newFiles(t)
	f.elf("prog", simple())
	// The script names an interpreter of 250 bytes, which counts.
	deep := strings.Repeat("/", 246) + "prog"
	f.write("script", []byte("#!"+deep+"\n"), 0o755)
	word := func(n int) string { return strings.Repeat("x", n-1) }
	many := func(n, size int) []string { return slices.Repeat([]string{word(size)}, n) }
	for _, tt := range []struct {
		name, path string
		stack      uint64
		argv       []string
		errno      syscall.Errno // 0: accepted
	}{
		{"one string", "prog", 8 << 20, many(1, 131072), 0},
		{"one string too long", "prog", 8 << 20, many(1, 131073), _E2BIG},
		// A quarter of 8 MiB less the pointers, environment (HOME=/ and 8) and file name.
		{"quarter of the stack", "prog", 8 << 20, append(many(15, 131072), word(131072-16*8-8-7-5)), 0},
		{"quarter and one", "prog", 8 << 20, append(many(15, 131072), word(131072-16*8-8-7-4)), _E2BIG},
		{"small stack", "prog", 256 << 10, many(1, 131072-8-8-7-5), 0}, // ARG_MAX
		{"small stack and one", "prog", 256 << 10, many(1, 131072-8-8-7-4), _E2BIG},
		{"tiny stack", "prog", 64 << 10, many(1, 65536-8-7-5), 0}, // all of it but a word
		{"tiny stack and one", "prog", 64 << 10, many(1, 65536-8-7-4), _E2BIG},
		{"large stack", "prog", 1 << 40, many(40, 131072), 0}, // 6 MiB at most
		{"large stack, too much", "prog", 1 << 40, many(48, 131072), _E2BIG},
		{"pointers alone", "prog", 256 << 10, many(16383, 1), _E2BIG},
		{"script", "script", 256 << 10, []string{"", word(131072 - 500)}, 0},
		{"script too much", "script", 256 << 10, []string{"", word(131072 - 200)}, _E2BIG},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := f.config(tt.path)
			cfg.Argv, cfg.StackSize = tt.argv, tt.stack
			if tt.errno != 0 {
				if e := probeError(t, cfg); e.Errno != tt.errno {
					t.Error(e)
				}
				return
			}
			mustLoad(t, cfg, newSpace(t, "table"))
		})
	}
	cfg := f.config("prog")
	cfg.Env = []string{"A=b\x00c"}
	if e := probeError(t, cfg); e.Errno != _EINVAL {
		t.Error(e)
	}
}
