package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	const s = time.Second
	results := []result{
		{benchmark{"a", "integer"}, [][]time.Duration{{1 * s, 3 * s, 2 * s}, {4 * s, 4 * s, 4 * s}}, 4e9},
		{benchmark{"b", "integer"}, [][]time.Duration{{1 * s, 1 * s}, {8 * s, 8 * s}}, 0},
	}
	var b strings.Builder
	report(&b, []system{{name: "native"}, {name: "hospes"}}, results)
	for _, want := range []string{
		"integer a 2000 4000 2.0 1000",
		"integer b 1000 8000 8.0 -",
		"integer geometric mean 4.0 1000",
		"all geometric mean 4.0 1000",
	} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestTable says that table and sources agree.
func TestTable(t *testing.T) {
	files, err := filepath.Glob("../../bench/*.c")
	if err != nil || len(files) != len(benchmarks) {
		t.Errorf("%d sources and %d rows (%v)", len(files), len(benchmarks), err)
	}
	for _, b := range benchmarks {
		if _, err := os.Stat("../../bench/" + b.name + ".c"); err != nil {
			t.Error(err)
		}
	}
}

func TestReportProcesses(t *testing.T) {
	const ms = time.Millisecond
	times := make([][][]time.Duration, len(processRows))
	for i := range times {
		times[i] = [][]time.Duration{{1 * ms}, {3 * ms, 9 * ms, 2 * ms}, {6 * ms}}
	}
	var b strings.Builder
	reportProcesses(&b, []system{{name: "native"}, {name: "hospes"}, {name: "qemu"}}, times)
	if got := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(got, "fork and wait 1.00 3.00 6.00 0.50") {
		t.Error(got)
	}
}
