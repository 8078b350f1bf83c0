//go:build linux && amd64

package procview

import "testing"

func TestReplaceLines(t *testing.T) {
	got := replaceLines([]byte("Name:\tx\nThreads:\t9\nNo colon\nVmSize:\t 1 kB\n"), map[string]string{"Threads": "2", "VmSize": "7 kB"})
	if want := "Name:\tx\nThreads:\t2\nNo colon\nVmSize:\t7 kB\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
