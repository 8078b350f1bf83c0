//go:build !(linux && amd64)

package hospes

import (
	"fmt"
	"runtime"
)

// Run reports that this host cannot run Linux programs: the personality hands
// system calls and signals to a Linux kernel, so far on amd64.
func Run(Config) (Status, error) {
	return Status{}, fmt.Errorf("running Linux programs needs a linux/amd64 host; this is %s/%s", runtime.GOOS, runtime.GOARCH)
}

// Resumed reports that no guest's execve has started this process.
func Resumed() (*Resume, bool) { return nil, false }

// FindSysroot finds none on hosts that run no guests.
func FindSysroot(string) string { return "" }

// Sysroot finds none on hosts that run no guests.
func (r *Resume) Sysroot() string { return "" }
