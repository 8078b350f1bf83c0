//go:build linux && amd64 && !race && !msan && !asan

package early_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/trap"
	_ "github.com/hospes-vm/hospes/internal/trap/early"
)

const childVar = "HOSPES_TEST_EARLY"

// TestMain lets the test binary act as a program that inherits a mask and ignored
// signals, and that keeps its threads from taking signals.
func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	trap.Init()
	mask, ignored, exact := trap.Inherited()
	fmt.Printf("mask %#x ignored %#x exact %v shortcomings %q\n", mask, ignored, exact, trap.Shortcomings())
	fmt.Println("queue", queue())
	fmt.Println("threads", threads())
	os.Exit(0)
}

const sigRTMin = syscall.Signal(34) // glibc's; one that Go unblocks in its threads

// queue sends queued signals to the process while the runtime creates threads. They
// must stay queued, and arrive in order at the thread that unblocks them.
func queue() string {
	const n = 300
	trap.Install(int(sigRTMin), 0)
	th := trap.NewThread(new(irq.Word))
	if err := th.Bind(); err != nil {
		return err.Error()
	}
	th.SetMask(^uint64(0))
	hold := make(chan struct{})
	var started sync.WaitGroup
	for i := range n {
		if i%50 == 0 {
			started.Add(1)
			go func() { runtime.LockOSThread(); started.Done(); <-hold }()
		}
		var info trap.Info
		*(*int32)(unsafe.Pointer(&info[0])) = int32(sigRTMin)
		*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
		*(*int32)(unsafe.Pointer(&info[24])) = int32(i)
		if e := trap.Requeue(&info); e != 0 {
			return e.Error()
		}
	}
	started.Wait()
	close(hold)
	for i := range n {
		th.SetMask(0)
		info, ok := th.Take()
		if v := *(*int32)(unsafe.Pointer(&info[24])); !ok || v != int32(i) {
			return fmt.Sprintf("signal %d: value %d, %v", i, v, ok)
		}
	}
	return "in order"
}

// threads looks at the masks of threads that the runtime has created since.
func threads() string {
	const n = 8
	const want = ^uint64(trap.Unmaskable | 1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1))
	masks := make(chan uint64)
	for range n {
		go func() {
			runtime.LockOSThread()
			var mask unix.Sigset_t
			_ = unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
			masks <- mask.Val[0]
			select {}
		}()
	}
	for range n {
		if mask := <-masks; mask != want {
			return fmt.Sprintf("mask %#x, want %#x", mask, want)
		}
	}
	return "closed"
}

func TestEarly(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old unix.Sigset_t
	set := unix.Sigset_t{Val: [16]uint64{1<<(unix.SIGPROF-1) | 1<<(unix.SIGTERM-1) | 1<<(40-1)}}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &set, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	want := fmt.Sprintf("mask %#x ignored %#x exact true shortcomings []\nqueue in order\nthreads closed",
		set.Val[0], inheritedIgnored(t))
	if got := afterTrap(t, exe); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// afterTrap runs a command that inherits SIGUSR1 and SIGPIPE ignored, besides what
// this process has inherited.
func afterTrap(t *testing.T, command ...string) string {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `trap "" USR1 PIPE; exec "$0" "$@"`}, command...)...)
	cmd.Env = append(os.Environ(), childVar+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// inheritedIgnored is what the kernel says such a command ignores.
func inheritedIgnored(t *testing.T) (set uint64) {
	t.Helper()
	if _, err := fmt.Sscanf(afterTrap(t, "grep", "SigIgn", "/proc/self/status"), "SigIgn: %x", &set); err != nil {
		t.Fatal(err)
	}
	if both := uint64(1<<(unix.SIGUSR1-1) | 1<<(unix.SIGPIPE-1)); set&both != both {
		t.Fatalf("the signals %#x are not ignored: %#x", both, set)
	}
	return set
}

// TestHeap: the heap is to be in large pages, if the kernel has any.
func TestHeap(t *testing.T) {
	at := uint64(uintptr(unsafe.Pointer(&make([]byte, 1<<20)[0]))) // the heap grows for it, so it comes first
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil || !strings.Contains(string(maps), "THPeligible:") {
		t.Skip("the kernel does not tell of large pages")
	}
	within := false
	for line := range strings.Lines(string(maps)) {
		var start, end uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &start, &end); n == 2 {
			within = start <= at && at < end
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && within {
			if !strings.Contains(flags, " hg") {
				t.Errorf("the heap's flags are %s", flags)
			}
			return
		}
	}
	t.Error("the heap is nowhere")
}
