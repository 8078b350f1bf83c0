//go:build linux && amd64

package main

import (
	"os"
	"testing"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

func TestMain(m *testing.M) { os.Exit(testcmd.RunHermetic(m)) }
