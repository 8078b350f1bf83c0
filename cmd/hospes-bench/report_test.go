package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// took makes samples of user times in milliseconds.
func took(ms ...int) []sample {
	var s []sample
	for _, m := range ms {
		s = append(s, sample{User: time.Duration(m) * time.Millisecond})
	}
	return s
}

func TestReport(t *testing.T) {
	results := []*result{
		{Group: "integer", Name: "a", Samples: map[string][]sample{"native": took(1000, 3000, 2000), "hospes": took(4000, 4000), "qemu": took(2000)}},
		{Group: "integer", Name: "b", Samples: map[string][]sample{"native": took(1000), "hospes": took(8000), "qemu": took(16000)}},
		{Group: "integer", Name: "c", Samples: map[string][]sample{"native": took(1000)}, Wrong: map[string]string{"hospes": "printed nothing"}},
	}
	var b strings.Builder
	for _, t := range tablesOf([]system{{name: "native"}, {name: "hospes"}, {name: "qemu"}}, results) {
		t.text(&b)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"integer/a 2000 4000 2000 2.00 0.50 slower than qemu",
		"integer/b 1000 8000 16000 8.00 2.00 integer/c",
		"integer/c 1000 - - - - wrong",
		"integer 3 4.00 1.80 1.00 3.50 0.50 1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if err := wrong(results); err == nil || err.Error() != "integer/c: hospes: printed nothing" {
		t.Errorf("wrong: %v", err)
	}
}

// TestSources says that each source has a row, and each row a source.
func TestSources(t *testing.T) {
	dir := filepath.Join("..", "..", sources)
	var have []string
	for _, pattern := range []string{"*.c", "*.cc", "go/*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			have = append(have, strings.TrimPrefix(f, dir+"/"))
		}
	}
	for _, p := range slices.Concat(programs, started, helpers) {
		if _, err := os.Stat(filepath.Join(dir, p.source)); err != nil {
			t.Error(err)
		}
		have = slices.DeleteFunc(have, func(s string) bool { return s == p.source })
	}
	if len(have) > 0 {
		t.Errorf("without a row: %v", have)
	}
}

func TestVariables(t *testing.T) {
	got, err := variables("--translate on --stats --code-cache=256K --threshold 0")
	want := []string{"HOSPES_TRANSLATE=on", "HOSPES_STATS=1", "HOSPES_CODE_CACHE=256K", "HOSPES_THRESHOLD=0"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := variables("on"); err == nil {
		t.Error("a value without an option is accepted")
	}
}

// TestRepeatable says that what programs work on is the same each time.
func TestRepeatable(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	t.Chdir(filepath.Join("..", ".."))
	for _, dir := range []string{a, b} {
		if err := writeInputs(dir); err != nil {
			t.Fatal(err)
		}
	}
	for name := range inputs {
		x, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		if y, err := os.ReadFile(filepath.Join(b, name)); err != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs (%v)", name, err)
		}
		if n := bytes.Count(x, []byte("\n")); name == "wide.c" && n != wideLines {
			t.Errorf("%s has %d lines, not %d", name, n, wideLines)
		}
	}
}

func TestReplaceSection(t *testing.T) {
	const doc = "a\n<!-- bench x -->\nold\n<!-- end -->\nb\n"
	got, err := replaceSection(doc, "x", "new\n")
	if want := "a\n<!-- bench x -->\nnew\n<!-- end -->\nb\n"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := replaceSection(doc, "y", ""); err == nil {
		t.Error("a place that there is not is no error")
	}
}

func TestTranslationCells(t *testing.T) {
	const stats = "code: 100 guest instructions, 300 bytes, became 900 host bytes: 3 for one\nstages: lift 1 ms, compile 2 ms, install 1 ms\n"
	got, err := translationCells("process: 1\n" + stats + stats)
	if want := []string{"200", "8.0", "25000", "3.00", "9.0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := translationCells("nothing"); err == nil {
		t.Error("no statistics are no error")
	}
}
