//go:build linux

package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/inroot"
)

// Names by which a layer says that files of those below are no more
// (github.com/opencontainers/image-spec, layer.md).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
	metadata = ".wh..wh." // begins names of a file system's own
)

// Extract writes the files of all layers to a directory that is empty, and compares what it reads
// with the digests in the image's configuration. Owners are kept if this process may
// change them; device nodes and extended attributes are left out.
func Extract(img v1.Image, dir string) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if len(cfg.RootFS.DiffIDs) != len(layers) {
		return fmt.Errorf("%d layers, but %d digests", len(layers), len(cfg.RootFS.DiffIDs))
	}
	root, err := inroot.Open(dir)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	x := &extraction{root: root, dirs: map[string]*tar.Header{}}
	for i, l := range layers {
		if err := x.layer(l, cfg.RootFS.DiffIDs[i]); err != nil {
			return fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	return x.finishDirs()
}

// extraction is the writing of an image's files.
type extraction struct {
	root  int
	added map[string]bool        // paths that the layer has, and those above them
	dirs  map[string]*tar.Header // directories: they get their modes and times last
}

// layer applies a layer. Its digest is that of the tar without compression.
func (x *extraction) layer(l v1.Layer, want v1.Hash) error {
	stream, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer stream.Close()
	hasher, err := v1.Hasher(want.Algorithm)
	if err != nil {
		return err
	}
	in := io.TeeReader(stream, hasher)
	x.added = map[string]bool{}
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = x.entry(h, r)
		}
		if err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // behind the tar's end
		return err
	}
	if got := fmt.Sprintf("%x", hasher.Sum(nil)); got != want.Hex {
		return fmt.Errorf("its digest is %s:%s, not %s", want.Algorithm, got, want)
	}
	return nil
}

// entry applies one entry of a layer.
func (x *extraction) entry(h *tar.Header, r io.Reader) error {
	name := path.Clean("/" + h.Name)
	above, base := path.Split(name)
	above = path.Clean(above)
	switch h.Typeflag {
	case tar.TypeXGlobalHeader, tar.TypeChar, tar.TypeBlock:
		return nil
	}
	if name == "/" {
		x.dirs["/"] = h
		return nil
	}
	parent, err := inroot.Place(x.root, above, true)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	switch {
	case base == opaque:
		return x.clear(parent, above)
	case strings.HasPrefix(base, metadata):
		return nil
	case strings.HasPrefix(base, whiteout):
		gone := base[len(whiteout):]
		if gone == "" || gone == "." || gone == ".." {
			return fmt.Errorf("%s: this is no name of a file", name)
		}
		if x.added[path.Join(above, gone)] {
			return nil
		}
		return inroot.RemoveAll(parent, gone)
	}
	for p := name; !x.added[p] && p != "/"; p = path.Dir(p) {
		x.added[p] = true
	}
	if err := x.create(parent, base, name, h, r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// clear removes what layers below have in the directory of this path.
func (x *extraction) clear(dirfd int, dir string) error {
	names, fd, err := inroot.List(dirfd, ".")
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, n := range names {
		p := path.Join(dir, n)
		if !x.added[p] {
			err = inroot.RemoveAll(fd, n)
		} else if sub, e := unix.Openat(fd, n, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); e == nil {
			err = x.clear(sub, p)
			_ = unix.Close(sub)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// create makes a file of any kind, in place of what is there.
func (x *extraction) create(parent int, base, name string, h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		return x.directory(parent, base, name, h)
	}
	if err := inroot.RemoveAll(parent, base); err != nil {
		return err
	}
	delete(x.dirs, name)
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return writeFile(parent, base, h, r)
	case tar.TypeLink:
		return x.link(parent, base, h.Linkname)
	case tar.TypeSymlink:
		if err := unix.Symlinkat(h.Linkname, parent, base); err != nil {
			return err
		}
	case tar.TypeFifo:
		if err := unix.Mknodat(parent, base, unix.S_IFIFO|0o600, 0); err != nil {
			return err
		}
		// Behind own, which takes set-id bits away; and the umask is none of the image's.
		return errors.Join(own(parent, base, h), unix.Fchmodat(parent, base, uint32(h.Mode&0o7777), 0), setTimes(parent, base, h))
	default:
		return fmt.Errorf("an entry of type %q", h.Typeflag)
	}
	return errors.Join(own(parent, base, h), setTimes(parent, base, h))
}

func (x *extraction) directory(parent int, base, name string, h *tar.Header) error {
	err := inroot.Mkdir(parent, base)
	if err == unix.EEXIST {
		var st unix.Stat_t
		if err = unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
			if err = inroot.RemoveAll(parent, base); err == nil {
				err = inroot.Mkdir(parent, base)
			}
		}
	}
	if err != nil {
		return err
	}
	x.dirs[name] = h
	return own(parent, base, h)
}

func writeFile(parent int, base string, h *tar.Header, r io.Reader) error {
	fd, err := unix.Openat(parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	_, err = io.Copy(f, r)
	if err == nil {
		err = own(parent, base, h)
	}
	if err == nil {
		err = unix.Fchmod(fd, uint32(h.Mode&0o7777)) // behind own, which takes set-id bits away
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return setTimes(parent, base, h)
}

// link makes a hard link to another file of the image.
func (x *extraction) link(parent int, base, target string) error {
	above, last := path.Split(path.Clean("/" + target))
	dir, err := inroot.LookUp(x.root, above)
	if err != nil {
		return inroot.Named(target, err)
	}
	defer unix.Close(dir)
	return inroot.Named(target, unix.Linkat(dir, last, parent, base, 0))
}

// own gives a file to its owner, if this process may.
func own(parent int, base string, h *tar.Header) error {
	if os.Geteuid() != 0 {
		return nil
	}
	err := unix.Fchownat(parent, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.EINVAL || err == unix.EPERM { // in a user namespace that lacks this user
		err = nil
	}
	return err
}

func setTimes(parent int, base string, h *tar.Header) error {
	if h.ModTime.IsZero() || h.ModTime.Before(time.Unix(0, 0)) {
		return nil
	}
	at := unix.NsecToTimespec(h.ModTime.UnixNano())
	return unix.UtimesNanoAt(parent, base, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
}

// finishDirs gives directories their modes and times, those within others first: nothing
// can be written to some of them afterwards.
func (x *extraction) finishDirs() error {
	var names []string
	for n := range x.dirs {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range slices.Backward(names) {
		fd, err := unix.Openat2(x.root, n, &unix.OpenHow{
			Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
		if err != nil {
			continue // a later layer has something else there
		}
		h := x.dirs[n]
		err = errors.Join(unix.Fchmod(fd, uint32(h.Mode&0o7777)), setTimes(fd, ".", h))
		_ = unix.Close(fd)
		if err != nil {
			return inroot.Named(n, err)
		}
	}
	return nil
}
