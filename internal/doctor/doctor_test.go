package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// good is a machine on which everything works.
func good() *Machine {
	files := map[string]string{
		"/proc/sys/vm/max_map_count": "65530\n", "/proc/sys/vm/overcommit_memory": "0\n", "/proc/sys/vm/mmap_min_addr": "4096\n",
		"/proc/sys/kernel/seccomp/actions_avail": "kill_process allow\n", "/proc/sys/kernel/perf_event_paranoid": "2\n",
		"/proc/sys/user/max_user_namespaces": "1000\n",
	}
	fine := func() error { return nil }
	return &Machine{
		CPU: []Feature{{"SSE4.1", true, "roundings"}, {"FMA", true, "fused multiply-adds"}},
		Read: func(name string) (string, error) {
			if s, ok := files[name]; ok {
				return s, nil
			}
			return "", fs.ErrNotExist
		},
		Look: func(string) bool { return true }, AddressSpace: Unlimited,
		Namespaces: fine, WritableCode: fine, TwoViews: fine, Landlock: 5, Images: true, Sysroots: []string{"/usr/riscv64-linux-gnu"},
		Binfmt: func(w io.Writer) bool { fmt.Fprintln(w, "registered"); return true },
	}
}

func TestGood(t *testing.T) {
	var b strings.Builder
	if !Write(&b, Examine(good())) {
		t.Error("guests do not run")
	}
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "ok  ") {
			t.Errorf("a machine that has everything lacks something: %s", line)
		}
	}
}

// TestFaults: each fault is found, told what is lost by it and how to mend it, and guests
// run or not.
func TestFaults(t *testing.T) {
	denied := func() error { return errors.New("operation not permitted") }
	file := func(m *Machine, name, text string) {
		read := m.Read
		m.Read = func(n string) (string, error) {
			if n == name {
				return text, nil
			}
			return read(n)
		}
	}
	for _, c := range []struct {
		what  string
		spoil func(*Machine)
		level Level
		want  string // in What, Lost or Get
	}{
		{"no FMA", func(m *Machine) { m.CPU[1].Has = false }, Lost, "fused multiply-adds are slower"},
		{"MDWE", func(m *Machine) { m.WritableCode = denied }, Broken, "--wx"},
		{"no code at all", func(m *Machine) { m.WritableCode, m.TwoViews = denied, denied }, Broken, "--translate off"},
		{"a small limit", func(m *Machine) { m.AddressSpace = 500 << 20 }, Broken, "500 MiB"},
		{"a limit", func(m *Machine) { m.AddressSpace = 8 << 30 }, Lost, "8 GiB"},
		{"few maps", func(m *Machine) { file(m, "/proc/sys/vm/max_map_count", "1000\n") }, Lost, "vm.max_map_count=65530"},
		{"strict accounting", func(m *Machine) { file(m, "/proc/sys/vm/overcommit_memory", "2\n") }, Lost, "overcommit_memory=0"},
		{"a high minimum", func(m *Machine) { file(m, "/proc/sys/vm/mmap_min_addr", "65536\n") }, Lost, "mapping offset"},
		{"no /proc", func(m *Machine) { m.Read = func(string) (string, error) { return "", fs.ErrNotExist } }, Lost, "mount -t proc"},
		{"no namespaces", func(m *Machine) { m.Namespaces = denied }, Lost, "Landlock keeps guests in"},
		{"neither", func(m *Machine) { m.Namespaces, m.Landlock = denied, 0 }, Lost, "no wall"},
		{"Debian's switch", func(m *Machine) {
			m.Namespaces = denied
			file(m, "/proc/sys/kernel/unprivileged_userns_clone", "0\n")
		}, Lost, "unprivileged_userns_clone=1"},
		{"Ubuntu's switch", func(m *Machine) {
			m.Namespaces = denied
			file(m, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
		}, Lost, "AppArmor"},
		{"no images", func(m *Machine) { m.Images = false }, Lost, "make build"},
		{"no sysroots", func(m *Machine) { m.Sysroots = nil }, Lost, "-L"},
		{"not registered", func(m *Machine) {
			m.Binfmt = func(w io.Writer) bool { fmt.Fprint(w, "a\nb\n"); return false }
		}, Lost, "a; b"},
		{"no perf for users", func(m *Machine) { file(m, "/proc/sys/kernel/perf_event_paranoid", "3\n") }, Lost, "perf_event_paranoid=2"},
		{"no tools", func(m *Machine) { m.Look = func(string) bool { return false } }, Lost, "gdb-multiarch"},
		{"built otherwise", func(m *Machine) { m.Build = []string{"it is low"} }, Lost, "it is low"},
	} {
		m := good()
		c.spoil(m)
		found := false
		var b strings.Builder
		list := Examine(m)
		for _, f := range list {
			found = found || f.Level == c.level && strings.Contains(f.What+"|"+f.Lost+"|"+f.Get, c.want)
			if f.Level != OK && f.Get == "" {
				t.Errorf("%s: nothing is said of how to change %v", c.what, f)
			}
		}
		if runs := Write(&b, list); !found || runs != (c.level != Broken) {
			t.Errorf("%s: guests run: %v; no %q of level %s in\n%s", c.what, runs, c.want, c.level, b.String())
		}
	}
}
