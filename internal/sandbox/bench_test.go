//go:build linux && amd64

package sandbox

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// benchProgram is a program of C code for a benchmark.
func benchProgram(b *testing.B, source string) []byte {
	dir := b.TempDir()
	src, out := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		b.Fatal(err)
	}
	if msg, err := exec.Command("riscv64-linux-gnu-gcc", "-static", "-O1", "-pthread", "-w", "-o", out, src).CombinedOutput(); err != nil {
		b.Skipf("%v\n%s", err, msg)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	return file
}

// benchmark runs a program that does something a thousand times, which it says to be ops operations.
func benchmark(b *testing.B, body string) {
	file := benchProgram(b, `
		#include <pthread.h>
		#include <stdio.h>
		#include <sys/syscall.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static void *nothing(void *arg) { return 0; }
		int main(void) { pthread_t t; for (int i = 0; i < 1000; i++) { `+body+` } return 0; }`)
	for b.Loop() {
		k, err := New(Config{NewMachine: newMachine, Files: FileConfig{Stdout: io.Discard}})
		if err != nil {
			b.Fatal(err)
		}
		if exit, err := k.Run(b.Context(), Program{Path: "/program", File: image{bytes.NewReader(file)}}); err != nil || exit.Status != (Status{}) {
			b.Fatal(exit, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/each")
}

func BenchmarkNothing(b *testing.B) { benchmark(b, ``) }

func BenchmarkCall(b *testing.B) { benchmark(b, `syscall(SYS_getppid);`) }

func BenchmarkFork(b *testing.B) { benchmark(b, `if (fork() == 0) _exit(0); wait(0);`) }

func BenchmarkVfork(b *testing.B) { benchmark(b, `if (vfork() == 0) _exit(0); wait(0);`) }

func BenchmarkThread(b *testing.B) {
	benchmark(b, `pthread_create(&t, 0, nothing, 0); pthread_join(t, 0);`)
}
