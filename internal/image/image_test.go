//go:build linux

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"
)

var (
	riscv = v1.Platform{OS: "linux", Architecture: "riscv64"}
	amd   = v1.Platform{OS: "linux", Architecture: "amd64"}
)

// Entries of a layer.
func file(name, text string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, PAXRecords: map[string]string{"TEST.text": text}}
}

func dir(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

func symlink(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777}
}

func hardlink(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}
}

// newLayer makes a layer of entries.
func newLayer(t *testing.T, c compression.Compression, entries ...tar.Header) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		text := h.PAXRecords["TEST.text"]
		h.PAXRecords, h.Size, h.ModTime = nil, int64(len(text)), time.Unix(1e9, 0)
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	opts := []tarball.LayerOption{tarball.WithCompression(c)}
	if c == compression.ZStd {
		opts = append(opts, tarball.WithMediaType(types.OCILayerZStd))
	}
	l, err := tarball.LayerFromOpener(open, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newImage makes an image of layers.
func newImage(t *testing.T, p v1.Platform, layers ...v1.Layer) v1.Image {
	t.Helper()
	var adds []mutate.Addendum
	for _, l := range layers {
		m, err := l.MediaType()
		if err != nil {
			t.Fatal(err)
		}
		adds = append(adds, mutate.Addendum{Layer: l, MediaType: m})
	}
	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), adds...)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture = p.OS, p.Architecture
	cfg.Config = v1.Config{Cmd: []string{"/bin/sh"}, Env: []string{"A=" + p.Architecture}, WorkingDir: "/srv", User: "web"}
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		t.Fatal(err)
	}
	return img
}

// contents lists the files below a directory: what they hold, or lead to, and modes that are not
// the usual.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		switch {
		case d.IsDir():
			text = "dir"
		case d.Type() == fs.ModeSymlink:
			text, err = os.Readlink(name)
			text = "-> " + text
		case d.Type().IsRegular():
			var b []byte
			b, err = os.ReadFile(name)
			text = string(b)
		default:
			text = d.Type().String()
		}
		if m := info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSticky); m != 0o644 && m != 0o755 && d.Type() != fs.ModeSymlink {
			text += " " + m.String()
		}
		list[name[len(dir):]] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func extract(t *testing.T, layers ...v1.Layer) (string, error) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeDir(root) })
	return root, Extract(newImage(t, riscv, layers...), root)
}

func TestExtract(t *testing.T) {
	suid, closed := file("bin/su", "su"), dir("closed")
	suid.Mode, closed.Mode = 0o4755, 0o555
	root, err := extract(t,
		newLayer(t, compression.GZip,
			dir("bin"), suid, file("bin/sh", "shell"), symlink("lib", "usr/lib"), dir("usr/lib"), symlink("abs", "/usr/lib"),
			dir("opaque"), file("opaque/old", "x"), dir("opaque/sub"), file("opaque/sub/old", "x"), file("deep/a/b/c", "deep"),
			file("gone", "x"), dir("gonedir"), file("gonedir/x", "x"), file("replaced", "file"), symlink("tolink", "bin"),
			closed, file("closed/in", "closed"), tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o644},
			tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0o666, Devmajor: 1, Devminor: 3}),
		newLayer(t, compression.ZStd,
			hardlink("bin/ash", "bin/sh"), file("lib/libc.so", "libc"), file("abs/libm.so", "libm"),
			file("opaque/new", "new"), file("opaque/.wh..wh..opq", ""), dir("opaque/sub"), file("opaque/sub/new", "new"),
			file(".wh.gone", ""), file(".wh.gonedir", ""), dir("replaced"), file("replaced/in", "dir"), file("tolink", "no link")),
		newLayer(t, compression.None, file("bin/sh", "other shell"), file("gone", "again"), file(".wh..wh.plnk", "")),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/bin": "dir", "/bin/su": "su urwxr-xr-x", "/bin/sh": "other shell", "/bin/ash": "shell", "/lib": "-> usr/lib", "/abs": "-> /usr/lib",
		"/usr": "dir", "/usr/lib": "dir", "/usr/lib/libc.so": "libc", "/usr/lib/libm.so": "libm",
		"/opaque": "dir", "/opaque/new": "new", "/opaque/sub": "dir", "/opaque/sub/new": "new",
		"/deep": "dir", "/deep/a": "dir", "/deep/a/b": "dir", "/deep/a/b/c": "deep", "/gone": "again",
		"/replaced": "dir", "/replaced/in": "dir", "/tolink": "no link", "/closed": "dir -r-xr-xr-x", "/closed/in": "closed", "/fifo": "p---------",
	}
	if diff := cmp.Diff(want, contents(t, root)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if st, err := os.Stat(root + "/closed"); err != nil || st.ModTime().Unix() != 1e9 {
		t.Errorf("a directory is of %v, %v", st.ModTime(), err)
	}
}

// TestExtractEscapes has layers that try to write, link and remove outside.
func TestExtractEscapes(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("safe"), 0o644); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 20)
	for what, entries := range map[string][]tar.Header{
		"a path with ..":            {file(up+victim[1:], "hit")},
		"an absolute path":          {file(victim, "hit")},
		"through an absolute link":  {symlink("l", outside), file("l/victim", "hit")},
		"through a relative link":   {symlink("l", up+outside[1:]), file("l/victim", "hit")},
		"through a link to a file":  {symlink("l", victim), file("l", "hit")},
		"a directory over a link":   {symlink("l", outside), dir("l"), file("l/victim", "hit")},
		"links to links":            {symlink("a", "b"), symlink("b", outside), file("a/victim", "hit")},
		"a hard link":               {hardlink("l", victim), file("l", "hit")},
		"a hard link by ..":         {hardlink("l", up+victim[1:]), file("l", "hit")},
		"a hard link through one":   {symlink("d", outside), hardlink("l", "d/victim"), file("l", "hit")},
		"a hard link to a link":     {symlink("s", victim), hardlink("l", "s"), file("l", "hit")},
		"a whiteout":                {symlink("d", outside), file("d/.wh.victim", "")},
		"an opaque directory":       {symlink("d", outside), file("d/.wh..wh..opq", "")},
		"a whiteout of ..":          {dir("d"), file("d/.wh...", "")},
		"a whiteout of .":           {dir("d"), file("d/.wh..", "")},
		"the mode of what is there": {symlink("d", outside), dir("d/")},
	} {
		root, err := extract(t, newLayer(t, compression.GZip, entries...))
		got, e := os.ReadFile(victim)
		if e != nil || string(got) != "safe" {
			t.Errorf("%s: outside there is %q, %v", what, got, e)
		}
		if list := contents(t, outside); len(list) != 1 {
			t.Errorf("%s: outside there is %v", what, list)
		}
		if err != nil {
			t.Logf("%s: refused: %v", what, err)
			continue
		}
		for name, text := range contents(t, root) {
			if text == "safe" {
				t.Errorf("%s: %s is the file outside", what, name)
			}
		}
	}
}

func TestExtractDigest(t *testing.T) {
	img := newImage(t, riscv, newLayer(t, compression.GZip, file("a", "b")))
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.DeepCopy()
	cfg.RootFS.DiffIDs[0].Hex = strings.Repeat("0", 64)
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		t.Fatal(err)
	}
	if err := Extract(img, t.TempDir()); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("a layer that is not what the configuration says: %v", err)
	}
}

// index makes an image for two platforms.
func index(t *testing.T) (v1.ImageIndex, v1.Image) {
	t.Helper()
	img := newImage(t, riscv, newLayer(t, compression.GZip, file("arch", "riscv64")))
	other := newImage(t, amd, newLayer(t, compression.GZip, file("arch", "amd64")))
	return mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: other, Descriptor: v1.Descriptor{Platform: &amd}},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &riscv}}), img
}

// tarDir makes a tar of a directory, compressed by wrap.
func tarDir(t *testing.T, dir, to string, wrap func(io.Writer) io.WriteCloser) {
	t.Helper()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := wrap(f)
	w := tar.NewWriter(z)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// TestUnpack finds the same image in each kind of place.
func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	ix, img := index(t)
	lay := filepath.Join(dir, "layout")
	if _, err := layout.Write(lay, ix); err != nil {
		t.Fatal(err)
	}
	nested := filepath.Join(dir, "nested")
	p, err := layout.Write(nested, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(ix, layout.WithAnnotations(map[string]string{refName: "v1"})); err != nil {
		t.Fatal(err)
	}
	second := newImage(t, riscv, newLayer(t, compression.GZip, file("arch", "second")))
	if err := p.AppendImage(second, layout.WithAnnotations(map[string]string{refName: "v2"})); err != nil {
		t.Fatal(err)
	}
	tarDir(t, lay, filepath.Join(dir, "oci.tar"), func(w io.Writer) io.WriteCloser { return plain{w} })
	tarDir(t, lay, filepath.Join(dir, "oci.tar.gz"), func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	tag, err := name.NewTag("test:latest")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "docker.tar"), tag, img); err != nil {
		t.Fatal(err)
	}
	two, err := name.NewTag("test:v2")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.MultiWriteToFile(filepath.Join(dir, "two.tar"), map[name.Tag]v1.Image{tag: img, two: second}); err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int32
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	remoteName, err := name.ParseReference(host + "/a/test:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(remoteName, ix); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		lay: "riscv64", nested + ":v1": "riscv64", nested + ":v2": "second",
		dir + "/oci.tar": "riscv64", dir + "/oci.tar.gz": "riscv64",
		dir + "/docker.tar": "riscv64", dir + "/docker.tar:latest": "riscv64", dir + "/two.tar:v2": "second", "docker://" + remoteName.String(): "riscv64",
	} {
		cache := Cache{t.TempDir()}
		u, err := cache.Unpack(ref, riscv, false)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := contents(t, u.Root); got["/arch"] != want || len(got) != 1 {
			t.Errorf("%s has the files %v", ref, got)
		}
		if u.Config.User != "web" || u.Config.Env[0] != "A=riscv64" || u.Config.WorkingDir != "/srv" || u.Config.Cmd[0] != "/bin/sh" {
			t.Errorf("%s has the configuration %v", ref, u.Config)
		}
		before := requests.Load()
		again, err := cache.Unpack(ref, riscv, false)
		if err != nil || again.Root != u.Root {
			t.Errorf("%s again: %v, %v", ref, again, err)
		}
		if requests.Load() != before {
			t.Errorf("%s: the registry was asked again", ref)
		}
		if left, _ := filepath.Glob(cache.Dir + "/*/" + tempPrefix + "*"); left != nil {
			t.Errorf("%s has left %v", ref, left)
		}
	}
	checkPull(t, remoteName, second)
	for ref, want := range map[string]string{
		nested: "2 images", nested + ":v3": "no image v3", dir + "/none": "no such file", dir: "", dir + "/two.tar": "several images", dir + "/two.tar:v3": "no image v3",
		"docker://" + host + "/a/none:v1": "NAME_UNKNOWN", "docker://" + host + "/a/test:v9": "MANIFEST_UNKNOWN", "docker://A/b": "",
	} {
		if _, err := (Cache{t.TempDir()}).Unpack(ref, riscv, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
	if _, err := (Cache{t.TempDir()}).Unpack(dir+"/docker.tar", amd, false); err == nil || !strings.Contains(err.Error(), "is for linux/riscv64") {
		t.Errorf("for another platform: %v", err)
	}
}

// checkPull: what a name in a registry means may change, and pull looks.
func checkPull(t *testing.T, ref name.Reference, changed v1.Image) {
	cache := Cache{t.TempDir()}
	old, err := cache.Unpack(registryScheme+ref.String(), riscv, true)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody has removed a part.
	if err := os.Remove(filepath.Join(filepath.Dir(old.Root), "config.json")); err != nil {
		t.Fatal(err)
	}
	if u, err := cache.Unpack(registryScheme+ref.String(), riscv, false); err != nil || u.Root != old.Root {
		t.Errorf("with remains: %v, %v", u, err)
	}
	if err := remote.Write(ref, changed); err != nil {
		t.Fatal(err)
	}
	if u, err := cache.Unpack(registryScheme+ref.String(), riscv, false); err != nil || u.Root != old.Root {
		t.Errorf("without pull: %v, %v", u, err)
	}
	for _, pull := range []bool{true, false} {
		u, err := cache.Unpack(registryScheme+ref.String(), riscv, pull)
		if err != nil || contents(t, u.Root)["/arch"] != "second" {
			t.Errorf("after a change, pull %v: %v, %v", pull, u, err)
		}
	}
}

// TestUnpackAtOnce has many unpack the same image.
func TestUnpackAtOnce(t *testing.T) {
	dir := t.TempDir()
	ix, _ := index(t)
	if _, err := layout.Write(filepath.Join(dir, "layout"), ix); err != nil {
		t.Fatal(err)
	}
	cache := Cache{filepath.Join(dir, "cache")}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			u, err := cache.Unpack(filepath.Join(dir, "layout"), riscv, false)
			if err != nil {
				t.Error(err)
			} else if b, err := os.ReadFile(u.Root + "/arch"); err != nil || string(b) != "riscv64" {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
	wg.Wait()
	if got, _ := os.ReadDir(filepath.Join(cache.Dir, "images")); len(got) != 1 {
		t.Errorf("the cache has %v", got)
	}
}

// TestUmask: an image's files have the modes that it gives them; what it does not name,
// everybody may go through.
func TestUmask(t *testing.T) {
	img := newImage(t, riscv, newLayer(t, compression.None, file("deep/a/b", "deep"), tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o644}))
	lay := t.TempDir()
	path, err := layout.Write(lay, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	defer unix.Umask(unix.Umask(0o077))
	u, err := Cache{t.TempDir()}.Unpack(lay, riscv, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{".": 0o755, "deep": 0o755, "deep/a": 0o755, "deep/a/b": 0o644, "fifo": 0o644} {
		if info, err := os.Lstat(filepath.Join(u.Root, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

// TestTempDir: what an interrupted process has left is removed, what one uses is not.
func TestTempDir(t *testing.T) {
	dir := t.TempDir()
	first, err := tempDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	stale := filepath.Join(dir, tempPrefix+"stale")
	if err := os.MkdirAll(stale+"/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(stale+"/sub", 0); err != nil {
		t.Fatal(err)
	}
	second, err := tempDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	got, _ := filepath.Glob(dir + "/*")
	want := []string{first.Name(), second.Name()}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCopy(t *testing.T) {
	from := t.TempDir()
	if err := os.MkdirAll(from+"/closed/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"a": 0o644, "closed/su": 0o755 | fs.ModeSetuid, "closed/sub/x": 0o600} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(from, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(from+"/a", from+"/b"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", from+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(from+"/closed", 0o555); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(from+"/closed", 0o755) }()
	to, err := Cache{t.TempDir()}.Copy(from)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if diff := cmp.Diff(contents(t, from), contents(t, to.Name())); diff != "" {
		t.Errorf("the copy is different (-want +got):\n%s", diff)
	}
	var a, b unix.Stat_t
	if err := unix.Stat(to.Name()+"/a", &a); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(to.Name()+"/b", &b); err != nil || a.Ino != b.Ino {
		t.Errorf("a hard link has become another file: %d, %d, %v", a.Ino, b.Ino, err)
	}
	if err := removeDir(to.Name()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(to.Name()); err == nil {
		t.Error("the copy is still there")
	}
	if got := fmt.Sprint(len(contents(t, from))); got != "7" {
		t.Errorf("the original has %s files", got)
	}
}
