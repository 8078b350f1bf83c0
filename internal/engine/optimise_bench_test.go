//go:build linux && amd64

package engine

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/opt"
)

// corpus reads regions that real programs have had. A file of testdata/regions has a line for each source,
// with its address and its code in hexadecimal, and behind it lines for its ways that stay in the
// region: the number of the instruction, that of the source it leads to, and 1 if only after a call.
// "region" begins another one.
func corpus(t testing.TB, file string) (regions [][]opt.Source) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lifter := new(riscv.CPU).NewLifter()
	for line := range strings.Lines(string(text)) {
		last := len(regions) - 1
		switch kind, rest, _ := strings.Cut(strings.TrimSpace(line), " "); kind {
		case "region":
			regions = append(regions, nil)
		case "source":
			var pc uint64
			var code string
			fmt.Sscanf(rest, "%x %s", &pc, &code)
			guest, err := hex.DecodeString(code)
			if err != nil {
				t.Fatal(err)
			}
			lifted, _, _ := lifter.Lift(guest, pc, 0)
			trace := &ir.Trace{PC: pc, Code: append([]ir.Instr(nil), lifted.Code...)}
			regions[last] = append(regions[last], opt.Source{Trace: trace, Guest: guest})
		case "way":
			s := &regions[last][len(regions[last])-1]
			var w opt.Way
			returns := 0
			fmt.Sscanf(rest, "%d %d %d", &w.From, &w.To, &returns)
			w.Return = returns == 1
			s.Ways = append(s.Ways, w)
		}
	}
	return regions
}

// instsIn is the number of guest instructions in a region.
func instsIn(sources []opt.Source) (n int) {
	for _, s := range sources {
		for _, i := range s.Trace.Code {
			if i.Op == ir.Inst {
				n++
			}
		}
	}
	return n
}

// BenchmarkOptimise optimises the regions of real programs, from their sources to host code. It reports
// the time for a guest instruction, that of all processors, and what the stages have of it.
func BenchmarkOptimise(b *testing.B) {
	files, _ := filepath.Glob("testdata/regions/*.txt")
	for _, file := range files {
		b.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(b *testing.B) { benchmarkRegions(b, corpus(b, file)) })
	}
}

// cpuTime is what the process has taken of the processors, garbage collection included.
func cpuTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkRegions(b *testing.B, regions [][]opt.Source) {
	insts := 0
	for _, sources := range regions {
		insts += instsIn(sources)
	}
	var memory opt.Memory
	var asm amd64.Assembler
	comp := jit.Compiler{Features: jit.HostFeatures(), Limit: 1 << 38, Stubs: jit.EmitStubs(&asm), FirstExit: jit.FirstExit}
	start := asm.Len()
	times := map[string]time.Duration{}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	cpu := cpuTime()
	for b.Loop() {
		for _, sources := range regions {
			last := threadTime()
			lap := func(stage string) {
				now := threadTime()
				times[stage] += now - last
				last = now
			}
			r, err := memory.Form(sources)
			if err != nil {
				b.Fatal(err)
			}
			lap("form")
			opt.Optimise(r, lap)
			g, err := opt.Lower(r)
			if err != nil {
				b.Fatal(err)
			}
			lap("lower")
			asm.Buf = asm.Buf[:start]
			if _, err := comp.CompileGraph(&asm, g); err != nil {
				b.Fatal(err)
			}
			lap("compile")
		}
	}
	done := float64(b.N) * float64(insts)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/done, "ns/inst")
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/done, "cpu-ns/inst")
	for stage, d := range times {
		b.ReportMetric(float64(d.Nanoseconds())/done, strings.ReplaceAll(stage, " ", "-")+"-ns/inst")
	}
}

// BenchmarkTranslate translates the sources of the same regions as traces, into a code cache that is emptied each time.
func BenchmarkTranslate(b *testing.B) {
	files, _ := filepath.Glob("testdata/regions/*.txt")
	for _, file := range files {
		b.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(b *testing.B) { benchmarkTraces(b, corpus(b, file)) })
	}
}

func benchmarkTraces(b *testing.B, regions [][]opt.Source) {
	cache, err := codecache.New(16<<20, jit.FirstExit, false)
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	m := &Machine{cache: cache, lifter: new(riscv.CPU).NewLifter()}
	m.comp = jit.Compiler{Features: jit.HostFeatures(), Limit: 1 << 38}
	m.asm.Buf = cache.Buffer()
	m.asm.Nop(16)
	m.comp.Stubs = jit.EmitStubs(&m.asm)
	cache.Keep(m.asm.Buf)
	b.ReportAllocs()
	insts, cpu := 0, cpuTime()
	for b.Loop() {
		cache.Reset()
		for _, sources := range regions {
			for _, s := range sources {
				insts += m.translate(codecache.Key{PC: s.Trace.PC}, s.Guest, 0, false, false, "").Insts
			}
		}
	}
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(insts), "cpu-ns/inst")
}
