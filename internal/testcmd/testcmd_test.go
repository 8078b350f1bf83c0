package testcmd

import (
	"os"
	"strings"
	"testing"
)

// TestMakefile: make links as the tests do.
func TestMakefile(t *testing.T) {
	b, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\nLDFLAGS     ?= "+LinkFlags+"\n") {
		t.Errorf("Makefile does not set LDFLAGS to %s", LinkFlags)
	}
}
