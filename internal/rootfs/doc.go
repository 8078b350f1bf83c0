// Package rootfs gives the process a root file system of its own, without privileges, as
// containers have one: a directory with what is bound into it, and nothing else of the
// host. [Enter] has the kernel do that, in a user namespace and a mount namespace. Where
// the kernel allows none, [Paths] prepares for a guest whose paths lead nowhere else
// (package internal/linux, Tree), and has Landlock hold it there, if the kernel has that.
package rootfs

import "fmt"

// Bind has a path inside lead to a file or directory of the host.
type Bind struct {
	Host, Guest string
	ReadOnly    bool
}

// Config says what root the process gets.
type Config struct {
	Root  string // the directory
	Binds []Bind // in addition to /proc, /dev, resolv.conf and hosts

	// Discard has changes of the root not reach the directory: they are in memory, and gone
	// with the last process inside.
	Discard bool
	// Keep, if set, is a directory for the changes, which are there again the next time.
	Keep string
	// Copy makes a copy of the root that goes away with this process. It is for
	// Discard and Keep where the kernel cannot lay one directory over another.
	Copy func() (dir string, err error)

	// Files are files of the host that are there, and that hospes itself writes to.
	Files []string
	Log   string // host path of a file that is LogFile inside, or ""

	User User // who the process is inside
}

// User is who the process is inside.
type User struct {
	UID, GID int
	Groups   []int  // supplementary groups
	Name     string // of passwd(5), or ""
	Home     string // "/" if not known
}

// LogFile is the path inside of Config.Log, for programs that are started there.
const LogFile = "/dev/hospes.log"

// UnavailableError says that the kernel refuses the namespaces.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return fmt.Sprintf("user namespaces: %v", e.Err) }
func (e *UnavailableError) Unwrap() error { return e.Err }

// devices are the device nodes of the host that are there inside, if the host has them.
// Terminals are others.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

type link struct{ name, target string }

// devLinks are the symbolic links in /dev.
var devLinks = []link{
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
}

// How names of the network are resolved: what name servers there are, and names that need none.
const (
	resolvConf = "/etc/resolv.conf"
	hosts      = "/etc/hosts"
)
