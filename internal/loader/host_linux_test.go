package loader

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
)

func init() {
	mappings["offset"] = func() (mem.Mapping, error) { return offset.New(testLimit) }
}

// TestFileIdentity checks what /proc/self/maps will say of a mapping.
func TestFileIdentity(t *testing.T) {
	f := newFiles(t)
	path := f.elf("prog", simple())
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	as := newSpace(t, "offset")
	mustLoad(t, f.config("prog"), as)
	v, ok := as.Lookup(0x10000)
	if !ok || v.File == nil || v.File.Path != "/prog" || v.File.Dev != st.Dev || v.File.Ino != st.Ino {
		t.Errorf("%+v %+v", v, v.File)
	}
}

// TestNames checks what a program is called when it was started by a relative
// name or a symbolic link: as on Linux, by its real path.
func TestNames(t *testing.T) {
	f := newFiles(t)
	host := f.elf("bin/prog", simple())
	if err := os.Symlink("bin/prog", filepath.Join(f.dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(f.dir, "bin"))
	for _, tt := range []struct {
		path string
		set  func(cfg *Config)
		want string
	}{
		{"link", func(*Config) {}, "/bin/prog"},
		{"./prog", func(cfg *Config) { cfg.Open, cfg.Guest = nil, nil }, host},
		{"../link", func(cfg *Config) { cfg.Open, cfg.Guest = nil, nil }, host},
		{"/link", func(cfg *Config) { cfg.Guest = nil }, "/link"},
	} {
		cfg := f.config(tt.path)
		tt.set(&cfg)
		img := mustLoad(t, cfg, newSpace(t, "table"))
		if img.Exe != tt.want || img.ExeHost != host || !slices.Equal(img.Argv, []string{tt.path}) {
			t.Errorf("%s: %q on the host %q, arguments %q", tt.path, img.Exe, img.ExeHost, img.Argv)
		}
	}
}

// FuzzLoad feeds arbitrary files to the loader, as program and as interpreter.
// Whatever they hold, there is a result or an *Error, and Go's heap does not grow
// with the sizes that headers claim.
func FuzzLoad(f *testing.F) {
	rw, rx := elf.PF_R|elf.PF_W, elf.PF_R|elf.PF_X
	for _, e := range []elfFile{
		simple(),
		dynamic("/lib/ld.so"),
		{typ: elf.ET_DYN, segs: twoSegs(0, 4096)},
		{typ: elf.ET_DYN, segs: twoSegs(0, 1<<30)},
		{segs: append(twoSegs(0x10000, 4096), loadSeg(rw, 0x800, 0x20800, 0x100, 1<<36))},
		{segs: append(twoSegs(0x10000, 4096), loadSeg(rx, 0, testLimit-0x100000, 0x1000, 0x2000))},
		{segs: append(twoSegs(1<<37, 4096), interpSeg(0x40, 8))},
	} {
		f.Add(e.bytes(f), false)
		f.Add(e.bytes(f), true)
	}
	f.Add([]byte("#!/prog x\n"), false)
	fs := newFiles(f)
	fs.elf("prog", dynamic("/lib/ld.so"))
	file := fs.write("fuzz", nil, 0o755)
	f.Fuzz(func(t *testing.T, data []byte, asInterp bool) {
		if err := os.WriteFile(file, data, 0o755); err != nil {
			t.Fatal(err)
		}
		cfg := fs.config("/fuzz")
		if asInterp {
			cfg = fs.config("/prog")
		}
		cfg.Open = func(path string) (File, string, error) {
			if path == "/prog" {
				return fs.open(path)
			}
			f, err := os.Open(file) // whatever PT_INTERP or #! say
			return f, file, err
		}
		p, err := Probe(cfg)
		if err != nil {
			if e := asError(t, err); e.Errno == 0 || e.Msg == "" {
				t.Errorf("%+v", e)
			}
			return
		}
		img, err := p.Load(newSpace(t, "offset"))
		if err != nil {
			asError(t, err)
			return
		}
		if img.SP%16 != 0 || img.Entry >= testLimit {
			t.Errorf("%+v", img)
		}
	})
}
