//go:build linux

// Package image makes directories of container images: of OCI image layouts, of tars as
// docker save and others write them, and of what registries have. [Open] finds the image of
// a platform, [Cache.Unpack] has its files in a directory.
package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"
)

// registryScheme begins the name of an image in a registry.
const registryScheme = "docker://"

// InRegistry reports whether a reference names an image in a registry.
func InRegistry(ref string) bool { return strings.HasPrefix(ref, registryScheme) }

// Open finds an image. The reference is docker://REGISTRY/NAME:TAG, or the path of an image
// layout or tar, which a colon and a tag may follow. Of an image for several platforms it
// is that of p. scratch is a directory for temporary files, which must stay as long as the
// image is in use.
func Open(ref string, p v1.Platform, scratch string) (v1.Image, error) {
	img, err := open(ref, p, scratch)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	if cfg.OS != p.OS || cfg.Architecture != p.Architecture {
		return nil, fmt.Errorf("%s: the image is for %s/%s, not for %s/%s", ref, cfg.OS, cfg.Architecture, p.OS, p.Architecture)
	}
	return img, nil
}

func open(ref string, p v1.Platform, scratch string) (v1.Image, error) {
	if rest, ok := strings.CutPrefix(ref, registryScheme); ok {
		r, err := name.ParseReference(rest)
		if err != nil {
			return nil, err
		}
		return remote.Image(r, remote.WithPlatform(p), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	}
	file, tag := ref, ""
	st, err := os.Stat(file)
	if i := strings.LastIndexByte(ref, ':'); err != nil && i > 0 {
		file, tag = ref[:i], ref[i+1:]
		st, err = os.Stat(file)
	}
	switch {
	case err != nil:
		return nil, errors.New("there is no such file")
	case st.IsDir():
		return openLayout(file, tag, p)
	}
	return openTar(file, tag, p, scratch)
}

// openLayout finds an image in an OCI image layout.
func openLayout(dir, tag string, p v1.Platform) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	found, err := choose(index, tag, p)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0 && tag != "":
		return nil, fmt.Errorf("there is no image %s for %s", tag, p)
	case len(found) == 0:
		return nil, fmt.Errorf("there is no image for %s", p)
	case len(found) > 1:
		return nil, fmt.Errorf("there are %d images for %s; name one by its tag: %s:TAG", len(found), p, dir)
	}
	return found[0], nil
}

// refName is the annotation that says the tag of an image in a layout.
const refName = "org.opencontainers.image.ref.name"

// choose returns the images of an index that have the tag, if one is given, and the
// platform.
func choose(index v1.ImageIndex, tag string, p v1.Platform) (found []v1.Image, err error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range m.Manifests {
		if n := d.Annotations[refName]; tag != "" && n != tag && !strings.HasSuffix(n, ":"+tag) {
			continue
		}
		switch {
		case d.MediaType.IsIndex():
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			more, err := choose(inner, "", p)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		case d.MediaType.IsImage() && (d.Platform == nil || d.Platform.Satisfies(v1.Platform{OS: p.OS, Architecture: p.Architecture})):
			img, err := index.Image(d.Digest)
			if err != nil {
				return nil, err
			}
			if cfg, err := img.ConfigFile(); err == nil && cfg.Architecture == p.Architecture {
				found = append(found, img)
			}
		}
	}
	return found, nil
}

// openTar finds an image in a tar of docker save, or of an image layout (oci-archive); it
// may be compressed.
func openTar(file, tag string, p v1.Platform, scratch string) (v1.Image, error) {
	opener := func() (io.ReadCloser, error) { return openDecompressed(file) }
	kind, err := tarKind(opener)
	switch {
	case err != nil:
		return nil, fmt.Errorf("this is no tar, or not the whole of one: %w", err)
	case kind == "manifest.json":
		wanted, err := savedTag(opener, tag)
		if err != nil {
			return nil, err
		}
		return tarball.Image(opener, wanted)
	case kind == "oci-layout":
		if err := extractLayout(opener, scratch); err != nil {
			return nil, err
		}
		return openLayout(scratch, tag, p)
	}
	return nil, errors.New("this is neither a tar of docker save nor one of an OCI image layout")
}

// savedTag finds the image of a tag in a tar of docker save; nil stands for the only one.
func savedTag(opener tarball.Opener, tag string) (*name.Tag, error) {
	m, err := tarball.LoadManifest(opener)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range m {
		names = append(names, d.RepoTags...)
	}
	if tag == "" {
		if len(m) > 1 {
			return nil, fmt.Errorf("there are several images; name one by its tag: %s", strings.Join(names, ", "))
		}
		return nil, nil
	}
	for _, n := range names {
		if n == tag || strings.HasSuffix(n, ":"+tag) {
			t, err := name.NewTag(n)
			return &t, err
		}
	}
	return nil, fmt.Errorf("there is no image %s", tag)
}

// tarKind is the file that tells what kind of tar it is. Newer versions of docker save
// write both.
func tarKind(opener tarball.Opener) (kind string, err error) {
	err = eachEntry(opener, func(h *tar.Header, _ io.Reader) error {
		switch n := path.Clean(h.Name); n {
		case "manifest.json":
			kind = n
		case "oci-layout":
			if kind == "" {
				kind = n
			}
		}
		return nil
	})
	return kind, err
}

// eachEntry calls f for each entry of a tar.
func eachEntry(opener tarball.Opener, f func(*tar.Header, io.Reader) error) error {
	file, err := opener()
	if err != nil {
		return err
	}
	defer file.Close()
	r := tar.NewReader(file)
	for {
		h, err := r.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := f(h, r); err != nil {
			return err
		}
	}
}

// extractLayout writes the files of an image layout to dir: an index, and blobs.
func extractLayout(opener tarball.Opener, dir string) error {
	return eachEntry(opener, func(h *tar.Header, r io.Reader) error {
		n := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !isLayoutFile(n) {
			return nil
		}
		to := filepath.Join(dir, filepath.FromSlash(n))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close())
	})
}

// isLayoutFile reports whether a clean path belongs to a layout: blobs/ALGORITHM/HEX and
// two files.
func isLayoutFile(n string) bool {
	if n == "oci-layout" || n == "index.json" {
		return true
	}
	part := strings.Split(n, "/")
	word := func(s string) bool {
		return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	}
	return len(part) == 3 && part[0] == "blobs" && word(part[1]) && word(part[2])
}

// decompressed is a compressed file.
type decompressed struct {
	io.Reader
	close func()
	file  io.Closer
}

func (d *decompressed) Close() error {
	if d.close != nil {
		d.close()
	}
	return d.file.Close()
}

// openDecompressed opens a file that may be compressed with gzip or zstd.
func openDecompressed(file string) (io.ReadCloser, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReader(f)
	d := &decompressed{Reader: b, file: f}
	head, _ := b.Peek(4)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		d.Reader, err = gzip.NewReader(b)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(b); err == nil {
			d.Reader, d.close = z, z.Close
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return d, nil
}
