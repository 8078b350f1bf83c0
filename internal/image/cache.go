//go:build linux

package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/inroot"
)

// Cache is a directory of unpacked images. Each is under the digest of its configuration,
// which names the contents of all layers, and appears there complete, by a rename; several
// processes may use it at once. Nothing in it is ever changed.
//
//	images/sha256-HEX/rootfs       files
//	images/sha256-HEX/config.json  v1.Config
//	names/NAME                     the directory of what a registry's name was when it was pulled
//	runs/                          copies (Copy)
type Cache struct{ Dir string }

// Unpacked is an image in the cache.
type Unpacked struct {
	Root   string // the directory of its files
	Config v1.Config
}

// UserCache is the cache of the user.
func UserCache() (Cache, error) {
	dir, err := os.UserCacheDir()
	return Cache{filepath.Join(dir, "hospes")}, err
}

// Unpack returns the image that a reference names (see Open). Of a registry it is asked
// only once, or if pull is set.
func (c Cache) Unpack(ref string, p v1.Platform, pull bool) (Unpacked, error) {
	known := filepath.Join(c.Dir, "names", url.PathEscape(p.String()+" "+ref))
	if InRegistry(ref) && !pull {
		if id, err := os.ReadFile(known); err == nil {
			if u, err := c.read(string(id)); err == nil {
				return u, nil
			}
		}
	}
	for _, dir := range []string{"images", "names"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o755); err != nil {
			return Unpacked{}, err
		}
	}
	lock, err := tempDir(filepath.Join(c.Dir, "images"))
	if err != nil {
		return Unpacked{}, err
	}
	defer lock.Close()
	scratch := lock.Name()
	defer func() { _ = removeDir(scratch) }()
	img, err := Open(ref, p, scratch)
	if err != nil {
		return Unpacked{}, err
	}
	hash, err := img.ConfigName()
	if err != nil {
		return Unpacked{}, err
	}
	id := strings.ReplaceAll(hash.String(), ":", "-")
	u, err := c.read(id)
	if err != nil {
		if err = c.write(img, id, scratch); err != nil {
			return Unpacked{}, fmt.Errorf("%s: %w", ref, err)
		}
		u, err = c.read(id)
	}
	if err == nil && InRegistry(ref) {
		err = writeAtomically(known, []byte(id))
	}
	return u, err
}

// read returns an image that is there.
func (c Cache) read(id string) (u Unpacked, err error) {
	dir := filepath.Join(c.Dir, "images", id)
	b, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err == nil {
		err = json.Unmarshal(b, &u.Config)
	}
	u.Root = filepath.Join(dir, "rootfs")
	return u, err
}

// write unpacks an image in scratch and moves it to its place. Another process may have
// been faster.
func (c Cache) write(img v1.Image, id, scratch string) error {
	cfg, err := img.ConfigFile()
	if err != nil {
		return err
	}
	dir := filepath.Join(scratch, "image")
	root := filepath.Join(dir, "rootfs")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(root, 0o755); err != nil { // unless the image says otherwise, and whatever the umask
		return err
	}
	if err := Extract(img, root); err != nil {
		return err
	}
	b, err := json.Marshal(cfg.Config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), b, 0o644); err != nil {
		return err
	}
	to := filepath.Join(c.Dir, "images", id)
	err = os.Rename(dir, to)
	if !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if _, err := c.read(id); err == nil {
		return nil
	}
	// Somebody has removed a part of it: rm stops at directories that cannot be written to.
	if err := os.Rename(to, filepath.Join(scratch, "remains")); err != nil {
		return err
	}
	return os.Rename(dir, to)
}

const tempPrefix = "temporary-"

// tempDir makes a directory that is in use as long as the result, or a duplicate of it, is
// open, and removes those of processes that have not come to do that.
func tempDir(parent string) (*os.File, error) {
	left, _ := filepath.Glob(filepath.Join(parent, tempPrefix+"*"))
	for _, dir := range left {
		if f, err := lockDir(dir); err == nil {
			_ = removeDir(dir)
			f.Close()
		}
	}
	for {
		dir, err := os.MkdirTemp(parent, tempPrefix)
		if err != nil {
			return nil, err
		}
		f, err := lockDir(dir)
		if err == nil || !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EWOULDBLOCK) {
			return f, err
		} // another process has taken it for one that was left
	}
}

// lockDir opens a directory that no other process has locked, and locks it.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		if _, err = os.Stat(dir); err == nil {
			return f, nil
		}
	}
	f.Close()
	return nil, err
}

func writeAtomically(file string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), "new-")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// removeDir removes a directory with all that is in it, whatever its permissions are.
func removeDir(dir string) error {
	parent, err := inroot.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	return inroot.RemoveAll(parent, filepath.Base(dir))
}
