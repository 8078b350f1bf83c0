//go:build linux && amd64

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// TestFiles runs testdata/files.c on the kernel and in sandboxes: on files in memory, and in a directory
// of the host.
func TestFiles(t *testing.T) {
	source, err := os.ReadFile("testdata/files.c")
	if err != nil {
		t.Fatal(err)
	}
	file := compile(t, string(source))
	path := filepath.Join(t.TempDir(), "files")
	if msg, err := exec.Command("gcc", "-static", "-O1", "-w", "-o", path, "testdata/files.c").CombinedOutput(); err != nil {
		t.Skipf("%v\n%s", err, msg)
	}
	want := native(t, path)
	if want.exit != (Exit{}) {
		t.Fatalf("natively: %+v\n%s", want.exit, want.stdout)
	}
	mem := vfs.NewMem(vfs.MemOptions{})
	defer mem.Close()
	host, err := vfs.NewHost(t.TempDir(), vfs.HostOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for name, fs := range map[string]*vfs.FS{"memory": mem, "host": host} {
		t.Run(name, func(t *testing.T) {
			got := execute(t, file, func(c *Config) { c.Files.Mounts = []Mount{{Target: "/", FS: fs}} })
			if diff := cmp.Diff(want.stdout, got.stdout); diff != "" {
				t.Errorf("(-native +sandbox):\n%s\n%s", diff, got.stderr)
			}
		})
	}
}

// shell runs a command of Debian's busybox with a configuration, and returns how it ended.
func shell(t *testing.T, ctx context.Context, files FileConfig, command string) Exit {
	t.Helper()
	files.Mounts = append(files.Mounts, Mount{Target: "/", FS: debian(t), MountOptions: vfs.MountOptions{ReadOnly: true}})
	k, err := New(Config{NewMachine: newInterpreter, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	argv := []string{"/usr/bin/busybox", "sh", "-c", command}
	exit, err := k.Run(ctx, Program{Path: argv[0], Argv: argv})
	if err != nil {
		t.Fatal(err)
	}
	return exit
}

// blocked is a reader and writer that does nothing until it is let go.
type blocked struct{ letGo chan struct{} }

func (b blocked) Read([]byte) (int, error) {
	<-b.letGo
	return 0, io.EOF
}

func (b blocked) Write(p []byte) (int, error) {
	<-b.letGo
	return len(p), nil
}

// TestBlockedStdio: the end of a kernel does not wait for a reader or writer.
func TestBlockedStdio(t *testing.T) {
	b := blocked{make(chan struct{})}
	defer close(b.letGo)
	for name, test := range map[string]struct {
		files   FileConfig
		command string
	}{
		"read":  {FileConfig{Stdin: b}, "read line"},
		"poll":  {FileConfig{Stdin: b}, "read -t 100 line"},
		"write": {FileConfig{Stdout: b}, "echo line"},
		"both":  {FileConfig{Stdout: b, Stderr: b}, "echo line & echo line >&2"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			start := time.Now()
			exit := shell(t, ctx, test.files, test.command)
			if d := time.Since(start); d > 10*time.Second || exit.Err != context.DeadlineExceeded {
				t.Errorf("%v after %v", exit, d)
			}
		})
	}
}

// TestStdin has a guest read to the end, a line at a time, and an error.
func TestStdin(t *testing.T) {
	var out bytes.Buffer
	in := io.MultiReader(strings.NewReader("one\ntwo\n"), strings.NewReader(strings.Repeat("x", 100000)))
	if exit := shell(t, t.Context(), FileConfig{Stdin: in, Stdout: &out}, `read a; read b; echo $b $a; busybox wc -c`); exit != (Exit{}) {
		t.Error(exit)
	}
	if got := out.String(); got != "two one\n100000\n" {
		t.Errorf("%q", got)
	}
	out.Reset()
	failing := io.MultiReader(strings.NewReader("x"), errReader{})
	shell(t, t.Context(), FileConfig{Stdin: failing, Stdout: &out, Stderr: &out}, `busybox cat`)
	if got := out.String(); !strings.Contains(got, "I/O error") && !strings.Contains(got, "Input/output error") {
		t.Errorf("%q", got)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// TestOutputLimit ends a guest that writes too much, with a reason, and all that it may write.
func TestOutputLimit(t *testing.T) {
	var out bytes.Buffer
	exit := shell(t, t.Context(), FileConfig{Stdout: &out, Stderr: &out, Output: 100000}, `busybox yes; echo more`)
	var limit *OutputError
	if !errors.As(exit.Err, &limit) || limit.Limit != 100000 || out.Len() != 100000 {
		t.Errorf("%v after %d bytes", exit, out.Len())
	}
}

// TestDescriptorLimit bounds the descriptors of all processes.
func TestDescriptorLimit(t *testing.T) {
	var out bytes.Buffer
	exit := shell(t, t.Context(), FileConfig{Stdout: &out, Stderr: &out, Descriptors: 40},
		`i=0; while exec 5<>/dev/null && busybox sleep 5 & do i=$((i+1)); [ $i -gt 100 ] && break; done; wait`)
	if exit.Err != nil || !strings.Contains(out.String(), "Too many open files") && !strings.Contains(out.String(), "No file descriptors") {
		t.Errorf("%v: %.300s", exit, out.String())
	}
}

// TestNothingIsLeft counts goroutines and descriptors of the host.
func TestNothingIsLeft(t *testing.T) {
	file := compile(t, `
		#include <fcntl.h>
		#include <sys/epoll.h>
		#include <sys/mman.h>
		#include <sys/socket.h>
		#include <sys/timerfd.h>
		#include <string.h>
		#include <unistd.h>
		int main(void) {
			int sp[2], p[2], fd = open("f", O_CREAT | O_RDWR, 0600), m = memfd_create("m", 0);
			ftruncate(fd, 8192), ftruncate(m, 8192);
			mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0);
			unlink("f");
			pipe(p);
			socketpair(AF_UNIX, SOCK_STREAM, 0, sp);
			char x = 0;
			struct iovec v = {&x, 1};
			union { char b[CMSG_SPACE(12)]; struct cmsghdr h; } c = {.h = {CMSG_LEN(12), SOL_SOCKET, SCM_RIGHTS}};
			struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
			int fds[3] = {sp[1], fd, sp[0]}; // a socket in its own queue
			memcpy(CMSG_DATA(&c.h), fds, 12);
			if (sendmsg(sp[0], &h, 0) != 1) return 2;
			int ep = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
			struct epoll_event ev = {EPOLLIN};
			struct itimerspec t = {{100}, {100}};
			timerfd_settime(timer, 0, &t, 0);
			epoll_ctl(ep, EPOLL_CTL_ADD, timer, &ev), epoll_ctl(ep, EPOLL_CTL_ADD, sp[0], &ev);
			if (fork() == 0) pause();
			return 7;
		}`)
	host, err := vfs.NewHost(t.TempDir(), vfs.HostOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	once := func() {
		if got := execute(t, file, func(c *Config) { c.Files.Mounts = []Mount{{Target: "/", FS: host}} }); got.exit.Status != (Status{Code: 7}) {
			t.Fatal(got)
		}
	}
	once() // the engine makes goroutines that stay
	fds, goroutines := hostDescriptors(t), runtime.NumGoroutine()
	for range 5 {
		once()
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		f, g := hostDescriptors(t), runtime.NumGoroutine()
		if f <= fds && g <= goroutines {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, %d before; %d goroutines, %d before", f, fds, g, goroutines)
		}
	}
}

func hostDescriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

// TestBuffersAreBounded fills pipes and sockets as far as the limit on descriptors allows, and looks at what that takes.
func TestBuffersAreBounded(t *testing.T) {
	file := compile(t, `
		#define _GNU_SOURCE
		#include <fcntl.h>
		#include <stdio.h>
		#include <sys/socket.h>
		#include <unistd.h>
		static char b[1 << 16];
		int main(void) {
			long all = 0, n;
			for (int i = 0, p[2]; (i % 2 ? socketpair(AF_UNIX, i % 4 == 1 ? SOCK_STREAM : SOCK_DGRAM, 0, p) : pipe(p)) == 0; i++) {
				fcntl(p[1], F_SETPIPE_SZ, 1 << 30), fcntl(p[1], F_SETPIPE_SZ, 1 << 17), fcntl(p[1], F_SETFL, O_NONBLOCK);
				for (int size = sizeof b; size; size /= 2)
					while ((n = write(p[1], b, size)) > 0) all += n;
			}
			printf("%ld\n", all >> 10);
		}`)
	const descriptors = 103
	got := execute(t, file, func(c *Config) { c.Files.Descriptors = descriptors })
	var kib int
	if _, err := fmt.Sscan(got.stdout, &kib); err != nil || kib < 50*120 || kib > 50*130 {
		t.Errorf("%d KiB: %+v", kib, got)
	}
}

// TestOwnFdinfo: a file that tells about itself, while it is read, can be read.
func TestOwnFdinfo(t *testing.T) {
	got := execute(t, compile(t, `
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(void) {
			char name[50], text[200] = "";
			int fd = open("/dev/null", O_RDONLY);
			sprintf(name, "/proc/self/fdinfo/%d", fd);
			close(fd);
			dup2(0, fd);
			int own = open(name, O_RDONLY);
			dup2(own, fd);
			read(fd, text, sizeof text);
			lseek(fd, 0, SEEK_SET); // it is made anew
			printf("%d\n", read(fd, text, sizeof text) > 0);
		}`), nil)
	if got.stdout != "1\n" {
		t.Errorf("%+v", got)
	}
}
