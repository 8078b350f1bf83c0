//go:build linux && amd64

package sandbox

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// TestHostileCalls runs testdata/hostile.c: whatever a guest calls, the kernel neither panics nor hangs, nor
// does anything to files that are not mounted.
func TestHostileCalls(t *testing.T) {
	source, err := os.ReadFile("testdata/hostile.c")
	if err != nil {
		t.Fatal(err)
	}
	file := compile(t, string(source))
	top := t.TempDir()
	dir := filepath.Join(top, "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the guest may have closed directories, which an ordinary user cannot remove
		_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(name, 0o700)
			}
			return err
		})
	})
	host, err := vfs.NewHost(dir, vfs.HostOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	mem := vfs.NewMem(vfs.MemOptions{Size: 16 << 20})
	defer mem.Close()
	seconds := 4
	if testing.Short() {
		seconds = 1
	}
	before := hostDescriptors(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	k, err := New(Config{NewMachine: newMachine, Limits: Limits{Tasks: 50}, Files: FileConfig{
		Stdin: blocked{make(chan struct{})}, Output: 1 << 30, Dir: "/tmp", Mounts: []Mount{
			{Target: "/", FS: mem}, {Target: "/tmp", FS: host}, {Target: "/deep/er/still", FS: mem},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	seed := time.Now().UnixNano() % 1000
	exit, err := k.Run(ctx, Program{Path: "/hostile", File: file, Argv: []string{"hostile", fmt.Sprint(seconds), fmt.Sprint(seed)}})
	if err != nil || exit.Err != nil || exit.Status != (Status{}) {
		t.Errorf("seed %d: %v, %v", seed, exit, err)
	}
	if list, _ := os.ReadDir(top); len(list) != 1 {
		t.Errorf("seed %d: files beside the directory: %v", seed, list)
	}
	mem.Close()                                        // what has been mapped
	if after := hostDescriptors(t); after > before+2 { // the time-out's, and the runtime's
		t.Errorf("seed %d: %d descriptors, %d before", seed, after, before)
	}
}
