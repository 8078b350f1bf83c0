//go:build linux && amd64

// Package gdb drives the real GDB against hospes's stub. Where QEMU has what a session needs,
// GDB says the same with it.
package gdb

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const debugger = "gdb-multiarch"

// hospes is the command under test.
var hospes string

func TestMain(m *testing.M) {
	os.Exit(testcmd.Run(m, &hospes))
}

// need skips a test for want of a command.
func need(t *testing.T, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := exec.LookPath(c); err != nil {
			t.Skipf("%s is not installed", c)
		}
	}
}

// build compiles a guest of testdata.
func build(t *testing.T, source string, flags ...string) string {
	t.Helper()
	compiler := "riscv64-linux-gnu-gcc"
	if strings.HasSuffix(source, ".cc") {
		compiler = "riscv64-linux-gnu-g++"
	}
	need(t, debugger, compiler)
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(source, filepath.Ext(source)))
	flags = append(flags, "-g", "-pthread", "-o", out, filepath.Join("testdata", source))
	if text, err := exec.Command(compiler, flags...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// start starts a guest that ends with the test. What it writes is in the buffer once it has ended.
func start(t *testing.T, name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cmd := testcmd.Command(t, name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// script runs GDB's commands, a line each, and returns what it says.
func script(t *testing.T, guest string, lines ...string) string {
	t.Helper()
	args := []string{"-q", "-nx", "-batch", "-iex", "set debuginfod enabled off"}
	for _, line := range append([]string{"set confirm off", "set pagination off", "set width 0", "set print inferior-events off"}, lines...) {
		args = append(args, "-ex", line)
	}
	out, _ := testcmd.Command(t, debugger, append(args, guest)...).CombinedOutput()
	return clean(string(out))
}

// noise is what GDB says of files.
var noise = regexp.MustCompile(`(?m)^(Reading .*|warning: File transfers .*|\[(New|Switching).*|)\n`)

func clean(out string) string { return noise.ReplaceAllString(out, "") }

// connect is GDB's command for a socket, once somebody listens there.
func connect(t *testing.T, socket string) string {
	t.Helper()
	await(t, socket)
	return "target remote " + socket
}

// await waits for a file.
func await(t *testing.T, name string) {
	t.Helper()
	for end := time.Now().Add(testcmd.Limit); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nobody makes ", name)
		}
	}
}

// session is what GDB is told from the start of a guest on, and what it says. DIR is an empty directory.
type session struct {
	name   string
	source string
	flags  []string // of the compiler
	lines  string
	want   []string // regular expressions of lines, in this order
	status int      // of the guest
	oracle bool     // QEMU makes GDB say the same
}

var static, dynamic = []string{"-O1", "-static"}, []string{"-O1"}

// What GDB says of variables that each thread has.
const tlsLines = "break hit\ncontinue\nprint mine\nprint (int)errno\nthread 1\nprint mine\nprint (int)errno\nprint mine = 9\ncontinue"

var tlsValues = []string{`^\$1 = 8`, `^\$2 = 33`, `^\$3 = 7`, `^\$4 = 2`, `^\$5 = 9`}

var sessions = []session{
	{
		name: "static", source: "hot.c", flags: static, oracle: true, status: 7,
		lines: "break main\ncontinue\nbreak work\ncontinue\nbt\nfinish\nprint pt\nprint twice(21)\nprint pt.d * 2\ndelete\n" +
			"next\nnext\nstep\nx/2i $pc\nstepi\ninfo line\nset var counter = 5\nprint counter\ncontinue",
		want: []string{
			`^Breakpoint 1, main `, `^Breakpoint 2, work \(n=n@entry=20000\)`, `^#0 +work`, `^#1 .*main`, `^Value returned is \$1 = `,
			`^\$2 = \{x = 3, y = 4, d = 2.5\}`, `^\$3 = 42`, `^\$4 = 5`, `^\$5 = 5`,
		},
	},
	{
		name: "dynamic", source: "hot.c", flags: dynamic, status: 7,
		lines: "break main\ncontinue\ninfo sharedlibrary\nbreak printf\ncontinue\nbt\nprint counter\ncontinue",
		want: []string{
			`^Breakpoint 1, main `, `0x.*Yes.*ld-linux-riscv64`, `0x.*Yes.*libc\.so\.6`, `^Breakpoint 2, .*printf`,
			`^#0 .*printf`, `^#1 .*main`, `^\$1 = 600`,
		},
	},
	{
		name: "position-independent", source: "hot.c", flags: []string{"-O2"}, status: 7,
		lines: "tbreak twice if a == 20\ncontinue\nprint a\ninfo registers a0\nprint $fcsr = 0x41\nprint $frm\nprint $fflags\nprint $ft0 = 0\ncontinue",
		want:  []string{`^Temporary breakpoint 1, twice`, `^\$1 = 20`, `^a0 +0x14`, `^\$2 = 65`, `^\$3 = 2`, `^\$4 = 1`},
	},
	{
		// The loop has been optimised by then.
		name: "hot loop", source: "hot.c", flags: static, oracle: true, status: 7,
		lines: "break twice if a == 15\ncontinue\nprint counter\nbreak 16\ncontinue\nprint counter\nprint i\ncontinue\nprint counter\nprint i\nignore 2 100\n" +
			"continue\nprint counter\nprint i\ndelete 2\nprint counter\ncontinue",
		want: []string{
			`^\$1 = 320`, `^Breakpoint 2, work`, `^\$2 = 320`, `^\$3 = 7`, `^\$4 = 321`, `^\$5 = 1007`, `^\$6 = 422`, `^\$7 = 2007`,
		},
	},
	{
		name: "watch", source: "hot.c", flags: static, status: 7,
		lines: "watch counter if counter > 2\ncontinue\ncontinue\ninfo watchpoints\ndelete\nrwatch pt.y\nawatch pt.x\ncontinue\nprint pt.x = 1\ndelete\ncontinue",
		want: []string{
			`^Hardware watchpoint 1: counter`, `^Old value = 2`, `^New value = 3`, `^Old value = 3`, `^New value = 4`,
			`hit 2 times`, `^Hardware access .*watchpoint 3: pt.x`, `^Old value = 3`,
		},
	},
	{
		name: "threads", source: "threads.c", flags: static,
		lines: "handle SIGUSR1 nostop noprint pass\nbreak hit\ncontinue\ninfo threads\ncontinue\ncontinue\nbt\nthread 1\nprint shared >= 0\nthread apply all print $_thread\ndelete\ncontinue",
		want: []string{
			`^Thread \d.*hit Breakpoint 1, hit`, `^  1 +Thread .*"threads"`, `"(alpha|threads)"`, `^Thread \d.*hit Breakpoint 1, hit`,
			`^#1 .*spin`, `^\$1 = 1`, `^Thread 3 `, `= 3$`, `^Thread 1 `, `= 1$`,
		},
	},
	{
		name: "signals", source: "threads.c", flags: static,
		lines: "continue\nprint $_siginfo.si_signo\nsignal 0\nprint handled\nbreak on_signal\nsignal SIGUSR1\nbt\nprint sig\nfinish\nstepi\n" +
			"delete\nhandle SIGUSR1 nostop noprint pass\nbreak 50\ncontinue\nprint handled\ndelete\ncontinue",
		want: []string{
			`received signal SIGUSR1`, `^\$1 = 10`, `received signal SIGUSR1`, `^\$2 = 0`, `hit Breakpoint 1, on_signal`,
			`<signal handler called>`, `^\$3 = 10`, `hit Breakpoint 2, main`, `^\$4 = 19`,
		},
	},
	{
		name: "watch in threads", source: "threads.c", flags: static,
		lines: "handle SIGUSR1 nostop noprint pass\nwatch shared\ncontinue\ncontinue\ndelete\ncontinue",
		want:  []string{`Thread 1 .*hit Hardware watchpoint 1: shared`, `^New value = 1`, `^New value = 2`},
	},
	{
		name: "child", source: "threads.c", flags: static,
		lines: "handle SIGUSR1 nostop noprint pass\nset follow-fork-mode child\nbreak hit if n == -1\ncontinue\nbt 2\ncontinue",
		want:  []string{`hit Breakpoint 1.*hit`, `^#1 .*main`},
	},
	{
		name: "exec", source: "spawn.c", flags: static, status: 2,
		lines: "break hit\ncatch vfork\ncatch exec\ncontinue\ncontinue\ncontinue\nprint argc\ncontinue\nup\nprint argc\ncontinue",
		want:  []string{`^Breakpoint 1, hit \(n=n@entry=1\)`, `^Catchpoint 2 \(vforked`, `^Catchpoint 3 \(exec'd`, `^Breakpoint 1, hit \(n=n@entry=2\)`},
	},
	{
		name: "TLS", source: "tls.c", flags: dynamic, status: 2, lines: tlsLines, want: tlsValues,
	},
	{
		name: "static TLS", source: "tls.c", flags: static, status: 2, lines: tlsLines, want: tlsValues,
	},
	{
		// The variables are those of the program that has been executed.
		name: "TLS after exec", source: "exec.c", flags: dynamic, status: 33,
		lines: "catch exec\ncontinue\nbreak hit\ncontinue\nprint (int)errno\ncontinue",
		want:  []string{`^\$1 = 33`},
	},
	{
		name: "files", source: "hot.c", flags: static, status: 7,
		lines: "remote put testdata/hot.c DIR/put\nshell cmp testdata/hot.c DIR/put && echo same\n" +
			"remote delete DIR/put\nremote delete DIR/put\ncontinue",
		want: []string{`^same$`, `No such file`},
	},
	{
		name: "crash", source: "crash.c", flags: static, status: -11,
		lines: "continue\nprint $_siginfo._sifields._sigfault.si_addr\nbt\ninfo threads\nprint text\nprint number\nframe 1\nprint depth\ncontinue",
		want: []string{
			`received signal SIGSEGV`, `^\$1 = .* 0x8`, `^#0 .*inner \(p=.*0x8, depth=.*3\)`, `^#1 .*outer`, `^#4 .*outer`, `^#5 .*main`,
			`^  2 +Thread`, `^\$2 = "static text"`, `^\$3 = 6.25`, `^Program terminated with signal SIGSEGV`,
		},
	},
	{
		name: "C++", source: "classes.cc", flags: []string{"-O0"},
		lines: "break Square::area if side < 0\ncatch throw\ncontinue\nprint *this\ndelete 2\nbreak sum<double>\ncontinue\nprint list[0]\nfinish\ncontinue",
		want:  []string{`^Breakpoint 1, .*Square::area`, `side = -1`, `^Breakpoint 3, sum<double>`, `^Value returned is .* = 14`},
	},
	{
		// Breakpoints in a library function and in one that it calls, before it is translated.
		name: "library", source: "library.c", flags: static, oracle: true, status: 9,
		lines: "tbreak main\ncontinue\nbreak *((char *)&memcpy + 4)\nignore 2 1000\ncontinue\nprint round\ndelete\nbreak _wordcopy_fwd_aligned\ncontinue\nprint round\nfinish\nprint to[3]\ndelete\ncontinue",
		want:  []string{`^Breakpoint 2, .*memcpy`, `^\$1 = 1000`, `^Breakpoint 3, .*_wordcopy_fwd_aligned`, `^\$2 = 1000`, `^\$3 = 1000`},
	},
	{
		// The same when host code stands for it, and memory that this writes to.
		name: "hot library", source: "library.c", flags: static, status: 9,
		lines: "break hot\ncontinue\nbreak *((char *)&memcpy + 4)\nignore 2 500\ncontinue\nprint round\nstepi\nx/i $pc\ndelete\n" +
			"break _wordcopy_fwd_aligned\nignore 3 100\ncontinue\nprint round\ndelete\n" +
			"watch to[3]\ncontinue\nbt 1\ncontinue\nprint round\ndelete\nrwatch from[3]\ncontinue\nprint round\ndelete\ncontinue",
		want: []string{
			`^Breakpoint 1, hot`, `^Breakpoint 2, .*memcpy`, `^\$1 = 2500`, `^=> .*<memcpy\+6>`, `^Breakpoint 3, .*_wordcopy_fwd_aligned`, `^\$2 = 2600`,
			`^Hardware watchpoint 4: to\[3\]`, `^Old value = 2599`, `^New value = 2600`, `^#0 .*_wordcopy_fwd_aligned`,
			`^Old value = 2600`, `^New value = 2601`, `^\$3 = 2601`, `^Hardware read watchpoint 5: from\[3\]`, `^\$4 = 2602`,
		},
	},
	{
		name: "interfaces", source: "hot.c", flags: dynamic, status: 7,
		lines: "break main\ncontinue\ninfo auxv\ninfo proc mappings\nmonitor help\nmonitor maps\nprint $_siginfo.si_signo\nx/s argv[0]\nprint (char)argv[0][0]='X'\nprint argv[0][0]\ncontinue",
		want: []string{
			`AT_PHDR`, `0x.*libc\.so\.6`, `^Commands: .*maps`, `r-xp .*hot$`, `\[stack\]`, `^\$1 = 5`, `88 'X'`, `88 'X'`,
		},
	},
}

// configurations are the ways of executing.
var configurations = map[string][]string{
	"default":     nil,
	"at once":     {"--threshold", "0", "--optimise-threshold", "0"},
	"interpreted": {"--translate", "off"},
	"table":       {"--mapping", "table", "--native-lib=off"},
}

// TestSessions runs each session in each configuration.
func TestSessions(t *testing.T) {
	for _, s := range sessions {
		t.Run(s.name, func(t *testing.T) {
			guest := build(t, s.source, s.flags...)
			var said string
			for name, options := range configurations {
				if testing.Short() && name != "default" {
					continue
				}
				t.Run(name, func(t *testing.T) {
					out := s.run(t, guest, options)
					if name == "default" {
						said = out
					}
				})
			}
			if s.oracle {
				s.compare(t, guest, said)
			}
		})
	}
}

func (s *session) run(t *testing.T, guest string, options []string) string {
	socket := filepath.Join(t.TempDir(), "gdb")
	cmd, out := start(t, hospes, append(options, "-g", socket, guest)...)
	lines := strings.ReplaceAll(s.lines, "DIR", t.TempDir())
	said := script(t, guest, append([]string{connect(t, socket)}, strings.Split(lines, "\n")...)...)
	_ = cmd.Wait()
	status := cmd.ProcessState.ExitCode()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		status = -int(ws.Signal())
	}
	if status != s.status {
		t.Errorf("status %d, want %d", status, s.status)
	}
	expect(t, said, s.want)
	if t.Failed() {
		t.Logf("GDB:\n%s\nguest:\n%s", said, out)
	}
	return said
}

// expect looks for lines that match the patterns, one after the other.
func expect(t *testing.T, said string, want []string) {
	t.Helper()
	lines := strings.Split(said, "\n")
	for _, w := range want {
		re := regexp.MustCompile(w)
		i := 0
		for i < len(lines) && !re.MatchString(lines[i]) {
			i++
		}
		if i == len(lines) {
			t.Errorf("no line %q", w)
			return
		}
		lines = lines[i+1:]
	}
}

// varies is what differs between two machines: stacks, process IDs, and how they end.
var varies = regexp.MustCompile(`0x[0-9a-f]{9,16}|process \d+|Thread \d+\.\d+|[Tt]hread \d+`)

// compare has QEMU run the session.
func (s *session) compare(t *testing.T, guest, said string) {
	need(t, "qemu-riscv64")
	socket := filepath.Join(t.TempDir(), "qemu")
	cmd, _ := start(t, "qemu-riscv64", "-g", socket, guest)
	other := script(t, guest, append([]string{connect(t, socket)}, strings.Split(s.lines, "\n")...)...)
	_ = cmd.Wait()
	same := func(text string) string { return varies.ReplaceAllString(text, "N") }
	if diff := cmp.Diff(same(other), same(said)); diff != "" {
		t.Errorf("-QEMU +hospes:\n%s", diff)
	}
}
