package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// sources is where the programs' sources are.
const sources = "bench"

// target is an architecture to compile for.
type target struct{ suffix, cc, cxx, goarch string }

var targets = []target{
	{native, "gcc", "g++", "amd64"},
	{guest, "riscv64-linux-gnu-gcc", "riscv64-linux-gnu-g++", "riscv64"},
}

// compile builds the program of each row for the host and for the guest, unless it is newer
// than its sources.
func compile(c *config, rows []row) error {
	if err := os.MkdirAll(c.build, 0o755); err != nil {
		return err
	}
	for _, r := range rows {
		for _, t := range targets {
			out := filepath.Join(c.build, r.program()+t.suffix)
			src := filepath.Join(sources, r.source)
			if fresh(out, src, filepath.Join(sources, "bench.h")) {
				continue
			}
			if msg, err := t.compiler(src, out).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%s", src, err, msg)
			}
		}
	}
	return nil
}

// compiler is the command that makes the program out of src.
func (t *target) compiler(src, out string) *exec.Cmd {
	cc := t.cc
	switch filepath.Ext(src) {
	case "":
		cmd := exec.Command("go", "build", "-trimpath", "-o", out, "./"+src)
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+t.goarch, "CGO_ENABLED=0")
		return cmd
	case ".cc":
		cc = t.cxx
	}
	// Without contraction: the host has no fused multiply-add by default and the guest does;
	// the results are to be the same.
	return exec.Command(cc, "-O2", "-ffp-contract=off", "-pthread", "-static", "-o", out, src, "-lm")
}

// fresh reports whether out is newer than the sources, files or directories of them.
func fresh(out string, sources ...string) bool {
	o, err := os.Stat(out)
	if err != nil {
		return false
	}
	for _, s := range sources {
		err := filepath.WalkDir(s, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			i, err := d.Info()
			if err == nil && !i.ModTime().Before(o.ModTime()) {
				err = fs.ErrExist
			}
			return err
		})
		if err != nil {
			return false
		}
	}
	return true
}
