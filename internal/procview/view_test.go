//go:build linux && amd64

package procview

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

func TestAppendVMA(t *testing.T) {
	file := &mem.File{Path: "/lib/a\nb", Dev: unix.Mkdev(8, 0x11), Ino: 4711}
	for _, c := range []struct {
		v    mem.VMA
		want string
	}{
		{mem.VMA{Start: 0x10000, End: 0x12000, Prot: mem.Read | mem.Exec, File: file, Offset: 0x1000},
			"00010000-00012000 r-xp 00001000 08:11 4711                               /lib/a\\012b\n"},
		{mem.VMA{Start: 0x3fffff0000, End: 0x4000000000, Prot: mem.Read | mem.Write, Name: "[stack]"},
			"3fffff0000-4000000000 rw-p 00000000 00:00 0                              [stack]\n"},
		{mem.VMA{Start: 0x20000, End: 0x21000, Shared: true},
			"00020000-00021000 ---s 00000000 00:01 0                                  /dev/zero (deleted)\n"},
		{mem.VMA{Start: 0x20000, End: 0x21000, Prot: mem.Write}, "00020000-00021000 -w-p 00000000 00:00 0 \n"},
	} {
		if got := string(appendVMA(nil, &c.v)); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

// The format is that of the host's own file.
func TestAppendVMAColumn(t *testing.T) {
	host, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(host)) {
		if i := strings.Index(line, "["); i >= 0 && !strings.Contains(line[:i], "/") {
			if i != nameColumn {
				t.Errorf("the kernel puts names at column %d, not %d", i, nameColumn)
			}
			return
		}
	}
	t.Fatal("no line with a name in brackets")
}

func TestReplaceLines(t *testing.T) {
	got := replaceLines([]byte("Name:\tx\nThreads:\t9\nNo colon\nVmSize:\t 1 kB\n"), map[string]string{"Threads": "2", "VmSize": "7 kB"})
	if want := "Name:\tx\nThreads:\t2\nNo colon\nVmSize:\t7 kB\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
