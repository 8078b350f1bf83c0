//go:build linux && amd64

package command

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

// testImage makes an image for riscv64 of one program.
func testImage(t *testing.T, program string) v1.Image {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []struct {
		tar.Header
		text string
	}{
		{tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "bin/prog", Mode: 0o755}, string(text)},
		{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "etc/passwd", Mode: 0o644}, "root:x:0:0::/root:/bin/sh\nweb:x:0:0::/srv:/bin/sh\n"},
		{tar.Header{Name: "srv/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "srv/file", Mode: 0o644}, "of the image\n"},
	} {
		h.Size = int64(len(h.text))
		if err := w.WriteHeader(&h.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, h.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: "riscv64", RootFS: v1.RootFS{Type: "layers", DiffIDs: diffIDs(t, img)},
		Config: v1.Config{Entrypoint: []string{"/bin/prog", "show"}, Cmd: []string{"cat", "file"}, Env: []string{"A=image"}, WorkingDir: "/srv", User: "web"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func diffIDs(t *testing.T, img v1.Image) []v1.Hash {
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return cfg.RootFS.DiffIDs
}

// imageWorld is a directory with the commands, an image in several forms, and a cache.
type imageWorld struct {
	dir      string
	registry string
	uid      int // who runs hospes
}

func newImageWorld(t *testing.T) *imageWorld {
	need(t, "riscv64-linux-gnu-gcc")
	w := &imageWorld{dir: t.TempDir(), uid: os.Getuid()}
	build(t, filepath.Join(w.dir, "hospes"))
	if out, err := exec.Command("go", "build", "-o", filepath.Join(w.dir, "hospes-image"), "github.com/hospes-vm/hospes/cmd/hospes-image").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	prog := filepath.Join(w.dir, "prog")
	if out, err := exec.Command("riscv64-linux-gnu-gcc", "-O1", "-static", "-o", prog, "testdata/image.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	img := testImage(t, prog)
	tag, err := name.NewTag("test:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(w.dir, "image.tar"), tag, img); err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": "v1"}}})
	if _, err := layout.Write(filepath.Join(w.dir, "layout"), index); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	w.registry = strings.TrimPrefix(server.URL, "http://") + "/some/image:v1"
	ref, err := name.ParseReference(w.registry)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return w
}

// hospes runs the command and returns what it writes to either output.
func (w *imageWorld) hospes(t *testing.T, args ...string) string {
	t.Helper()
	cmd := testcmd.Command(t, "./hospes", args...)
	cmd.Dir = w.dir
	cmd.Env = []string{"HOME=" + w.dir, "PATH=/nowhere"}
	if w.uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(w.uid), Gid: uint32(w.uid)}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("hospes %v: %v", args, err)
	}
	return string(out)
}

// TestImage runs a program from an image, by namespaces and by paths.
func TestImage(t *testing.T) {
	if why := noNamespaces(); why != "" {
		t.Skip(why)
	}
	w := newImageWorld(t)
	for _, how := range []string{"namespaces", "paths"} {
		t.Run(how, func(t *testing.T) { w.test(t, how) })
	}
	if os.Getuid() == 0 {
		// Without privileges, a user of its own, to whom everything here belongs.
		w.uid = 4321
		if err := os.RemoveAll(filepath.Join(w.dir, ".cache")); err != nil {
			t.Fatal(err)
		}
		openUp(t, w.dir, w.uid)
		t.Run("user", func(t *testing.T) { w.test(t, "namespaces") })
	}
}

// openUp gives a directory to a user, with the way to it.
func openUp(t *testing.T, dir string, uid int) {
	t.Helper()
	for d := filepath.Dir(dir); d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.Walk(dir, func(name string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *imageWorld) test(t *testing.T, how string) {
	run := func(root string, args ...string) string {
		return w.hospes(t, append([]string{"run", "--confine", how, "--root", root}, args...)...)
	}
	user := "0"
	if how == "paths" { // no namespace makes the user root
		user = strconv.Itoa(w.uid)
	}
	show := "/bin/prog in /srv as " + user + ", A=image\n"
	const of = "of the image\n"
	equal := func(what, got, want string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for _, root := range []string{"image.tar", "layout", "docker://" + w.registry} {
		equal(root, run(root), show+of)
	}
	equal("a tag", run("image.tar:v1"), show+of)
	equal("a tag of a layout", run("layout:v1"), show+of)
	equal("arguments", run("image.tar", "cat", "/etc/passwd"), show+"root:x:0:0::/root:/bin/sh\nweb:x:0:0::/srv:/bin/sh\n")
	equal("a directory, a variable", run("image.tar", "-w", "/etc", "-e", "A=mine", "--", "show"), strings.Repeat("/bin/prog in /etc as "+user+", A=mine\n", 2))
	equal("an entry point", run("image.tar", "--entrypoint", "prog", "show"), "prog in /srv as "+user+", A=image\n")
	equal("what is executed", run("image.tar", "again", "cat", "file"), show+of)
	// What hospes itself writes is outside.
	profile := filepath.Join(w.dir, "profile")
	equal("a profile", run("image.tar", "--pprof", profile), show+of)
	if st, err := os.Stat(profile); err != nil || st.Size() == 0 {
		t.Errorf("the profile: %v, %v", st, err)
	}
	if err := os.Remove(profile); err != nil {
		t.Error(err)
	}
	// Changes are seen inside, and forgotten.
	equal("changes", run("image.tar", "write", "file", "write", "/bin/new", "again", "cat", "file", "cat", "/bin/new"), show+of+"written\nwritten\n")
	equal("after changes", run("image.tar", "cat", "file", "cat", "/bin/new"), show+of+"/bin/new: No such file or directory\n")
	w.directory(t, run)
	w.keep(t, how, run)
	root := strings.TrimSpace(w.hospes(t, "pull", "docker://"+w.registry))
	if b, err := os.ReadFile(filepath.Join(root, "srv/file")); err != nil || string(b) != of {
		t.Errorf("pull has printed %q: %q, %v", root, b, err)
	}
	if again := strings.TrimSpace(w.hospes(t, "pull", w.registry)); again != root {
		t.Errorf("pull without docker:// has printed %q", again)
	}
	// Copies are removed when who uses them has ended.
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		left, _ := filepath.Glob(filepath.Join(w.dir, ".cache/hospes/runs/*"))
		if left == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v are still there", left)
		}
	}
}

// directory is about the changes of a directory: they last, but with --rm.
func (w *imageWorld) directory(t *testing.T, run func(string, ...string) string) {
	root := filepath.Join(w.dir, "root")
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"bin", "etc", "srv"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(w.dir, "prog"))
	if err == nil {
		err = os.WriteFile(root+"/bin/prog", b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	openUp(t, root, w.uid)
	if got := run("root", "--rm", "prog", "write", "/srv/file", "cat", "/srv/file"); got != "written\n" {
		t.Errorf("with --rm: %q", got)
	}
	if _, err := os.Stat(root + "/srv/file"); err == nil {
		t.Error("--rm has not forgotten a change")
	}
	// Names without a name server are the host's, but for those of the root.
	hosts, err := os.ReadFile("/etc/hosts")
	if got := run("root", "--rm", "prog", "cat", "/etc/hosts"); err == nil && got != string(hosts) {
		t.Errorf("/etc/hosts: %q", got)
	}
	if err := os.WriteFile(root+"/etc/hosts", []byte("own\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := run("root", "--rm", "prog", "cat", "/etc/hosts"); got != "own\n" {
		t.Errorf("the root's own /etc/hosts: %q", got)
	}
	run("root", "prog", "write", "/srv/file")
	if got, err := os.ReadFile(root + "/srv/file"); err != nil || string(got) != "written\n" {
		t.Errorf("a change of a directory: %q, %v", got, err)
	}
}

// keep is about changes that are kept in a directory of their own.
func (w *imageWorld) keep(t *testing.T, how string, run func(string, ...string) string) {
	dir := filepath.Join(w.dir, "kept-"+t.Name()[strings.LastIndexByte(t.Name(), '/')+1:])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	openUp(t, dir, w.uid)
	if how == "paths" {
		cmd := testcmd.Command(t, "./hospes", "run", "--confine", how, "--root", "image.tar", "--keep", dir)
		cmd.Dir, cmd.Env = w.dir, []string{"HOME=" + w.dir}
		out, err := cmd.CombinedOutput()
		if err == nil || string(out) != "hospes: changes cannot be kept elsewhere without user namespaces\n" {
			t.Errorf("--keep by paths: %v, %q", err, out)
		}
		return
	}
	for _, want := range []string{"written\n", "written\nwritten\n"} {
		if got := run("image.tar", "--keep", dir, "--entrypoint", "prog", "write", "new", "cat", "new"); got != want {
			t.Errorf("with --keep: %q, want %q", got, want)
		}
	}
}
