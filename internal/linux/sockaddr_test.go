//go:build linux && amd64

package linux

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/reserved"
)

func unixAddr(name string) []byte {
	return append(binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX), name...)
}

// A socket's name in the sysroot works however long the sysroot's own name is.
func TestUnixSocketInSysroot(t *testing.T) {
	for _, dir := range []string{"short", strings.Repeat("long-", 30)} {
		root := NewSysroot(t.TempDir() + "/" + dir)
		if err := os.MkdirAll(root.Dir+"/only-here", 0o755); err != nil {
			t.Fatal(err)
		}
		p := &Process{Root: root}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		a := sockaddr{dir: -1}
		host := a.translate(p, "/only-here/sock", true)
		_, _, e := syscall.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&host[0])), uintptr(len(host)))
		a.close()
		if e != 0 {
			t.Fatalf("bind to %q: %v", host, e)
		}
		if st, err := os.Stat(filepath.Join(root.Dir, "only-here/sock")); err != nil || st.Mode()&os.ModeSocket == 0 {
			t.Errorf("%s: no socket: %v", dir, err)
		}
	}
}

func TestGuestSockaddr(t *testing.T) {
	p := &Process{Root: Sysroot{Dir: "/srv/root"}}
	for _, c := range []struct{ host, guest []byte }{
		{unixAddr("/srv/root/run/s\x00"), unixAddr("/run/s\x00")},
		{unixAddr("/srv/root/run/s"), unixAddr("/run/s\x00")},
		{unixAddr("/run/s\x00"), unixAddr("/run/s\x00")},
		{unixAddr("relative\x00"), unixAddr("relative\x00")},
		{unixAddr("\x00/srv/root/abstract"), unixAddr("\x00/srv/root/abstract")},
		{unixAddr(""), unixAddr("")},
		{binary.NativeEndian.AppendUint16(nil, unix.AF_INET), binary.NativeEndian.AppendUint16(nil, unix.AF_INET)},
		{nil, nil},
	} {
		if got := p.guestSockaddr(bytes.Clone(c.host)); !bytes.Equal(got, c.guest) {
			t.Errorf("guestSockaddr(%q) = %q, want %q", c.host, got, c.guest)
		}
	}
}

// passesReserved finds descriptors of hospes among control messages, and takes
// malformed ones for none.
func TestPassesReserved(t *testing.T) {
	p := &Process{}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[1])
	d, err := reserved.Keep(pipe[0])
	if err != nil {
		t.Fatal(err)
	}
	own := d.Int()
	cases := map[string]struct {
		b    []byte
		want bool
	}{
		"none":      {nil, false},
		"others":    {unix.UnixRights(0, pipe[1]), false},
		"own":       {unix.UnixRights(0, own), true},
		"second":    {append(unix.UnixRights(1), unix.UnixRights(own)...), true},
		"short":     {unix.UnixRights(own)[:unix.SizeofCmsghdr-1], false},
		"too long":  {binary.NativeEndian.AppendUint64(nil, 1<<40), false},
		"no length": {make([]byte, 64), false},
	}
	for name, c := range cases {
		if got := p.passesReserved(c.b); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
