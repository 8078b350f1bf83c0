package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testName = "hospes-v1.2.3-" + host

// copySource copies the files of the repository to a directory.
func copySource(t *testing.T, to string) {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("the source is not in a git repository: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue // deleted, but not yet from the index
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// makeRelease makes a release of a copy of the source, and returns where it is.
func makeRelease(t *testing.T, dir string, env ...string) string {
	t.Helper()
	copySource(t, dir)
	cmd := exec.Command("go", "run", "./internal/release", "-version", "v1.2.3", "-time", "1000000000", "-ldflags=-T=0x600000001000", "-out", "out")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return filepath.Join(dir, "out")
}

// TestRelease makes the same release in two directories, and looks at what is in it. Both have Go's cache,
// which knows compiled packages by what they were made of: with -trimpath that is nothing of the directory, and without it
// the second would have other bytes. So both compile little, and link, describe and pack for themselves.
func TestRelease(t *testing.T) {
	if runtime.GOOS+"-"+runtime.GOARCH != host {
		t.Skip("releases are made on " + host)
	}
	first := makeRelease(t, filepath.Join(t.TempDir(), "a"))
	env := []string{"TMPDIR=" + t.TempDir(), "HOME=" + t.TempDir(), "LC_ALL=C"}
	for _, v := range []string{"GOMODCACHE", "GOPROXY", "GOCACHE"} {
		out, err := exec.Command("go", "env", v).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, v+"="+strings.TrimSpace(string(out)))
	}
	second := makeRelease(t, filepath.Join(t.TempDir(), "another", "directory"), env...)
	for _, file := range []string{testName + ".tar.gz", testName + ".cdx.json", "SHA256SUMS"} {
		a, err := os.ReadFile(filepath.Join(first, file))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(second, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s is not the same in both directories", file)
		}
	}
	t.Run("archive", func(t *testing.T) { testArchive(t, first) })
	t.Run("checksums", func(t *testing.T) { testChecksums(t, first) })
	t.Run("bill", func(t *testing.T) { testBill(t, first) })
	t.Run("version", func(t *testing.T) { testVersion(t, filepath.Join(first, testName)) })
}

func testArchive(t *testing.T, dir string) {
	f, err := os.Open(filepath.Join(dir, testName+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 1e9 || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s is of %v, of user %d %s", h.Name, h.ModTime, h.Uid, h.Uname)
		}
		got = append(got, fmt.Sprintf("%o %s", h.Mode, strings.TrimPrefix(h.Name, testName)))
	}
	want := []string{
		"755 /", "644 /LICENSE", "644 /README.md", "755 /completions/", "644 /completions/_hospes", "644 /completions/hospes.bash",
		"644 /completions/hospes.fish", "755 /hospes", "755 /hospes-explore", "755 /hospes-image", "644 /hospes.1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func testChecksums(t *testing.T, dir string) {
	b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		sum, file, _ := strings.Cut(strings.TrimSpace(line), "  ")
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || fmt.Sprintf("%x", sha256.Sum256(content)) != sum {
			t.Errorf("%s: wrong checksum, %v", file, err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("there are %d checksums", n)
	}
}

// testBill compares the bill of materials with what go version -m says of the commands.
func testBill(t *testing.T, dir string) {
	b, err := os.ReadFile(filepath.Join(dir, testName+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got bill
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Format != "CycloneDX" || got.Metadata.Timestamp != "2001-09-09T01:46:40Z" || got.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("the bill is %v", got)
	}
	refs := map[string]bool{}
	var have []string
	for _, c := range got.Components {
		if refs[c.Ref] || c.Type == "" || c.Name == "" || c.Version == "" || !strings.HasPrefix(c.PURL, "pkg:golang/") {
			t.Errorf("component %v", c)
		}
		refs[c.Ref] = true
		if c.Type == "library" && c.Name != "stdlib" {
			have = append(have, c.Name+" "+c.Version)
		}
	}
	for _, dep := range got.Dependencies {
		for _, on := range append(dep.On, dep.Ref) {
			if !refs[on] {
				t.Errorf("%s is no component", on)
			}
		}
	}
	var want []string
	for _, c := range commands {
		out, err := exec.Command("go", "version", "-m", filepath.Join(dir, testName, c)).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); f[0] == "dep" {
				want = append(want, f[1]+" "+f[2])
			}
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), have); diff != "" {
		t.Errorf("modules (-want +got):\n%s", diff)
	}
}

// testVersion runs the commands: they say their version, and are static.
func testVersion(t *testing.T, dir string) {
	for _, c := range [][]string{{"hospes", "--version"}, {"hospes-explore", "version"}, {"hospes-image", "version"}} {
		file := filepath.Join(dir, c[0])
		out, err := exec.Command(file, c[1:]...).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), c[0]+" v1.2.3") {
			t.Errorf("%v: %v, %q", c, err, out)
		}
		if strings.Contains(string(out), "note:") {
			t.Errorf("%v is not the best build: %s", c, out)
		}
		st, err := os.Stat(file)
		if err != nil || st.Size() > maxSize {
			t.Errorf("%s: %v, %v", file, st, err)
		}
		f, err := elf.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 || f.Section(".interp") != nil {
			t.Errorf("%s is not static: %v, %v", file, libs, err)
		}
		f.Close()
		if b, err := os.ReadFile(file); err != nil || bytes.Contains(b, []byte(filepath.Dir(filepath.Dir(dir)))) {
			t.Errorf("%s has the name of the directory in which it was built: %v", file, err)
		}
	}
	if out, err := exec.Command(filepath.Join(dir, "hospes"), "--demo").CombinedOutput(); err != nil {
		t.Errorf("hospes --demo: %v\n%s", err, out)
	}
}
