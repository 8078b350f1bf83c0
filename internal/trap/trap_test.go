//go:build linux && amd64

package trap

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/irq"
)

const (
	dieEnv     = "HOSPES_TEST_DIE"
	releaseEnv = "HOSPES_TEST_RELEASE"
)

func TestMain(m *testing.M) {
	Init()
	if s := os.Getenv(dieEnv); s != "" {
		runtime.LockOSThread()
		sig, _ := strconv.Atoi(s)
		Die(sig)
	}
	if os.Getenv(releaseEnv) != "" {
		runReleased()
	}
	os.Exit(m.Run())
}

// bind runs f on a thread of its own with a bound Thread and the given mask.
func bind(t *testing.T, mask uint64, f func(th *Thread, w *irq.Word)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and end the thread with the goroutine
		var w irq.Word
		th := NewThread(&w)
		if err := th.Bind(); err != nil {
			t.Error(err)
			return
		}
		defer th.Unbind()
		th.SetMask(mask)
		f(th, &w)
	}()
	<-done
}

func bit(sig syscall.Signal) uint64 { return 1 << (sig - 1) }

func install(t *testing.T, sig syscall.Signal) {
	Install(int(sig), 0)
	t.Cleanup(func() { Default(int(sig), 0) })
}

func tgkill(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), sig); err != nil {
		t.Error(err)
	}
}

func TestSlot(t *testing.T) {
	install(t, unix.SIGUSR1)
	install(t, unix.SIGUSR2)
	bind(t, 0, func(th *Thread, w *irq.Word) {
		const limit, mask = 1 << 38, 0x7ffe
		w.Arm(limit, mask)
		tgkill(t, unix.SIGUSR2)
		tgkill(t, unix.SIGUSR1) // stays with the kernel: the slot is full
		if th.SetMask(0) {
			t.Error("mask set while the slot is full")
		}
		if !th.Pending() {
			t.Error("nothing pending")
		}
		if w.Bits() != irq.Signal || !w.Armed(0, 0) {
			t.Errorf("the interrupt word is %#x, limit and mask are 0: %v", w.Bits(), w.Armed(0, 0))
		}
		if got := currentMask(); got&^(1<<8|1<<18) != blocked&^(1<<8|1<<18) {
			t.Errorf("mask with full slot %#x", got)
		}
		info, ok := th.Take()
		if !ok || info.Signal() != int(unix.SIGUSR2) || info.Code() != siTKill {
			t.Errorf("took %d code %d %v, want SIGUSR2", info.Signal(), info.Code(), ok)
		}
		if _, ok := th.Take(); ok {
			t.Error("second signal in the slot too early")
		}
		if !th.SetMask(bit(unix.SIGUSR1)) || th.Pending() {
			t.Error("a blocked signal was delivered")
		}
		th.SetMask(0)
		if info, ok := th.Take(); !ok || info.Signal() != int(unix.SIGUSR1) {
			t.Errorf("took %d %v, want SIGUSR1", info.Signal(), ok)
		}
	})
}

// TestQueueOrder: queued real-time signals come each once, with their values, in order.
func TestQueueOrder(t *testing.T) {
	const n = 500
	sig := syscall.Signal(40)
	install(t, sig)
	bind(t, bit(sig), func(th *Thread, _ *irq.Word) {
		for i := range n {
			var info Info
			*(*int32)(unsafe.Pointer(&info[0])) = int32(sig)
			*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
			*(*int32)(unsafe.Pointer(&info[24])) = int32(i)
			if e := queueThread(unix.Gettid(), sig, &info); e != 0 {
				t.Error(e)
				return
			}
		}
		if th.Pending() {
			t.Error("delivered while blocked")
		}
		for i := range n {
			th.SetMask(0)
			info, ok := th.Take()
			if v := *(*int32)(unsafe.Pointer(&info[24])); !ok || v != int32(i) {
				t.Errorf("signal %d: value %d, %v", i, v, ok)
				return
			}
		}
		th.SetMask(0)
		if th.Pending() {
			t.Error("more than were sent")
		}
	})
}

// TestQueueStorm is TestQueueOrder with signals that arrive while the thread sets
// its mask, makes system calls and is kicked.
func TestQueueStorm(t *testing.T) {
	const n = 20000
	sig := syscall.Signal(42)
	install(t, sig)
	bind(t, 0, func(th *Thread, _ *irq.Word) {
		tid := unix.Gettid()
		var taken atomic.Int64
		go func() {
			var info Info
			*(*int32)(unsafe.Pointer(&info[0])) = int32(sig)
			*(*int32)(unsafe.Pointer(&info[8])) = -1
			for i := range n {
				*(*int32)(unsafe.Pointer(&info[24])) = int32(i)
				for queueThread(tid, sig, &info) != 0 {
					runtime.Gosched() // queue full
				}
				if i%16 == 0 {
					th.Kick()
				}
				for int64(i)-taken.Load() > 100 {
					runtime.Gosched()
				}
			}
		}()
		for i := 0; i < n; {
			info, ok := th.Take()
			if ok {
				if v := *(*int32)(unsafe.Pointer(&info[24])); info.Signal() != int(sig) || v != int32(i) {
					t.Errorf("signal %d: number %d value %d", i, info.Signal(), v)
					return
				}
				i++
				taken.Store(int64(i))
			}
			th.SetMask(^uint64(0))
			th.TakeKick()
			th.SetMask(0)
			th.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
		}
	})
}

// TestUnmaskable: a sent SIGSEGV is the guest's, one that an access raises is Go's.
func TestUnmaskable(t *testing.T) {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	fault := func() (r any) {
		defer func() { r = recover() }()
		page[7] = 1
		return nil
	}
	bind(t, ^uint64(0), func(th *Thread, _ *irq.Word) {
		debug.SetPanicOnFault(true)
		for _, sig := range []syscall.Signal{unix.SIGSEGV, unix.SIGSTKFLT, unix.SIGFPE} {
			tgkill(t, sig)
			tgkill(t, sig) // merged, as the kernel does
			e, ok := fault().(interface{ Addr() uintptr })
			if !ok || e.Addr() != uintptr(unsafe.Pointer(&page[0]))+7 {
				t.Errorf("no fault at the address: %v", e)
			}
			info, ok := th.Take()
			if !ok || info.Signal() != int(sig) {
				t.Errorf("took %d %v, want %d", info.Signal(), ok, sig)
			}
			if _, ok := th.Take(); ok {
				t.Errorf("%d came twice", sig)
			}
		}
	})
}

// interrupt has tid interrupted by f once it sleeps in the system call nr, not in another one of Go's runtime.
func interrupt(tid int, nr uintptr, f func()) {
	for range 60000 {
		b, _ := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/syscall") // "running", or number and arguments
		if strings.HasPrefix(string(b), fmt.Sprint(nr, " ")) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	f()
}

func TestSyscallResults(t *testing.T) {
	install(t, unix.SIGUSR1)
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1)
	ts := unix.Timespec{Sec: 100}
	calls := []struct {
		name        string
		nr, a, b, c uintptr
		want        syscall.Errno
	}{
		{"pause", unix.SYS_PAUSE, 0, 0, 0, unix.EINTR},
		{"read", unix.SYS_READ, uintptr(fds[0]), uintptr(unsafe.Pointer(&buf[0])), 1, Restart},
		{"nanosleep", unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0, unix.EINTR},
	}
	bind(t, 0, func(th *Thread, _ *irq.Word) {
		tid := unix.Gettid()
		for _, c := range calls {
			go interrupt(tid, c.nr, func() { unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1) })
			if _, e := th.Syscall(c.nr, c.a, c.b, c.c, 0, 0, 0); e != c.want {
				t.Errorf("%s interrupted by a signal: %v, want %v", c.name, e, c.want)
			}
			if _, e := th.Syscall(c.nr, c.a, c.b, c.c, 0, 0, 0); e != NotMade {
				t.Errorf("%s with a signal pending: %v, want NotMade", c.name, e)
			}
			if info, _ := th.Take(); info.Signal() != int(unix.SIGUSR1) {
				t.Errorf("took %d", info.Signal())
			}
			th.SetMask(0)
			go interrupt(tid, c.nr, th.Kick)
			if _, e := th.Syscall(c.nr, c.a, c.b, c.c, 0, 0, 0); e != c.want {
				t.Errorf("%s interrupted by a kick: %v, want %v", c.name, e, c.want)
			}
			if _, ok := th.Take(); ok || !th.TakeKick() || th.TakeKick() {
				t.Errorf("%s: want a kick and no signal", c.name)
			}
		}
		if r, e := th.Syscall(unix.SYS_GETTID, 0, 0, 0, 0, 0, 0); e != 0 || int(r) != tid {
			t.Errorf("gettid: %d %v", r, e)
		}
		if _, e := th.Syscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0, 0, 0, 0); e != unix.EBADF {
			t.Errorf("close(-1): %v", e)
		}
	})
}

// TestNoLostWakeup sends a signal at any moment around the entry to a call that
// only a signal ends: each must end it.
func TestNoLostWakeup(t *testing.T) {
	const rounds = 20000
	install(t, unix.SIGUSR1)
	var round atomic.Int64
	var tid atomic.Int64
	go func() {
		for tid.Load() == 0 {
			runtime.Gosched()
		}
		for i := int64(1); i <= rounds; i++ {
			for round.Load() != i {
				runtime.Gosched()
			}
			for range i % 64 * 8 {
				_ = round.Load()
			}
			unix.Tgkill(os.Getpid(), int(tid.Load()), unix.SIGUSR1)
		}
	}()
	bind(t, 0, func(th *Thread, _ *irq.Word) {
		tid.Store(int64(unix.Gettid()))
		seen := map[syscall.Errno]int{}
		for i := int64(1); i <= rounds; i++ {
			round.Store(i)
			_, e := th.Syscall(unix.SYS_PAUSE, 0, 0, 0, 0, 0, 0)
			seen[e]++
			if info, ok := th.Take(); !ok || info.Signal() != int(unix.SIGUSR1) {
				t.Errorf("round %d: pause: %v without its signal", i, e)
				return
			}
			th.SetMask(0)
		}
		if len(seen) > 2 || seen[unix.EINTR]+seen[NotMade] != rounds {
			t.Errorf("results %v", seen)
		}
	})
}

// TestStrangers sends signals to the process while threads of Go's runtime come
// and go: all reach the one guest thread, and no others.
func TestStrangers(t *testing.T) {
	const n = 3000
	sig := syscall.Signal(41)
	install(t, sig)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for !stop.Load() {
			// New threads: each has its own, which ends with it.
			var inner sync.WaitGroup
			for range 4 {
				inner.Add(1)
				go func() { runtime.LockOSThread(); time.Sleep(100 * time.Microsecond); inner.Done() }()
			}
			inner.Wait()
			runtime.GC()
		}
	}()
	bind(t, 0, func(th *Thread, _ *irq.Word) {
		go func() {
			var info Info
			*(*int32)(unsafe.Pointer(&info[0])) = int32(sig)
			*(*int32)(unsafe.Pointer(&info[8])) = -1
			for i := range n {
				*(*int32)(unsafe.Pointer(&info[24])) = int32(i)
				for {
					runtime.LockOSThread()
					e := Requeue(&info)
					runtime.UnlockOSThread()
					if e == 0 {
						break
					}
					time.Sleep(time.Millisecond) // queue full
				}
			}
		}()
		got := make([]int, n)
		deadline := time.Now().Add(2 * time.Minute)
		for count := 0; count < n; {
			if time.Now().After(deadline) {
				t.Errorf("%d of %d signals arrived", count, n)
				return
			}
			ts := unix.Timespec{Nsec: 50e6}
			th.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0, 0, 0, 0)
			for info, ok := th.Take(); ok; info, ok = th.Take() {
				got[*(*int32)(unsafe.Pointer(&info[24]))]++
				count++
				th.SetMask(0)
			}
		}
		for i, k := range got {
			if k != 1 {
				t.Errorf("signal %d arrived %d times", i, k)
			}
		}
	})
	stop.Store(true)
	wg.Wait()
}

// TestStray: those of the unmaskable six that a thread of Go's runtime gets in the place of
// a guest thread reach that, whoever has sent them.
func TestStray(t *testing.T) {
	strays, sent := make(chan Info), make(chan syscall.Errno)
	defer close(strays)
	go func() {
		runtime.LockOSThread()
		for info := range strays {
			sent <- sigqueue(unix.Getpid(), unix.Gettid(), &info) // with any code only to itself
		}
	}()
	bind(t, 0, func(th *Thread, _ *irq.Word) {
		for sig := 1; sig <= 64; sig++ {
			if Unmaskable&(1<<(sig-1)) == 0 {
				continue
			}
			for _, code := range []int32{0, -1} { // kill(2), sigqueue(3)
				var info Info
				le := binary.LittleEndian
				le.PutUint32(info[0:], uint32(sig))
				le.PutUint32(info[8:], uint32(code))
				le.PutUint32(info[16:], uint32(os.Getpid()))
				strays <- info
				if e := <-sent; e != 0 {
					t.Fatal(e)
				}
				ts := unix.Timespec{Sec: 10}
				th.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0, 0, 0, 0)
				if got, ok := th.Take(); !ok || got.Signal() != sig || got.Code() != code {
					t.Errorf("took %d, code %d, %v, want %d, code %d", got.Signal(), got.Code(), ok, sig, code)
				}
			}
		}
	})
}

// sigqueue is rt_tgsigqueueinfo(2).
func sigqueue(pid, tid int, info *Info) syscall.Errno {
	_, _, e := unix.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(tid), uintptr(info.Signal()), uintptr(unsafe.Pointer(info)), 0, 0)
	return e
}

func TestUnbindRequeues(t *testing.T) {
	install(t, unix.SIGUSR1)
	bind(t, bit(unix.SIGUSR1), func(other *Thread, _ *irq.Word) {
		bind(t, bit(unix.SIGUSR1), func(th *Thread, _ *irq.Word) {
			var info Info
			*(*int32)(unsafe.Pointer(&info[0])) = int32(unix.SIGUSR1)
			*(*int32)(unsafe.Pointer(&info[8])) = -1
			th.SetMask(0)
			Requeue(&info)
			for !th.Pending() {
				runtime.Gosched()
			}
		}) // ends with the signal in its slot
		other.SetMask(0)
		for start := time.Now(); !other.Pending(); {
			if time.Since(start) > time.Minute {
				t.Error("the signal was lost")
				return
			}
		}
		other.Take()
	})
}

// TestRegistry binds threads whose IDs collide with those of others.
func TestRegistry(t *testing.T) {
	bind(t, ^uint64(0), func(first *Thread, _ *irq.Word) {
		var w irq.Word
		second := NewThread(&w)
		if err := second.Bind(); err != nil { // the same ID: the worst collision
			t.Error(err)
			return
		}
		if got := probes; got < 2 {
			t.Errorf("a search looks at %d entries only", got)
		}
		first.Unbind()
		tgkill(t, unix.SIGSEGV)
		if info, ok := second.Take(); !ok || info.Signal() != int(unix.SIGSEGV) {
			t.Error("not found behind a hole")
		}
		second.Unbind()
		if err := first.Bind(); err != nil {
			t.Error(err)
		}
	})
}

// TestTakeOver: package early's test sees the effect.
func TestTakeOver(t *testing.T) {
	at := runtimeAuxv()
	if masks, preemption := takeOverRuntime(&at); !masks || !preemption {
		t.Errorf("signal table found: %v, GODEBUG variable found: %v", masks, preemption)
	}
}

func BenchmarkTakeOver(b *testing.B) {
	for b.Loop() {
		at := runtimeAuxv()
		takeOverRuntime(&at)
	}
}

func TestDie(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	toFile := string(pattern) == "core\n" // else who knows where to, and by whom
	for _, limit := range []string{"0", "unlimited"} {
		for _, sig := range []syscall.Signal{unix.SIGSEGV, unix.SIGTERM, unix.SIGKILL, unix.SIGABRT, unix.SIGSTKFLT, 64} {
			cmd := exec.Command("sh", "-c", `ulimit -c $1; exec "$0"`, exe, limit)
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), dieEnv+"="+strconv.Itoa(int(sig)))
			err := cmd.Run()
			ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !ws.Signaled() || ws.Signal() != sig {
				t.Errorf("Die(%d): %v", sig, err)
			}
			if !toFile {
				continue
			}
			if want := limit != "0" && (sig == unix.SIGSEGV || sig == unix.SIGABRT); ws.CoreDump() != want {
				t.Errorf("Die(%d) with a limit of %s: core dump %v", sig, limit, ws.CoreDump())
			}
			files, _ := filepath.Glob(filepath.Join(cmd.Dir, "core*"))
			for _, f := range files {
				if st, err := os.Stat(f); err != nil || st.Size() > minDump {
					t.Errorf("core file of more than %d bytes: %v %v", minDump, st.Size(), err)
				}
			}
		}
	}
}

// runReleased is a program that has no guest any more after Init, twice, and lives on its
// own signals in between.
func runReleased() {
	for round := range 2 {
		runtime.LockOSThread()
		if round > 0 {
			Init()
		}
		var w irq.Word
		th := NewThread(&w)
		if err := th.Bind(); err != nil {
			panic(err)
		}
		Install(int(unix.SIGUSR1), 0)
		th.SetMask(0)
		_ = unix.Kill(os.Getpid(), unix.SIGUSR1)
		// A thread of the runtime may have had it first, and handed it on.
		var info Info
		for ok := false; !ok; info, ok = th.Take() {
			runtime.Gosched()
		}
		if info.Signal() != int(unix.SIGUSR1) {
			panic("another signal than the guest's")
		}
		th.Unbind()
		Release()
		runtime.UnlockOSThread()
		for _, sig := range []syscall.Signal{unix.SIGUSR1, unix.SIGSEGV, unix.SIGTERM, 40} {
			c := make(chan os.Signal, 1)
			signal.Notify(c, sig)
			_ = unix.Kill(os.Getpid(), sig)
			if <-c != sig {
				panic("another signal")
			}
			signal.Stop(c)
		}
	}
	fmt.Println("fine")
	_ = unix.Kill(os.Getpid(), unix.SIGTERM)
	time.Sleep(time.Minute)
}

func TestRelease(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), releaseEnv+"=1")
	out, _ := cmd.CombinedOutput()
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if string(out) != "fine\n" || !ok || ws.Signal() != unix.SIGTERM {
		t.Errorf("%v\n%s", cmd.ProcessState, out)
	}
}
