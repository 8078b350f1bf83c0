//go:build linux && amd64

package linux

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExecState(t *testing.T) {
	s := ExecState{Path: "a \"strange\"\n\xff name", FD: 7, Options: []string{"", "x y"}, mask: 1 << 63, ignored: 5}
	s.limits[1] = rlimit{3, 1<<64 - 1}
	v := s.encode()[len(execVar)+1:]
	got, err := decodeExecState(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got, cmp.AllowUnexported(ExecState{})); diff != "" {
		t.Errorf("decoded differently (-want +got):\n%s", diff)
	}
	s.Tree = &Tree{"/srv/my root", []Bind{{"/proc", "/proc"}, {"/a b", "/c"}}}
	if got, err = decodeExecState(s.encode()[len(execVar)+1:]); err != nil || !cmp.Equal(s, got, cmp.AllowUnexported(ExecState{})) {
		t.Errorf("with a tree, decoded %v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "7 0 0", v + "x", v + ` "x`} {
		if _, err := decodeExecState(bad); err == nil {
			t.Errorf("decodeExecState(%q) found nothing wrong", bad)
		}
	}
}
