//go:build linux && amd64

// Package signals tests signals from another process: what programs that test
// themselves cannot show.
package signals

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const sigRTMin = 34 // as C libraries number it

// guestProgram is a running guest and its output.
type guestProgram struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Reader
}

// hospes is the command under test.
var hospes string

func TestMain(m *testing.M) { os.Exit(testcmd.Run(m, &hospes)) }

// start builds testdata/name.c for the guest and starts it.
func start(t *testing.T, mapping, name string, args ...string) *guestProgram {
	t.Helper()
	cc, err := exec.LookPath("riscv64-linux-gnu-gcc")
	if err != nil {
		t.Skip("riscv64-linux-gnu-gcc is not installed")
	}
	prog := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command(cc, "-O1", "-static", "-pthread", "-o", prog, "testdata/"+name+".c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// In a process group of its own: SIGTSTP has no effect on one whose parents are all in other sessions, as
	// the tests' own group may be: setpgid(2) of POSIX, "orphaned process group".
	cmd := testcmd.Command(t, hospes, append([]string{"-mapping", mapping, prog}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g := &guestProgram{t, cmd, bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	g.expect("ready")
	return g
}

func (g *guestProgram) expect(want string) {
	g.t.Helper()
	line, err := g.out.ReadString('\n')
	if err != nil && err != io.EOF {
		g.t.Fatal(err)
	}
	if line != want+"\n" {
		g.t.Fatalf("the guest says %q, want %q", line, want)
	}
}

func (g *guestProgram) kill(sig syscall.Signal) {
	g.t.Helper()
	if err := unix.Kill(g.cmd.Process.Pid, sig); err != nil {
		g.t.Fatal(err)
	}
}

// queue sends n signals with the values 0 to n-1, as sigqueue(3) does.
func (g *guestProgram) queue(sig syscall.Signal, n int) {
	g.t.Helper()
	var info [128]byte
	le := binary.LittleEndian
	code := int32(-1) // SI_QUEUE
	le.PutUint32(info[0:], uint32(sig))
	le.PutUint32(info[8:], uint32(code))
	le.PutUint32(info[16:], uint32(os.Getpid()))
	le.PutUint32(info[20:], uint32(os.Getuid()))
	for i := range n {
		le.PutUint32(info[24:], uint32(i))
		for {
			_, _, e := syscall.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(g.cmd.Process.Pid), uintptr(sig), uintptr(unsafe.Pointer(&info)))
			if e == 0 {
				break
			}
			if e != syscall.EAGAIN {
				g.t.Fatal(e)
			}
			time.Sleep(time.Millisecond) // the queue is full
		}
	}
}

// awaitSleep waits until the guest's first thread sleeps in clock_nanosleep(2), the call
// that all of the guest's sleeps become.
func (g *guestProgram) awaitSleep() {
	g.t.Helper()
	file := "/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/syscall" // "running", or number and arguments
	for end := time.Now().Add(testcmd.Limit); time.Now().Before(end); {
		text, err := os.ReadFile(file)
		if err != nil {
			g.t.Fatal(err)
		}
		if strings.HasPrefix(string(text), strconv.Itoa(unix.SYS_CLOCK_NANOSLEEP)+" ") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	g.t.Fatal("the guest does not sleep")
}

// status waits for a change of the guest's state.
func (g *guestProgram) status(options int) (ws syscall.WaitStatus) {
	g.t.Helper()
	if _, err := syscall.Wait4(g.cmd.Process.Pid, &ws, options, nil); err != nil {
		g.t.Fatal(err)
	}
	return ws
}

func onMappings(t *testing.T, f func(t *testing.T, mapping string)) {
	for _, mapping := range []string{"offset", "table"} {
		t.Run(mapping, func(t *testing.T) { f(t, mapping) })
	}
}

func TestSignalStorm(t *testing.T) {
	const n = 10000
	onMappings(t, func(t *testing.T, mapping string) {
		g := start(t, mapping, "storm", strconv.Itoa(n))
		g.queue(sigRTMin, n)
		g.expect("total " + strconv.Itoa(n) + " wrong 0 bad 0")
		if ws := g.status(0); !ws.Exited() || ws.ExitStatus() != 0 {
			t.Errorf("status %#x", ws)
		}
	})
}

func TestSignalsFromOutside(t *testing.T) {
	const n = 3000
	onMappings(t, func(t *testing.T, mapping string) {
		g := start(t, mapping, "control", strconv.Itoa(n))
		g.kill(unix.SIGTERM)
		g.kill(unix.SIGCHLD)
		g.queue(sigRTMin, n)
		g.expect("signals " + strconv.Itoa(n) + " disorder 0")
		g.expect("waited for: Terminated, from outside 1") // the lowest number first
		g.expect("waited for: Child exited, from outside 1")
		for i, sig := range []syscall.Signal{unix.SIGSTOP, unix.SIGTSTP} {
			g.expect("sleeping")
			g.awaitSleep()
			g.kill(sig)
			if ws := g.status(syscall.WUNTRACED); !ws.Stopped() || ws.StopSignal() != sig {
				t.Errorf("status %#x after %v", ws, sig)
			}
			time.Sleep(50 * time.Millisecond)
			g.kill(unix.SIGCONT)
			want := "slept: ok, SIGCONT handled 0 times"
			if i == 1 {
				want = "slept: Interrupted system call, SIGCONT handled 1 times"
			}
			g.expect(want)
		}
		g.expect("end me")
		g.kill(unix.SIGUSR1)
		if ws := g.status(0); !ws.Signaled() || ws.Signal() != unix.SIGUSR1 {
			t.Errorf("status %#x after SIGUSR1", ws)
		}
	})
}

// TestStorms sends signals of many numbers, from outside, at a program whose threads
// are in all kinds of places.
func TestStorms(t *testing.T) {
	const n = 300 // of each of four real-time signals
	const want = "total 1200 doubled 0 disorder 0 wrong 0 failures 0, others came 1, faults 1"
	for _, c := range []struct{ mapping, where, threads, env string }{
		{"offset", "compute", "0", ""},
		{"offset", "block", "0", ""},
		{"offset", "memory", "3", ""},
		{"offset", "process", "3", ""},
		{"offset", "faults", "3", ""},
		{"offset", "all", "8", ""},
		{"table", "all", "3", ""},
		{"offset", "all", "3", "GOGC=1"},
		{"offset", "all", "3", "GOMAXPROCS=1"},
		{"offset", "all", "3", "HOSPES_OPTIMISE_THRESHOLD=0"},
	} {
		t.Run(strings.TrimSuffix(c.mapping+"/"+c.where+"/"+c.env, "/"), func(t *testing.T) {
			if name, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(name, value)
			}
			g := start(t, c.mapping, "everywhere", c.where, strconv.Itoa(n), c.threads)
			g.expect(want)
			if ws := g.status(0); !ws.Exited() || ws.ExitStatus() != 0 {
				t.Errorf("status %#x", ws)
			}
		})
	}
}
