// Package doctor finds out what a machine offers to guests: what works, what is lost, and
// how to get it.
package doctor

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Machine is what is asked about the machine. Tests have others than this one.
type Machine struct {
	CPU  []Feature                         // what the translator uses of the processor
	Read func(file string) (string, error) // reads a small file, of /proc mostly
	Look func(program string) bool         // whether it is in PATH

	AddressSpace uint64 // soft limit of RLIMIT_AS in bytes, or Unlimited

	Namespaces   func() error // tries to make a user namespace
	WritableCode func() error // tries memory that is writable and executable
	TwoViews     func() error // tries memory that is writable here, and executable there
	Landlock     int          // version of its interface, or 0

	Build    []string                 // what this executable cannot do that another could
	Images   bool                     // whether hospes-image is there
	Sysroots []string                 // directories found that hold guest libraries
	Binfmt   func(out io.Writer) bool // hospes status
}

// Unlimited is the absence of a limit.
const Unlimited = ^uint64(0)

// Feature is an extension of the host's instruction set.
type Feature struct {
	Name string
	Has  bool
	Uses string // what is done by it, and slower without
}

// Level is how much a finding matters.
type Level int

const (
	OK     Level = iota
	Lost         // something is slower, or does not work
	Broken       // guests do not run
)

func (l Level) String() string { return [...]string{"ok", "lost", "broken"}[l] }

// Finding is one thing that was looked at.
type Finding struct {
	Level Level
	About string
	What  string
	Lost  string // what follows from it; empty if it is as it should be
	Get   string // how to change that
}

// checks are all that is looked at, in this order.
var checks = []func(*Machine) []Finding{
	(*Machine).build, (*Machine).processor, (*Machine).writableCode, (*Machine).addressSpace, (*Machine).kernelLimits,
	(*Machine).namespaces, (*Machine).images, (*Machine).sysroots, (*Machine).binfmt, (*Machine).perf, (*Machine).tools,
}

// Examine looks at everything.
func Examine(m *Machine) (list []Finding) {
	for _, check := range checks {
		list = append(list, check(m)...)
	}
	return list
}

// Write writes the findings, and reports whether guests run.
func Write(w io.Writer, list []Finding) (runs bool) {
	runs = true
	for _, f := range list {
		fmt.Fprintf(w, "%-7s %s: %s\n", f.Level, f.About, f.What)
		if f.Lost != "" {
			fmt.Fprintf(w, "        %s\n", f.Lost)
		}
		if f.Get != "" {
			fmt.Fprintf(w, "        to change that: %s\n", f.Get)
		}
		runs = runs && f.Level != Broken
	}
	return runs
}

func (m *Machine) build() (list []Finding) {
	for _, b := range m.Build {
		list = append(list, Finding{Lost, "this executable", b, "", "build it with make"})
	}
	return list
}

func (m *Machine) processor() (list []Finding) {
	var has []string
	for _, f := range m.CPU {
		if f.Has {
			has = append(has, f.Name)
			continue
		}
		list = append(list, Finding{Lost, "processor", "no " + f.Name, f.Uses + " are slower",
			"a processor, or a virtual machine's CPU model, of the level x86-64-v3"})
	}
	return append([]Finding{{OK, "processor", "the translator uses " + strings.Join(has, ", "), "", ""}}, list...)
}

func (m *Machine) writableCode() []Finding {
	const about = "code in memory"
	err := m.WritableCode()
	if err == nil {
		return []Finding{{OK, about, "may be writable and executable at once", "", ""}}
	}
	if other := m.TwoViews(); other != nil {
		return []Finding{{Broken, about, "nothing that is written can be executed: " + other.Error(), "guests run in the interpreter alone: --translate off (HOSPES_TRANSLATE=off)",
			"allow it: MemoryDenyWriteExecute=no (systemd), SELinux boolean allow_execmem, /dev/shm or memfd without noexec"}}
	}
	return []Finding{{Broken, about, "may not be writable and executable at once: " + err.Error(), "translated code needs --wx (HOSPES_WX=1), with which children of a fork translate anew",
		"allow it: MemoryDenyWriteExecute=no (systemd), SELinux boolean allow_execmem"}}
}

// Sizes that the guest's memory, and hospes without one, need.
const (
	windowSize = 1 << 38
	leastSpace = 1300 << 20
)

func (m *Machine) addressSpace() []Finding {
	const about = "address space (ulimit -v)"
	get := "ulimit -v unlimited"
	switch {
	case m.AddressSpace == Unlimited:
		return []Finding{{OK, about, "no limit", "", ""}}
	case m.AddressSpace < leastSpace:
		return []Finding{{Broken, about, size(m.AddressSpace), "Go's runtime alone reserves 1.2 GiB", get}}
	case m.AddressSpace < windowSize+leastSpace:
		return []Finding{{Lost, about, size(m.AddressSpace), "guests get a smaller address space than 256 GiB: what reserves much, as Go, Java and sanitizers do, may fail", get}}
	}
	return []Finding{{OK, about, size(m.AddressSpace), "", ""}}
}

func size(n uint64) string {
	if n >= 1<<30 {
		return strconv.FormatUint(n>>30, 10) + " GiB"
	}
	return strconv.FormatUint(n>>20, 10) + " MiB"
}

// number reads a number from a file; ok is false if there is none.
func (m *Machine) number(file string) (n int, ok bool) {
	s, err := m.Read(file)
	if err != nil {
		return 0, false
	}
	n, err = strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil
}

const (
	defaultMaps = 65530
	pageSize    = 4096
)

func (m *Machine) kernelLimits() (list []Finding) {
	add := func(bad bool, name string, n int, lost, get string) {
		f := Finding{OK, name, strconv.Itoa(n), "", ""}
		if bad {
			f.Level, f.Lost, f.Get = Lost, lost, get
		}
		list = append(list, f)
	}
	if n, ok := m.number("/proc/sys/vm/max_map_count"); ok {
		add(n < defaultMaps, "vm.max_map_count", n, "guests with many mappings get ENOMEM sooner: each of theirs is one of the host's, or several", fmt.Sprintf("sysctl vm.max_map_count=%d", defaultMaps))
	}
	if n, ok := m.number("/proc/sys/vm/overcommit_memory"); ok {
		add(n == 2, "vm.overcommit_memory", n, "guests that reserve more memory than they use, as Go, Java and sanitizers do, may get ENOMEM, and so may fork", "sysctl vm.overcommit_memory=0")
	}
	if n, ok := m.number("/proc/sys/vm/mmap_min_addr"); ok {
		add(n > pageSize, "vm.mmap_min_addr", n, "in the direct mapping (--mapping direct) guests cannot map what lies lower", "sysctl vm.mmap_min_addr=4096, or the mapping offset, which is the default")
	}
	if s, err := m.Read("/proc/sys/kernel/seccomp/actions_avail"); err != nil || !strings.Contains(s, "allow") {
		list = append(list, Finding{Lost, "/proc", "not mounted, or not that of Linux", "guests do not find what they look for in /proc, and fork is slower to start", "mount -t proc proc /proc"})
	}
	return list
}

// switches are what keeps users from making user namespaces.
var switches = []struct {
	file   string
	is     int
	change string
}{
	{"/proc/sys/user/max_user_namespaces", 0, "sysctl user.max_user_namespaces=10000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", 0, "sysctl kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for hospes that allows userns"},
}

func (m *Machine) namespaces() []Finding {
	const about = "user namespaces"
	err := m.Namespaces()
	if err == nil {
		return []Finding{{OK, about, "can be made: hospes run --root has the kernel keep guests inside", "", ""}}
	}
	f := Finding{Lost, about, err.Error(), "hospes run --root resolves paths itself: no root user inside, nothing hidden from listings, ", "outside of a container, or with its seccomp profile relaxed (--security-opt seccomp=unconfined)"}
	if m.Landlock >= 2 {
		f.Lost += "and Landlock keeps guests in"
	} else {
		f.Lost += "and no wall: this kernel has no Landlock of version 2 either"
	}
	for _, s := range switches {
		if n, ok := m.number(s.file); ok && n == s.is {
			f.Get = s.change
		}
	}
	return []Finding{f}
}

func (m *Machine) images() []Finding {
	if m.Images {
		return []Finding{{OK, "images", "hospes-image is there", "", ""}}
	}
	return []Finding{{Lost, "images", "hospes-image is neither beside hospes nor in PATH", "hospes run --root takes directories only", "put it beside hospes; make build builds both"}}
}

func (m *Machine) sysroots() []Finding {
	if len(m.Sysroots) > 0 {
		return []Finding{{OK, "guest libraries", strings.Join(m.Sysroots, ", "), "", ""}}
	}
	return []Finding{{Lost, "guest libraries", "none in the usual places", "dynamic programs need a root: -L, or one that they lie in",
		"apt install libc6-riscv64-cross, scripts/debian-rootfs.sh, or hospes run --root docker://debian:trixie"}}
}

func (m *Machine) binfmt() []Finding {
	var out strings.Builder
	ok := m.Binfmt(&out)
	text := strings.ReplaceAll(strings.TrimSpace(out.String()), "\n", "; ")
	if ok {
		return []Finding{{OK, "binfmt_misc", text, "", ""}}
	}
	return []Finding{{Lost, "binfmt_misc", text, "riscv64 programs run only by typing hospes, not in chroots and containers, nor when programs of the host start them", "sudo hospes install"}}
}

func (m *Machine) perf() []Finding {
	f := Finding{Level: OK, About: "perf"}
	switch n, ok := m.number("/proc/sys/kernel/perf_event_paranoid"); {
	case !m.Look("perf"):
		f = Finding{Lost, f.About, "not installed", "--perf writes files that nobody reads", "apt install linux-perf"}
	case ok && n > 2:
		f = Finding{Lost, f.About, fmt.Sprintf("kernel.perf_event_paranoid is %d", n), "perf record is for root only", "sysctl kernel.perf_event_paranoid=2"}
	default:
		f.What = "installed"
	}
	return []Finding{f}
}

// tools are programs that go with hospes.
var tools = []struct{ names, lost, get string }{
	{"gdb-multiarch gdb", "no debugger for guests", "apt install gdb-multiarch"},
	{"riscv64-linux-gnu-gcc riscv64-unknown-linux-gnu-gcc", "no cross-compiler: C programs are built elsewhere", "apt install gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"},
	{"qemu-riscv64 qemu-riscv64-static", "hospes's own tests have nothing to compare with", "apt install qemu-user"},
}

func (m *Machine) tools() (list []Finding) {
	for _, t := range tools {
		names := strings.Fields(t.names)
		f := Finding{Lost, names[0], "not installed", t.lost, t.get}
		for _, n := range names {
			if m.Look(n) {
				f = Finding{OK, n, "installed", "", ""}
				break
			}
		}
		list = append(list, f)
	}
	return list
}
