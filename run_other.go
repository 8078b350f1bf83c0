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
