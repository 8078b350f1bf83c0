//go:build linux && amd64

package forkall_test

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/trap"
	_ "github.com/hospes-vm/hospes/internal/trap/early" // a process that forks blocks its threads' signals
)

const childVar = "HOSPES_TEST_FORKALL"

// programs are what the test binary is when childVar names one: on its main thread,
// ready to fork. They return what is wrong.
var programs = map[string]func() error{
	"churn":  churn,
	"nested": func() error { return nested(12) },
	"parked": parked,
	"pidfd":  pidfd,
	"refuse": refuse,
}

func TestMain(m *testing.M) {
	program := programs[os.Getenv(childVar)]
	if program == nil {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	runtime.GOMAXPROCS(4)
	trap.Init()
	err := hostthread.Init()
	if err == nil {
		err = forkall.Init()
	}
	if err == nil {
		err = program()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestFork(t *testing.T) {
	for name := range programs {
		for _, gogc := range []string{"100", "5"} {
			t.Run(name+"/GOGC="+gogc, func(t *testing.T) {
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), childVar+"="+name, "GOGC="+gogc)
				cmd.WaitDelay = time.Minute
				if name == "refuse" && os.Geteuid() == 0 {
					cmd.Path = readable(t)
					// A user that has no other processes.
					cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 64123, Gid: 64123}}
				}
				cmd.SysProcAttr = cmp.Or(cmd.SysProcAttr, &syscall.SysProcAttr{})
				cmd.SysProcAttr.Setpgid = true // to end all that may be left
				timer := time.AfterFunc(5*time.Minute, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
				defer timer.Stop()
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, lastLines(string(out), 40))
				}
			})
		}
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

// readable is a copy of the test binary that any user can execute.
func readable(t *testing.T) string {
	dir, err := os.MkdirTemp("", "forkall")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o755)
	b, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(dir+"/test", b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir + "/test"
}

// fork has a child do what it is told, and returns its exit status.
func fork(do func() int) (int, error) {
	pid, _, e := forkall.Fork(uintptr(unix.SIGCHLD), nil)
	if e != 0 {
		return 0, e
	}
	if pid == 0 {
		unix.Exit(do())
	}
	return wait(pid)
}

func wait(pid int) (int, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case !status.Exited():
			return 0, fmt.Errorf("ended with status %#x", status)
		default:
			return status.ExitStatus(), nil
		}
	}
}

// busy has goroutines allocate, wait for timers, hand values around, and read a pipe
// through the poller, until the process ends.
func busy() {
	r, w, _ := os.Pipe()
	go func() {
		for buf := make([]byte, 1); ; {
			if _, err := r.Read(buf); err != nil {
				return
			}
		}
	}()
	go func() {
		for range time.Tick(200 * time.Microsecond) {
			_, _ = w.Write([]byte{1})
		}
	}()
	ring := make(chan int)
	for range 3 {
		go func() {
			for v := range ring {
				ring <- v + 1
			}
		}()
	}
	ring <- 0
	for range 2 {
		go func() {
			var keep [64][]byte
			for i := 0; ; i++ {
				keep[i%64] = make([]byte, i*31%5000)
			}
		}()
	}
	go func() {
		for {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}()
	go func() { // threads that come and go
		for {
			done := make(chan bool)
			go func() { runtime.LockOSThread(); done <- true }()
			<-done
			_ = hostthread.Empty()
		}
	}()
}

// works uses everything of Go's runtime in a child.
func works() error {
	done := make(chan int)
	go func() {
		runtime.LockOSThread()
		done <- unix.Gettid()
	}()
	select {
	case tid := <-done:
		if tid == unix.Gettid() {
			return fmt.Errorf("a locked thread is shared")
		}
	case <-time.After(time.Minute):
		return fmt.Errorf("goroutines do not run")
	}
	runtime.GC()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	var reader sync.WaitGroup
	var text []byte
	reader.Go(func() { text, err = io.ReadAll(r) })
	time.Sleep(time.Millisecond)
	_, _ = w.WriteString("through the poller")
	w.Close()
	reader.Wait()
	if err != nil || string(text) != "through the poller" {
		return fmt.Errorf("read %q, %v", text, err)
	}
	return nil
}

func status(err error) int {
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// churn forks while the runtime is at work.
func churn() error {
	busy()
	for i := range 50 {
		if s, err := fork(func() int { return status(works()) }); s != 0 || err != nil {
			return fmt.Errorf("fork %d: status %d, %v", i, s, err)
		}
	}
	return nil
}

// nested has each child fork.
func nested(depth int) error {
	if err := works(); depth == 0 || err != nil {
		return err
	}
	s, err := fork(func() int { return status(nested(depth - 1)) })
	if err == nil && s != 0 {
		err = fmt.Errorf("status %d at depth %d", s, depth)
	}
	return err
}

// parked forks while threads wait at gates, which the child does not have.
func parked() error {
	var stop forkall.Stop
	const n = 5
	var gates [n]forkall.Gate
	var tids []int
	for i := range gates {
		started := make(chan int)
		go func() {
			runtime.LockOSThread()
			started <- unix.Gettid()
			for {
				if stop.Ordered() {
					gates[i].Park(&stop)
				}
				time.Sleep(10 * time.Microsecond)
			}
		}()
		tids = append(tids, <-started)
	}
	for round := range 50 {
		if e := hostthread.Reserve(3); e != 0 {
			return e
		}
		stop.Order()
		for i := range gates {
			for !gates[i].Parked() {
				time.Sleep(10 * time.Microsecond)
			}
		}
		pid, _, e := forkall.Fork(uintptr(unix.SIGCHLD), tids)
		if pid == 0 && e == 0 {
			for _, tid := range tids {
				if unix.Tgkill(unix.Getpid(), tid, 0) == nil {
					unix.Exit(3)
				}
			}
			unix.Exit(status(works()))
		}
		stop.Release()
		if e != 0 {
			return e
		}
		if s, err := wait(pid); s != 0 || err != nil {
			return fmt.Errorf("round %d: status %d, %v", round, s, err)
		}
	}
	return nil
}

// pidfd has CLONE_PIDFD, and wants no descriptors left over.
func pidfd() error {
	for range 20 {
		pid, fd, e := forkall.Fork(uintptr(unix.SIGCHLD|unix.CLONE_PIDFD), nil)
		if e != 0 {
			return e
		}
		if pid == 0 {
			unix.Exit(7)
		}
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PIDFD, fd, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			return err
		}
		if s, err := wait(pid); s != 7 || err != nil {
			return fmt.Errorf("status %d, %v", s, err)
		}
		_ = unix.Close(fd)
	}
	fd, err := unix.Open("/", unix.O_PATH, 0)
	if fd > 20 {
		return fmt.Errorf("the next descriptor is %d", fd)
	}
	return err
}

// refuse forks until there are no more threads, and wants EAGAIN and no child lost.
func refuse() error {
	limit := unix.Rlimit{Cur: 40, Max: 40}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &limit); err != nil {
		return err
	}
	var children []int
	for {
		pid, _, e := forkall.Fork(uintptr(unix.SIGCHLD), nil)
		if e == unix.EAGAIN && len(children) > 0 {
			break
		}
		if e != 0 || len(children) > 40 {
			return fmt.Errorf("after %d children: %v", len(children), e)
		}
		if pid == 0 {
			_ = unix.Pause()
		}
		children = append(children, pid)
	}
	for _, pid := range children {
		_ = unix.Kill(pid, unix.SIGKILL)
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || status.Signal() != unix.SIGKILL {
			return fmt.Errorf("child: %#x, %v", status, err)
		}
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		return fmt.Errorf("a child is left: %v", err)
	}
	return works()
}
