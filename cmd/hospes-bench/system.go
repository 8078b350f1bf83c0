package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// system is a way to run a program.
type system struct {
	name    string
	command []string // what stands before the program; none for the host itself
	env     []string
	suffix  string // of the compiled program
}

// The suffixes.
const (
	native = ".amd64"
	guest  = ".riscv64"
)

// The systems' names. The third is QEMU, or with -ab another hospes.
const (
	host   = "native"
	ours   = "hospes"
	qemu   = "qemu"
	before = "old"
)

// newSystems lists what is compared: the yardstick, hospes, and its rival.
func newSystems(c *config) ([]system, error) {
	var err error
	if c.hospes, err = executable(c.hospes); err != nil {
		return nil, err
	}
	s := []system{{name: host, suffix: native}, {ours, []string{c.hospes}, c.options, guest}}
	if c.old != "" {
		if c.old, err = executable(c.old); err != nil {
			return nil, err
		}
		return append(s, system{before, []string{c.old}, c.options, guest}), nil
	}
	if c.qemu == "" {
		out, err := script("fetch-qemu.sh")
		if err != nil {
			return nil, err
		}
		c.qemu = out
	}
	if c.qemu, err = executable(c.qemu); err != nil {
		return nil, err
	}
	return append(s, system{qemu, []string{c.qemu}, nil, guest}), nil
}

// executable finds a command, and returns its absolute path.
func executable(name string) (string, error) {
	p, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(p)
}

// script runs one of the module's scripts, and returns the line that it prints.
func script(name string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join("scripts", name), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// variables turns options of hospes's command line into variables of its environment, which
// a hospes that the kernel starts sees, too. An option without value is on.
func variables(options string) ([]string, error) {
	var env []string
	for _, word := range strings.Fields(options) {
		name, long := strings.CutPrefix(word, "--")
		switch {
		case long:
			name, value, ok := strings.Cut(name, "=")
			if !ok {
				value = "1"
			}
			env = append(env, "HOSPES_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+value)
		case len(env) > 0 && strings.HasSuffix(env[len(env)-1], "=1"):
			env[len(env)-1] = strings.TrimSuffix(env[len(env)-1], "1") + word
		default:
			return nil, fmt.Errorf("options: %q is none", word)
		}
	}
	return env, nil
}
