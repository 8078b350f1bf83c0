package demo

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFresh says that demo.elf was built from the sources beside it.
func TestFresh(t *testing.T) {
	h := sha256.New()
	for _, name := range []string{"demo.c", "sys.c", "sys.h"} {
		src, err := os.ReadFile(filepath.Join("guest", name))
		if err != nil {
			t.Fatal(err)
		}
		h.Write(src)
	}
	digest := "hospes demo sources " + hex.EncodeToString(h.Sum(nil))
	if !bytes.Contains(Program(), []byte(digest)) {
		t.Error("demo.elf is stale: run go generate ./internal/demo")
	}
}

func TestELF(t *testing.T) {
	f, err := elf.NewFile(bytes.NewReader(Program()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != elf.EM_RISCV || f.Type != elf.ET_EXEC || f.Class != elf.ELFCLASS64 {
		t.Errorf("demo is %v %v %v, want a static RISC-V 64 executable", f.Machine, f.Class, f.Type)
	}
}

// TestUnderQEMU runs the demo where it can only be the demo that is wrong.
func TestUnderQEMU(t *testing.T) {
	qemu, err := exec.LookPath("qemu-riscv64")
	if err != nil {
		t.Skip("qemu-riscv64 is not installed")
	}
	path := filepath.Join(t.TempDir(), "demo")
	if err := os.WriteFile(path, Program(), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(qemu, path).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "all correct.\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
