//go:build linux && amd64

package linux

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Sysroot lays a directory over the host's file system: an absolute guest path
// that exists below Dir means the file there, any other the host's own.
// An empty Dir means no overlay.
type Sysroot struct{ Dir string }

// hostOnly are trees that always mean the host's.
var hostOnly = []string{"/proc", "/dev", "/sys", "/tmp"}

// Host returns the host path that an absolute guest path means. Absolute
// symbolic links inside the sysroot point into the sysroot.
func (s Sysroot) Host(name string) string {
	if s.Dir == "" || !strings.HasPrefix(name, "/") {
		return name
	}
	for range 40 { // as many links as Linux follows
		for _, d := range hostOnly {
			if rest, ok := strings.CutPrefix(name, d); ok && (rest == "" || rest[0] == '/') {
				return name
			}
		}
		if name == s.Dir || strings.HasPrefix(name, s.Dir+"/") {
			return name
		}
		inside := s.Dir + name
		var st unix.Stat_t
		if unix.Lstat(inside, &st) != nil {
			return name
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			return inside
		}
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlink(inside, buf)
		if err != nil || n == 0 || buf[0] != '/' {
			return inside
		}
		name = path.Clean(string(buf[:n]))
	}
	return name
}

// Guest returns the guest's name of a host path: what lies below Dir loses that prefix.
func (s Sysroot) Guest(name string) string {
	if s.Dir != "" {
		if rest, ok := strings.CutPrefix(name, s.Dir); ok && strings.HasPrefix(rest, "/") {
			return rest
		}
	}
	return name
}
