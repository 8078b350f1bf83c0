//go:build linux

package mem

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAppendMaps(t *testing.T) {
	file := &File{Path: "/lib/a\nb", Dev: unix.Mkdev(8, 0x11), Ino: 4711}
	for _, c := range []struct {
		v    VMA
		want string
	}{
		{VMA{Start: 0x10000, End: 0x12000, Prot: Read | Exec, File: file, Offset: 0x1000},
			"00010000-00012000 r-xp 00001000 08:11 4711                               /lib/a\\012b\n"},
		{VMA{Start: 0x3fffff0000, End: 0x4000000000, Prot: Read | Write, Name: "[stack]"},
			"3fffff0000-4000000000 rw-p 00000000 00:00 0                              [stack]\n"},
		{VMA{Start: 0x20000, End: 0x21000, Shared: true},
			"00020000-00021000 ---s 00000000 00:01 0                                  /dev/zero (deleted)\n"},
		{VMA{Start: 0x20000, End: 0x21000, Prot: Write}, "00020000-00021000 -w-p 00000000 00:00 0 \n"},
	} {
		if got := string(c.v.AppendMaps(nil)); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

// The format is that of the host's own file.
func TestMapsColumn(t *testing.T) {
	host, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(host)) {
		if i := strings.Index(line, "["); i >= 0 && !strings.Contains(line[:i], "/") {
			if i != mapsName {
				t.Errorf("the kernel puts names at column %d, not %d", i, mapsName)
			}
			return
		}
	}
	t.Fatal("no line with a name in brackets")
}
