// Command release makes what is published of a version: a tar of the commands with their
// manual page, completions and licence, a bill of materials, and checksums. The same
// source and the same version of Go give the same bytes, wherever they are built.
//
//	go run ./internal/release [-version V] [-time SECONDS] [-ldflags FLAGS] -out DIR
package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxSize is what each command may take, in bytes.
const maxSize = 20 << 20

// host is what the commands are built for.
const host = "linux-amd64"

var commands = []string{"hospes", "hospes-explore", "hospes-image"}

// release is one that is being made.
type release struct {
	version string
	time    time.Time // of all files
	ldflags string
	out     string
}

func main() {
	r := release{}
	var seconds int64
	flag.StringVar(&r.version, "version", "", "the version; default: what git describe says")
	flag.Int64Var(&seconds, "time", 0, "time of all files, in seconds since 1970; default: that of the commit")
	flag.StringVar(&r.ldflags, "ldflags", "", "flags for the linker, for hospes")
	flag.StringVar(&r.out, "out", "", "directory for the results, which is replaced")
	flag.Parse()
	if r.out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := r.make(seconds); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func (r *release) make(seconds int64) (err error) {
	if r.version == "" {
		if r.version, err = output("git", "describe", "--tags", "--always", "--dirty"); err != nil {
			return err
		}
	}
	if seconds == 0 {
		s, err := output("git", "log", "-1", "--format=%ct")
		if err == nil {
			seconds, err = strconv.ParseInt(s, 10, 64)
		}
		if err != nil {
			return err
		}
	}
	r.time = time.Unix(seconds, 0).UTC()
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	name := "hospes-" + r.version + "-" + host
	tree := filepath.Join(r.out, name)
	if err := os.MkdirAll(filepath.Join(tree, "completions"), 0o755); err != nil {
		return err
	}
	for _, c := range commands {
		if err := r.build(c, filepath.Join(tree, c)); err != nil {
			return err
		}
	}
	if err := r.describe(tree); err != nil {
		return err
	}
	archive := name + ".tar.gz"
	if err := pack(r.out, name, archive, r.time); err != nil {
		return err
	}
	return r.checksums(archive, name+".cdx.json")
}

// build builds a command and prints its size.
func (r *release) build(command, to string) error {
	ldflags := "-X main.version=" + r.version
	if command == "hospes" {
		ldflags += " " + r.ldflags
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags="+ldflags, "-o", to, "./cmd/"+command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=", "GOEXPERIMENT=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building %s: %w", command, err)
	}
	st, err := os.Stat(to)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes (%.1f MiB)\n", command, st.Size(), float64(st.Size())/(1<<20))
	if st.Size() > maxSize {
		return fmt.Errorf("%s is larger than %d MiB", command, maxSize>>20)
	}
	return nil
}

// describe writes what goes along with the commands.
func (r *release) describe(tree string) error {
	hospes := filepath.Join(tree, "hospes")
	for file, args := range map[string][]string{
		"hospes.1": {"man"}, "completions/hospes.bash": {"completion", "bash"},
		"completions/_hospes": {"completion", "zsh"}, "completions/hospes.fish": {"completion", "fish"},
	} {
		out, err := exec.Command(hospes, args...).Output()
		if err != nil {
			return fmt.Errorf("hospes %s: %w", strings.Join(args, " "), err)
		}
		if err := os.WriteFile(filepath.Join(tree, file), out, 0o644); err != nil {
			return err
		}
	}
	for _, file := range []string{"LICENSE", "README.md"} {
		b, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(tree, file), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	bill, err := billOfMaterials(tree, r.version, r.time)
	if err != nil {
		return err
	}
	return os.WriteFile(tree+".cdx.json", bill, 0o644)
}

// checksums writes SHA256SUMS, and prints it.
func (r *release) checksums(files ...string) error {
	var b bytes.Buffer
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(r.out, file))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), file)
	}
	fmt.Print(b.String())
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), b.Bytes(), 0o644)
}

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
