package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// scenarios are rows that one command and its output do not describe.
var scenarios = []scenario{
	{name: "xz/round-trip", about: "a file of a megabyte compressed with threads, and expanded", do: roundTrip("/usr/bin/xz", "-T2", "-3")},
	{name: "zstd/round-trip", about: "a file of a megabyte compressed with threads, and expanded", quick: true, do: roundTrip("/usr/bin/zstd", "-q", "-T2")},
	{name: "gzip/round-trip", about: "a file of a megabyte compressed and expanded", do: roundTrip("/bin/gzip", "-9")},
	{name: "redis", about: "a server, and clients by a socket in the file system and by TCP", quick: true, do: redis},
	{name: "musl", about: "a program with threads against musl libc", do: musl},
}

type scenario struct {
	name  string
	about string // for docs/compatibility.md
	quick bool
	do    func(ctx context.Context, c *config, dir string) error

	packages string // beyond scripts/debian-rootfs.sh's own list
	slow     bool   // takes too long for CI
	known    string // why it is known to fail
}

func (s *scenario) run(ctx context.Context, c *config) (verdict, string) {
	if c.root == "" {
		return skipped, "no Debian root"
	}
	dir, err := c.workDir(s.name)
	if err == nil {
		err = s.do(ctx, c, dir)
	}
	if why, ok := err.(missing); ok {
		return skipped, string(why)
	}
	if err != nil {
		return failed, err.Error()
	}
	return passed, ""
}

// missing is an error that says what the host lacks.
type missing string

func (m missing) Error() string { return string(m) }

// check runs a guest and compares its standard output.
func (c *config) check(ctx context.Context, dir, stdin, want string, argv ...string) error {
	out, status, err := outcome(c.guest(ctx, dir, argv...), stdin)
	if err != nil {
		return err
	}
	if status != 0 || out.stdout != want {
		return fmt.Errorf("%v: exit status %d, printed %s, want %s\n%s", argv, status, excerpt(out.stdout), excerpt(want), out.stderr)
	}
	return nil
}

// roundTrip compresses a file of a megabyte and expands it again.
func roundTrip(compressor string, options ...string) func(context.Context, *config, string) error {
	return func(ctx context.Context, c *config, dir string) error {
		text, err := os.ReadFile(filepath.Join(dir, "words.txt"))
		if err != nil {
			return err
		}
		big := strings.Repeat(string(text), 12)
		argv := append([]string{compressor, "-c"}, options...)
		out, status, err := outcome(c.guest(ctx, dir, argv...), big)
		if err != nil || status != 0 || len(out.stdout) > len(big)/2 {
			return fmt.Errorf("%v: exit status %d, %d bytes from %d, %v\n%s", argv, status, len(out.stdout), len(big), err, out.stderr)
		}
		return c.check(ctx, dir, out.stdout, big, compressor, "-dc")
	}
}

// redis has a server and clients talk through a socket in the file system and through
// the loopback device.
func redis(ctx context.Context, c *config, dir string) error {
	const port = "16379"
	server := c.guest(ctx, dir, "/usr/bin/redis-server", "--port", port, "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no", "--dir", ".")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return err
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	err = redisDialogue(ctx, c, dir, port)
	if err != nil {
		text, _ := os.ReadFile(log.Name()) // only for the message
		return fmt.Errorf("%w\nserver:\n%s", err, text)
	}
	if err := server.Wait(); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

func redisDialogue(ctx context.Context, c *config, dir, port string) error {
	socket := filepath.Join(dir, "redis.sock")
	for {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not listen")
		case <-time.After(50 * time.Millisecond):
		}
	}
	cli := func(stdin, want string, args ...string) error {
		return c.check(ctx, dir, stdin, want, append([]string{"/usr/bin/redis-cli"}, args...)...)
	}
	if err := cli("", "PONG\n", "-s", "redis.sock", "ping"); err != nil {
		return err
	}
	script := "set k 41\nincr k\nrpush l c a b\nsort l alpha\neval \"return redis.call('get','k')+1\" 0\n"
	if err := cli(script, "OK\n42\n3\na\nb\nc\n43\n", "-p", port); err != nil {
		return err
	}
	return cli("", "", "-s", "redis.sock", "shutdown", "nosave")
}

// muslProgram has its own _start: binutils 2.40 crashes on the relocations in Debian's
// crt1.o and libc.a.
const muslProgram = `
#include <pthread.h>
#include <stdio.h>
#include <string.h>
asm(".globl _start\n_start: la a0, main\nld a1, 0(sp)\naddi a2, sp, 8\nli a3, 0\nli a4, 0\nli a5, 0\ntail __libc_start_main\n");
static void *twice(void *p) { *(long *)p *= 2; return p; }
int main(int argc, char **argv) {
	long n = 21;
	pthread_t t;
	if (pthread_create(&t, 0, twice, &n) || pthread_join(t, 0)) return 1;
	printf("%ld %s %.3f\n", n, strrchr(argv[0], '/') + 1, 1.0 / 3);
	return argc - 1;
}
`

// musl builds a dynamically linked program against the root's musl libc, with glibc's
// cross compiler, and runs it.
func musl(ctx context.Context, c *config, dir string) error {
	cc, err := exec.LookPath("riscv64-linux-gnu-gcc")
	if err != nil {
		return missing("no riscv64-linux-gnu-gcc")
	}
	lib := filepath.Join(c.root, "usr/lib/riscv64-linux-musl/libc.so")
	include := filepath.Join(c.root, "usr/include/riscv64-linux-musl")
	if _, err := os.Stat(include); err != nil {
		return missing("the Debian root has no musl-dev")
	}
	src, prog := filepath.Join(dir, "prog.c"), filepath.Join(dir, "prog")
	if err := os.WriteFile(src, []byte(muslProgram), 0o644); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, cc, "-O2", "-nostdinc", "-isystem", include, "-nostdlib", "-no-pie",
		"-Wl,--dynamic-linker=/lib/ld-musl-riscv64.so.1", "-o", prog, src, lib)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, c.emulator[0], append(c.emulator[1:len(c.emulator):len(c.emulator)], "-L", c.root, prog)...)
	out, status, err := outcome(cmd, "")
	if want := "42 prog 0.333\n"; err != nil || status != 0 || out.stdout != want {
		return fmt.Errorf("exit status %d, %v, printed %s, want %q\n%s", status, err, excerpt(out.stdout), want, out.stderr)
	}
	return nil
}
